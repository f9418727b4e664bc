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
use skynet_core::PluginId;
use skynet_core::config::RegistriesConfig;
use skynet_core::ports::{Audit as _, AuditRow};
use skynet_gateway::Herald;
use skynet_plugins::PluginHost;
use skynet_policy::naming::plain_line;
use skynet_policy::release::{Release, split};
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::visit::Visit;
use skynet_review::{Policy, Report};
use skynet_store::Store;
use std::sync::Arc;

/// Whose word an update is that needs nobody's.
const HOST: &str = "host (auto_update)";

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
        let (before, pinned) = updates::kept(&self.home).map(|known| (known.updates, known.pinned)).unwrap_or_default();
        let looked = updates::look(&self.home, &held, &self.store, &[], Timestamp::now()).await;
        // Whatever failed: what others were heard to say counts.
        self.host.hear_again().await;
        let mut look = looked?;
        look.known.faults.iter().chain(&look.known.warnings).for_each(|line| tracing::warn!("{line}"));
        if self.config.auto_update {
            self.go_alone(&held, &mut look).await?;
        }
        // Tags in OCI registries are the owner's to ask; what was last heard of them stays.
        let lock = held.read_lock().map_err(super::failed)?;
        let from_oci = |id: &PluginId| lock.find(id).is_some_and(|locked| locked.oci.is_some());
        look.known.updates.extend(before.iter().filter(|update| from_oci(&update.id)).cloned());
        look.known.pinned.extend(pinned.into_iter().filter(|one| from_oci(&one.id)));
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
        for (at, seen) in look.found.iter().filter(|(_, seen)| seen.may_go_alone()) {
            let Some(visit) = look.visits.get(*at) else { continue };
            let (name, id) = (seen.offer.name(), seen.offer.release.id.clone());
            match Box::pin(self.go(held, &lock, visit, seen)).await {
                Ok(true) => {
                    tracing::info!("updated by itself: {name}");
                    look.known.updates.retain(|update| update.id != id);
                }
                Ok(false) => tracing::info!("{name} was not installed by itself: its owner has to agree by now"),
                Err(error) => {
                    tracing::warn!("{name} was not installed: {error:#}");
                    self.refused(&id, &error).await;
                    // One change at a time: the next would hide what this one left.
                    super::intent::mend(&self.home, held, &lock).await?;
                }
            }
        }
        carry::tidy(held, &lock)?;
        self.host.look_now();
        Ok(())
    }

    /// One update, if it still needs nobody's word: the look took minutes, and so does the
    /// download, and meanwhile its owner may have removed or pinned it, or taken its grant.
    async fn go(&self, held: &Registries, lock: &HomeLock, visit: &Visit, seen: &Proposal) -> Result<bool> {
        let index = visit.index().await.map_err(super::failed)?;
        let again = async || Proposal::of(&self.home, held, &self.store, seen.offer.clone(), &index, Timestamp::now()).await;
        let proposal = again().await?;
        if !proposal.may_go_alone() {
            return Ok(false);
        }
        let ready = carry::fetch_soon(&self.home, (held, lock), visit, &proposal, &Policy::default()).await?;
        findings::pass(&proposal.offer.name(), &ready.findings)?;
        let graver = findings::graver(&ready.findings, &self.reviewed(held, &proposal)?);
        if !graver.is_empty() {
            anyhow::bail!(
                "a review finds what it did not find in the installed one: {}; see it with: skynet plugin update --plan",
                graver.join(", ")
            );
        }
        let proposal = again().await?;
        if !proposal.may_go_alone() {
            return Ok(false);
        }
        let word = Word { by: HOST.into(), now: Timestamp::now() };
        carry::change(&self.home, held, lock, &proposal, &ready, &word).await?;
        Ok(true)
    }

    /// A failed update of the host's own is on record like anybody's.
    async fn refused(&self, id: &PluginId, error: &anyhow::Error) {
        let detail = json!({ "why": plain_line(&format!("{error:#}"), super::WHY) });
        let row = AuditRow { kind: "plugin.update".into(), actor: HOST.into(), subject: id.to_string(), verdict: "refused".into(), detail };
        if let Err(unwritten) = self.store.record(row).await {
            tracing::error!("a refusal was not recorded: {unwritten}");
        }
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
