//! The owner's registries, asked on behalf of a conversation.
//!
//! Searching and planning go the way of `skynet plugin search` and `install --plan`: the
//! same verification, the same review. Installing is the same change that the command
//! makes, for the one release whose digest was approved. Refuses any other.

use crate::home::Home;
use crate::registry;
use crate::registry::before::Before;
use crate::registry::carry::{self, Ready, Word};
use crate::registry::findings;
use crate::registry::intent::{Intent, is_of};
use crate::registry::proposal::Proposal;
use crate::workshop::place;
use anyhow::{Result, bail};
use async_trait::async_trait;
use jiff::Timestamp;
use skynet_core::PluginId;
use skynet_core::ports::PluginStore as _;
use skynet_core::proposals::{Candidate, Found, Market, ProposalKind, Supply};
use skynet_plugins::PluginHost;
use skynet_policy::permission::Permissions;
use skynet_policy::registry::publisher::Continuity;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::offer::Wish;
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

impl Looked {
    /// What it would be allowed. What the owner kept from an earlier version stays kept; then the grant in force is
    /// the right one.
    fn allowed(&self) -> Result<Permissions> {
        let asks = &self.proposal.offer.release.permissions;
        let granted = self.proposal.approved(&self.ready.publisher).grant("", 0).or_else(|| self.proposal.stored.clone());
        let allowed = match granted.filter(|_| !asks.is_empty()) {
            Some(grant) => serde_json::from_value(grant.permissions)?,
            None => asks.clone(),
        };
        Ok(allowed.normalized())
    }

    /// What speaks against it, is said of it, and would change with it: one line each.
    fn lines(&self) -> Vec<String> {
        let against = self.proposal.step.against().into_iter().chain(self.proposal.notes.iter().cloned());
        against.chain(self.ready.findings.lines(Severity::Medium)).collect()
    }

    /// The version that it would take the place of.
    fn replaces(&self) -> Result<Option<String>> {
        let installed = self.held.read_lock().map_err(registry::failed)?;
        Ok(installed.find(&self.proposal.offer.release.id).map(|plugin| plugin.version.to_string()))
    }
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

    /// The release that fits, verified, and its file.
    async fn look(&self, wish: &Wish) -> Result<Looked> {
        // Servers are asked first: who holds the folder meanwhile keeps its owner from changing anything.
        let asked = registry::open(&self.home)?;
        let place = asked.places().and_then(|places| places.of(&wish.id).cloned()).map_err(registry::failed)?;
        let visit = registry::visit(&asked, &place).await?;
        let offer = visit.select(wish).await.map_err(registry::failed)?;
        let index = visit.index().await.map_err(registry::failed)?;
        let (held, lock) = registry::open_to_change_soon(&self.home).await?;
        let proposal = Proposal::of(&self.home, &held, &self.store, offer, &index, Timestamp::now()).await?;
        let name = proposal.offer.name();
        let by_hand = "only the owner does that, with `skynet plugin install`";
        if proposal.is_kept() {
            bail!("{name} is installed already");
        }
        if proposal.lower {
            bail!("{name} is older than what ran here; {by_hand}");
        }
        if held.read_lock().map_err(registry::failed)?.find(&wish.id).is_some_and(|locked| locked.pinned) {
            bail!("the owner pinned another release of {}; `skynet plugin unpin` ends that", wish.id);
        }
        if proposal.step.continuity == Some(Continuity::Broken) {
            bail!("the publisher's keys of {name} are not those that this machine knows, and those did not sign for them; {by_hand}");
        }
        // One file waits for its owner's word at a time; a conversation cannot fill the disk with them.
        carry::tidy_but(&held, &lock, &proposal.offer)?;
        let ready = carry::fetch_soon(&self.home, (&held, &lock), &visit, &proposal, &Policy::default()).await?;
        findings::pass(&proposal.offer.name(), &ready.findings)?;
        Ok(Looked { held, lock, proposal, ready })
    }

    /// The very release that was proposed, with what it would be allowed and what it would replace.
    async fn again(&self, candidate: &Candidate) -> Result<Looked> {
        let version = semver::VersionReq::parse(&format!("={}", candidate.version))?;
        let looked = self.look(&Wish { id: candidate.subject.clone(), version: Some(version) }).await?;
        if looked.proposal.offer.digest != candidate.digest {
            bail!("the registry has another release under this version now");
        }
        if looked.ready.publisher != candidate.publisher {
            bail!("it is signed by another key now");
        }
        if serde_json::to_value(looked.allowed()?)? != candidate.permissions || looked.replaces()? != candidate.replaces {
            bail!("what it would be allowed or would replace is not what was shown any more; it has to be proposed again");
        }
        // Keys that count from then on, advisories, what it imports: nothing comes that the owner did not read.
        if let Some(new) = looked.lines().iter().find(|line| !candidate.findings.contains(line)) {
            bail!("this was not so when it was proposed: {new}; it has to be proposed again");
        }
        Ok(looked)
    }

