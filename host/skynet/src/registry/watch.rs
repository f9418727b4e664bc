//! The host's own look at the registries, every few hours: what was revoked ends, what is
//! newer is told, and what may go alone goes, where the owner turned that on.
//!
//! Asks nobody where no registry is named. Nothing here ever widens what a plugin may do.

use super::carry::{self, Word};
use super::findings;
use super::proposal::Proposal;
use super::updates::{self, Look};
use crate::home::Home;
use crate::limits::{REGISTRY_CHECK, REGISTRY_FIRST_CHECK};
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::json;
use skynet_core::config::RegistriesConfig;
use skynet_gateway::Herald;
use skynet_plugins::PluginHost;
use skynet_policy::release::{Release, split};
use skynet_registry_client::Home as Registries;
use skynet_review::{Policy, Report};
use skynet_store::Store;
use std::sync::Arc;

/// What the look needs of the host.
pub(crate) struct Watch {
    pub(crate) home: Home,
    pub(crate) config: RegistriesConfig,
    pub(crate) store: Arc<Store>,
    pub(crate) host: PluginHost,
    pub(crate) herald: Herald,
}

impl Watch {
    /// Looks until the host ends.
    pub(crate) async fn run(self) {
        if !self.config.check {
            return;
        }
        let mut pause = REGISTRY_FIRST_CHECK;
        loop {
            tokio::time::sleep(pause).await;
            pause = REGISTRY_CHECK;
            if let Err(error) = Box::pin(self.look()).await {
                tracing::warn!("the registries could not be looked at: {error:#}");
            }
        }
    }

    async fn look(&self) -> Result<()> {
        if !self.home.registries().is_dir() {
            return Ok(());
        }
        let held = super::open(&self.home)?;
        if held.places().map_err(super::failed)?.all.is_empty() {
            return Ok(());
        }
        let before = updates::kept(&self.home).map(|known| known.updates).unwrap_or_default();
        let mut look = updates::look(&self.home, &held, &self.store, &[], Timestamp::now()).await?;
        self.host.hear_again().await;
        look.known.faults.iter().chain(&look.known.warnings).for_each(|line| tracing::warn!("{line}"));
        if self.config.auto_update {
            self.go_alone(&held, &mut look).await?;
        }
        // Tags in OCI registries are the owner's to ask; what was last heard of them stays.
        let lock = held.read_lock().map_err(super::failed)?;
        let from_oci = |update: &&updates::Update| lock.find(&update.id).is_some_and(|locked| locked.oci.is_some());
        look.known.updates.extend(before.iter().filter(from_oci).cloned());
        updates::keep(&self.home, &look.known)?;
        if !look.known.updates.is_empty() && look.known.updates != before {
            tracing::info!("{} newer releases of plugins; see: skynet plugin outdated", look.known.updates.len());
            self.herald.updates(&json!({ "checked": look.known.checked, "updates": look.known.updates }));
        }
        Ok(())
    }

    /// Installs the updates that need nobody's word.
    async fn go_alone(&self, held: &Registries, look: &mut Look) -> Result<()> {
        let Ok(lock) = held.lock() else {
            // The owner is installing something; the next look comes.
            return Ok(());
        };
        super::intent::mend(&self.home, held, &lock).await?;
        let word = Word { by: "host (auto_update)".into(), now: Timestamp::now() };
        for (at, proposal) in look.found.iter().filter(|(_, proposal)| proposal.step.may_go_alone() && proposal.widens().is_empty()) {
            let Some(visit) = look.visits.get(*at) else { continue };
            let name = proposal.offer.name();
            let done = async {
                let ready = carry::fetch(&self.home, (held, &lock), visit, proposal, &Policy::default()).await?;
                findings::pass(&name, &ready.findings)?;
                let graver = findings::graver(&ready.findings, &self.reviewed(held, proposal)?);
                if !graver.is_empty() {
                    anyhow::bail!(
                        "a review finds what it did not find in the installed one: {}; see it with: skynet plugin update --plan",
                        graver.join(", ")
                    );
                }
                carry::change(&self.home, held, &lock, proposal, &ready, &word).await
            };
            match done.await {
                Ok(()) => {
                    tracing::info!("updated by itself: {name}");
                    look.known.updates.retain(|update| update.id != proposal.offer.release.id);
                }
                Err(error) => tracing::warn!("{name} was not installed: {error:#}"),
            }
        }
        carry::tidy(held, &lock)?;
        self.host.look_now();
        Ok(())
    }

    /// What a review finds in the installed release.
    fn reviewed(&self, held: &Registries, proposal: &Proposal) -> Result<Report> {
        let lock = held.read_lock().map_err(super::failed)?;
        let locked = lock.find(&proposal.offer.release.id).context("the lockfile lost an entry")?;
        let file = held.kept(&locked.file).map_err(super::failed)?;
        let release = Release::parse(split(&file)?.release_json)?;
        Ok(findings::of(&file, &release, &[], &Policy::default()))
    }
}
