//! The owner's registries, asked on behalf of a conversation.
//!
//! Searching and planning go the way of `skynet plugin search` and `install --plan`: the
//! same verification, the same review. Installing is the same change that the command
//! makes, for the one release whose digest was approved. Refuses any other.

use crate::home::Home;
use crate::registry;
use crate::registry::carry::{self, Ready, Word};
use crate::registry::findings;
use crate::registry::proposal::Proposal;
use crate::workshop::place;
use anyhow::{Result, bail};
use async_trait::async_trait;
use jiff::Timestamp;
use skynet_core::PluginId;
use skynet_core::proposals::{Candidate, Found, Market, ProposalKind, Supply};
use skynet_plugins::PluginHost;
use skynet_policy::permission::Permissions;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::offer::Wish;
use skynet_registry_client::visit::{Freshness, Visit};
use skynet_review::{Policy, Severity};
use skynet_store::Store;
use std::sync::{Arc, OnceLock};

/// The registries of this data folder.
pub(crate) struct RegistryMarket {
    home: Home,
    store: Arc<Store>,
    /// There once plugins are.
    host: OnceLock<PluginHost>,
}

/// One release, looked at and fetched.
struct Looked {
    held: Registries,
    lock: HomeLock,
    proposal: Proposal,
    ready: Ready,
}

impl RegistryMarket {
    pub(crate) fn new(home: Home, store: Arc<Store>) -> Self {
        Self { home, store, host: OnceLock::new() }
    }

    /// From here on plugins can be installed.
    pub(crate) fn arrived(&self, host: PluginHost) {
        // Only one is ever made.
        let _ = self.host.set(host);
    }

    async fn visit(&self, held: &Registries, name: &str) -> Result<Visit> {
        let places = held.places().map_err(registry::failed)?;
        let place = places.named(name).map_err(registry::failed)?;
        held.visit(&place.name, registry::fetch(place)?, Freshness::Strict, Timestamp::now()).await.map_err(registry::failed)
    }

    /// The release that fits, verified, and its file.
    async fn look(&self, wish: &Wish) -> Result<Looked> {
        let (held, lock) = registry::open_to_change(&self.home).await?;
        let name = held.places().and_then(|places| places.of(&wish.id).map(|place| place.name.clone())).map_err(registry::failed)?;
        let visit = self.visit(&held, &name).await?;
        let offer = visit.select(wish).await.map_err(registry::failed)?;
        let index = visit.index().await.map_err(registry::failed)?;
        let proposal = Proposal::of(&self.home, &held, &self.store, offer, &index, Timestamp::now()).await?;
        if proposal.is_kept() {
            bail!("{} is installed already", proposal.offer.name());
        }
        if proposal.lower {
            bail!("{} is older than what ran here; only the owner goes back, with `skynet plugin install`", proposal.offer.name());
        }
        let ready = carry::fetch(&self.home, (&held, &lock), &visit, &proposal, &Policy::default()).await?;
        findings::pass(&proposal.offer.name(), &ready.findings)?;
        Ok(Looked { held, lock, proposal, ready })
    }

    /// The very release that was proposed.
    async fn again(&self, candidate: &Candidate) -> Result<Looked> {
        let version = semver::VersionReq::parse(&format!("={}", candidate.version))?;
        let looked = self.look(&Wish { id: candidate.subject.clone(), version: Some(version) }).await?;
        if looked.proposal.offer.digest != candidate.digest {
            bail!("the registry has another release under this version now");
        }
        if looked.ready.publisher != candidate.publisher {
            bail!("it is signed by another key now");
        }
        Ok(looked)
    }