    async fn planned(&self, id: &PluginId, version: Option<&semver::Version>) -> Result<Candidate> {
        let version = version.map(|version| semver::VersionReq::parse(&format!("={version}"))).transpose()?;
        let looked = self.look(&Wish { id: id.clone(), version }).await?;
        let Looked { proposal, ready, .. } = &looked;
        let release = proposal.offer.release.clone();
        let (permissions, replaces) = (looked.allowed()?, looked.replaces()?);
        Ok(Candidate {
            kind: ProposalKind::Registry,
            subject: release.id.clone(),
            version: release.version.clone(),
            digest: proposal.offer.digest.clone(),
            publisher: ready.publisher.clone(),
            summary: release.summary.clone(),
            permissions: serde_json::to_value(&permissions)?,
            request: release.permissions.digest(),
            asks: permissions.sentences(),
            tools: release.tools.iter().map(|tool| tool.name.clone()).collect(),
            findings: looked.lines(),
            trials: Vec::new(),
            replaces,
            source: None,
            registry: Some(proposal.offer.registry.clone()),
        })
    }

    /// Whether the lockfile has this very release: an earlier attempt came that far.
    fn is_installed(&self, candidate: &Candidate) -> Result<bool> {
        let installed = registry::open(&self.home)?.read_lock().map_err(registry::failed)?;
        Ok(is_of(installed.find(&candidate.subject), &candidate.digest))
    }

    async fn installed(&self, candidate: &Candidate, by: &str) -> Result<()> {
        let Looked { held, lock, proposal, ready } = self.again(candidate).await?;
        let word = Word { by: by.to_owned(), now: Timestamp::now() };
        carry::change(&self.home, &held, &lock, &proposal, &ready, &word).await?;
        carry::tidy(&held, &lock)
    }

    /// What did not serve goes, and the release before it comes back with the grant that it had.
    async fn taken_back(&self, candidate: &Candidate, before: Before, by: &str) -> Result<()> {
        let (held, lock) = registry::open_to_change_soon(&self.home).await?;
        let now = held.read_lock().map_err(registry::failed)?;
        if !is_of(now.find(&candidate.subject), &candidate.digest) {
            return Ok(());
        }
        let lower = before.locked.is_some();
        let seen = self.store.grant(&candidate.subject).await?;
        // One that its owner took meanwhile does not come back, and the very grant that is in force beside an earlier
        // release stays without being written again.
        let comes_back = seen.is_some() && !(lower && seen == before.grant);
        let intent = Intent {
            id: candidate.subject.clone(),
            action: if lower { "rollback".into() } else { "remove".into() },
            by: by.to_owned(),
            locked: before.locked,
            trust: Vec::new(),
            revoke: before.grant.is_none(),
            grant: before.grant.filter(|_| comes_back),
            seen,
            lower,
            recorded: false,
        };
        intent.carry_out(&self.home, &held, &lock).await
    }

    /// Installs it and sees it serve, or takes it back.
    async fn changed(&self, host: &PluginHost, candidate: &Candidate, before: Option<Before>, by: &str) -> Result<(), String> {
        if !self.is_installed(candidate).map_err(said)? {
            Box::pin(self.installed(candidate, by)).await.map_err(said)?;
        }
        let served = place::served(host, candidate, &registry::intent::file_name(&candidate.subject)).await;
        if let (Err(_), Some(before)) = (&served, before) {
            if let Err(error) = Box::pin(self.taken_back(candidate, before, by)).await {
                tracing::error!(plugin = %candidate.subject, "an installation that failed could not be taken back: {error:#}");
            }
            host.look_now();
        }
        served
    }

    async fn before(&self, candidate: &Candidate) -> Result<Option<Before>> {
        Before::of(&self.home, &registry::open(&self.home)?, &self.store, &candidate.subject, &candidate.digest).await
    }

    async fn searched(&self, query: &str, limit: usize) -> Result<Vec<Found>> {
        let held = registry::open(&self.home)?;
        let places = held.places().map_err(registry::failed)?;
        if places.all.is_empty() {
            bail!("the owner has named no registry; that is done with `skynet registry add`");
        }
        let mut found = Vec::new();
        let mut silent = Vec::new();
        for place in &places.all {
            let asked = async {
                let visit = registry::visit(&held, place).await?;
                let index = visit.index().await.map_err(registry::failed)?;
                anyhow::Ok((visit, index))
            };
            let (visit, index) = match asked.await {
                Ok(both) => both,
                Err(error) => {
                    silent.push(format!("{}: {error:#}", place.name));
                    continue;
                }
            };
            for entry in index.search(query) {
                let theirs = places.of(&entry.id).is_ok_and(|owner| owner.name == place.name);
                // What cannot be installed would only be proposed in vain.
                let Some(newest) = entry.newest(visit.advisories()).filter(|_| theirs) else { continue };
                let (id, version) = (entry.id.clone(), newest.version.clone());
                found.push(Found { id, version, summary: entry.summary.clone(), registry: place.name.clone() });
            }
        }
        found.truncate(limit);
        // One that does not answer hides nothing of the others.
        if found.is_empty() && !silent.is_empty() {
            bail!("{}", silent.join("; "));
        }
        silent.iter().for_each(|why| tracing::warn!("a registry was left out of a search: {why}"));
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
        if place::serves(host, candidate).await {
            // Done by an earlier attempt.
            Before::forget(&self.home);
            return Ok(());
        }
        let before = self.before(candidate).await.map_err(said)?;
        let ended = self.changed(host, candidate, before, by).await;
        Before::forget(&self.home);
        ended
    }

    /// What was fetched stays on the shelf until the next look or installation tidies it.
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

#[cfg(test)]
mod tests;
