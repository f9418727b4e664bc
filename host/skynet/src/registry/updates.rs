//! Newer releases of what is installed: looked for, remembered for `status`, told.
//!
//! Installs nothing. One registry that does not answer leaves the others their say.

use super::proposal::Proposal;
use crate::home::Home;
use crate::limits::UPDATES_BYTES;
use anyhow::Result;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use skynet_core::PluginId;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::plan::Plan;
use skynet_registry_client::visit::{Freshness, Visit};
use skynet_store::Store;

/// What was found at the last look, below the folder of registries.
const FILE: &str = "updates.json";

/// One newer release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Update {
    pub(crate) id: PluginId,
    /// Installed.
    pub(crate) from: semver::Version,
    /// To be had.
    pub(crate) to: semver::Version,
    /// Its digest.
    pub(crate) release: String,
    /// What changes in what it asks for, line by line.
    pub(crate) changes: Vec<String>,
    /// What it would be allowed beyond now.
    pub(crate) widens: Vec<String>,
    /// Why its owner is asked; empty when it could go alone.
    pub(crate) reasons: Vec<String>,
    pub(crate) advisories: Vec<String>,
}

/// All of the last look.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Known {
    /// RFC 3339.
    pub(crate) checked: String,
    pub(crate) updates: Vec<Update>,
    /// Registries that gave no answer, and why.
    pub(crate) faults: Vec<String>,
    /// Lines about registries, such as a root that ends soon.
    pub(crate) warnings: Vec<String>,
}

/// A look, with what is needed to install what was found.
pub(crate) struct Look {
    pub(crate) known: Known,
    pub(crate) found: Vec<(usize, Proposal)>,
    pub(crate) visits: Vec<Visit>,
}

/// Asks the registries of these plugins, or of all that are not pinned.
pub(crate) async fn look(home: &Home, held: &Registries, store: &Store, named: &[PluginId], now: Timestamp) -> Result<Look> {
    let lock = held.read_lock().map_err(super::failed)?;
    let places = held.places().map_err(super::failed)?;
    let mut look = Look { known: Known { checked: now.to_string(), ..Known::default() }, found: Vec::new(), visits: Vec::new() };
    let due = Plan::due(&lock, named);
    for place in &places.all {
        let theirs: Vec<_> = due.iter().filter(|plugin| plugin.registry == place.name).collect();
        // Also one of which nothing is due: what it says of a pinned release counts.
        if !lock.plugins.iter().any(|plugin| plugin.registry == place.name) {
            continue;
        }
        let asked = async {
            let visit = held.visit(&place.name, super::fetch([place])?, Freshness::Strict, now).await.map_err(super::failed)?;
            let index = visit.index().await.map_err(super::failed)?;
            anyhow::Ok((visit, index))
        };
        let (visit, index) = match asked.await {
            Ok(answered) => answered,
            Err(error) => {
                look.known.faults.push(format!("{error:#}"));
                continue;
            }
        };
        look.known.warnings.extend(visit.warnings.iter().cloned());
        for locked in theirs {
            match visit.newer(locked).await {
                Ok(Some(offer)) => match Proposal::of(home, held, store, offer, &index, now).await {
                    Ok(proposal) => look.found.push((look.visits.len(), proposal)),
                    Err(error) => look.known.faults.push(format!("{error:#}")),
                },
                Ok(None) => {}
                Err(error) => look.known.faults.push(error.to_string()),
            }
        }
        look.visits.push(visit);
    }
    for locked in due.iter().filter(|locked| !places.all.iter().any(|place| place.name == locked.registry)) {
        look.known.faults.push(format!("{} came from registry {}, which was removed; it gets no updates", locked.id, locked.registry));
    }
    look.known.updates = look.found.iter().filter_map(|(_, proposal)| update(proposal, &lock)).collect();
    Ok(look)
}

fn update(proposal: &Proposal, lock: &skynet_registry_client::lock::Lock) -> Option<Update> {
    let id = proposal.offer.release.id.clone();
    Some(Update {
        from: lock.find(&id)?.version.clone(),
        to: proposal.offer.release.version.clone(),
        release: proposal.offer.digest.clone(),
        changes: proposal.step.diff.to_string().lines().map(ToOwned::to_owned).collect(),
        widens: proposal.widens(),
        reasons: proposal.step.reasons.clone(),
        advisories: proposal.step.advisories.clone(),
        id,
    })
}

/// Keeps it for `status`.
pub(crate) fn keep(home: &Home, known: &Known) -> Result<()> {
    super::open(home)?.write_note(FILE, &serde_json::to_vec(known)?).map_err(super::failed)
}

/// What the last look found, of what is still installed as it was then.
pub(crate) fn kept(home: &Home) -> Option<Known> {
    let path = home.registries().join(FILE);
    if std::fs::metadata(&path).ok()?.len() > UPDATES_BYTES {
        return None;
    }
    let mut known: Known = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
    let lock = Registries::open(&home.registries()).ok()?.read_lock().ok()?;
    known.updates.retain(|update| lock.find(&update.id).is_some_and(|locked| locked.version == update.from && !locked.pinned));
    Some(known)
}