    async fn planned(&self, id: &PluginId, version: Option<&semver::Version>) -> Result<Candidate> {
        let version = version.map(|version| semver::VersionReq::parse(&format!("={version}"))).transpose()?;
        let Looked { held, proposal, ready, .. } = self.look(&Wish { id: id.clone(), version }).await?;
        let release = proposal.offer.release.clone();
        let mut findings = proposal.notes.clone();
        findings.extend(ready.findings.lines(Severity::Medium));
        // What the owner kept from an earlier version stays kept; then the grant in force is the right one.
        let granted = proposal.approved(&ready.publisher).grant("", 0).or_else(|| proposal.stored.clone());
        let permissions: Permissions = match granted.filter(|_| !release.permissions.is_empty()) {
            Some(grant) => serde_json::from_value(grant.permissions)?,
            None => release.permissions.clone(),
        };
        Ok(Candidate {
            kind: ProposalKind::Registry,
            subject: release.id.clone(),
            version: release.version.clone(),
            digest: proposal.offer.digest.clone(),
            publisher: ready.publisher,
            summary: release.summary.clone(),
            permissions: serde_json::to_value(permissions.normalized())?,
            request: release.permissions.digest(),
            asks: permissions.sentences(),
            tools: release.tools.iter().map(|tool| tool.name.clone()).collect(),
            findings,
            trials: Vec::new(),
            replaces: held.read_lock().map_err(registry::failed)?.find(id).map(|plugin| plugin.version.to_string()),
            source: None,
            registry: Some(proposal.offer.registry.clone()),
        })
    }

    async fn installed(&self, candidate: &Candidate, by: &str) -> Result<()> {
        let Looked { held, lock, proposal, ready } = self.again(candidate).await?;
        let word = Word { by: by.to_owned(), now: Timestamp::now() };
        carry::change(&self.home, &held, &lock, &proposal, &ready, &word).await?;
        carry::tidy(&held, &lock)
    }

    async fn searched(&self, query: &str, limit: usize) -> Result<Vec<Found>> {
        let held = registry::open(&self.home)?;
        let places = held.places().map_err(registry::failed)?;
        if places.all.is_empty() {
            bail!("the owner has named no registry; that is done with `skynet registry add`");
        }
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        for place in &places.all {
            let index = async { self.visit(&held, &place.name).await?.index().await.map_err(registry::failed) };
            let index = match index.await {
                Ok(index) => index,
                Err(error) => {
                    tracing::warn!("{error:#}");
                    faults.push(error);
                    continue;
                }
            };
            for entry in index.search(query) {
                let theirs = places.of(&entry.id).is_ok_and(|owner| owner.name == place.name);
                let Some(newest) = entry.releases.last().filter(|_| theirs) else { continue };
                let (id, version) = (entry.id.clone(), newest.version.clone());
                found.push(Found { id, version, summary: entry.summary.clone(), registry: place.name.clone() });
            }
        }
        // What others list is no answer where all that answer have nothing.
        if let Some(fault) = faults.into_iter().next().filter(|_| found.is_empty()) {
            return Err(fault);
        }
        found.truncate(limit);
        Ok(found)
    }
}

/// What a model and an owner read of it.
fn said(error: anyhow::Error) -> String {
    format!("{error:#}")
}

#[async_trait]
impl Supply for RegistryMarket {
    async fn check(&self, candidate: &Candidate) -> Result<(), String> {
        Box::pin(self.again(candidate)).await.map(drop).map_err(said)
    }

    async fn install(&self, candidate: &Candidate, by: &str) -> Result<(), String> {
        let host = self.host.get().ok_or("the host is still starting; try again in a moment")?;
        let file = registry::intent::file_name(&candidate.subject);
        match place::serves(host, candidate).await {
            // Done by an earlier attempt.
            true => Ok(()),
            false => {
                Box::pin(self.installed(candidate, by)).await.map_err(said)?;
                place::served(host, candidate, &file).await
            }
        }
    }

    /// What was fetched stays on the shelf until the next installation tidies it.
    async fn forget(&self, _: &Candidate) {}
}

#[async_trait]
impl Market for RegistryMarket {
    async fn search(&self, query: &str, limit: usize) -> Result<Vec<Found>, String> {
        Box::pin(self.searched(query, limit)).await.map_err(said)
    }

    async fn plan(&self, id: &PluginId, version: Option<&semver::Version>) -> Result<Candidate, String> {
        Box::pin(self.planned(id, version)).await.map_err(said)
    }
}
