//! Newer releases of what is installed: looked for, remembered for `status`, told.
//!
//! Installs nothing. One registry that does not answer leaves the others their say.

use super::moved::Moved;
use super::proposal::Proposal;
use super::pulled::Pull;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::UPDATES_BYTES;
use anyhow::Result;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use skynet_core::PluginId;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::lock::{Lock, Locked};
use skynet_registry_client::places::Place;
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

/// One newer release that its owner does not want yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pinned {
    pub(crate) id: PluginId,
    /// Installed.
    pub(crate) at: semver::Version,
    /// To be had.
    pub(crate) to: semver::Version,
}

/// All of the last look.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Known {
    /// RFC 3339.
    pub(crate) checked: String,
    pub(crate) updates: Vec<Update>,
    /// Of pinned plugins, which no update touches.
    #[serde(default)]
    pub(crate) pinned: Vec<Pinned>,
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
    /// The same as in `known`, with their kinds.
    pub(crate) faults: Vec<anyhow::Error>,
    /// Registries that said all that they were asked.
    pub(crate) answered: usize,
}

impl Look {
    fn fault(&mut self, error: anyhow::Error) {
        self.known.faults.push(format!("{error:#}"));
        self.faults.push(error);
    }

    /// What the tags of pinned plugins name.
    pub(crate) fn pinned(&mut self, pulls: Vec<Pull>, lock: &Lock) {
        self.known.pinned.extend(pulls.into_iter().filter_map(|pull| {
            let release = pull.pulled.release;
            Some(Pinned { at: lock.find(&release.id)?.version.clone(), id: release.id, to: release.version })
        }));
    }

    /// The same for plugins from OCI, whose tags were asked.
    pub(crate) fn with(&mut self, moved: &mut Moved, lock: &Lock) {
        std::mem::take(&mut moved.faults).into_iter().for_each(|error| self.fault(error));
        self.known.warnings.append(&mut moved.warnings);
        self.answered += moved.answered;
        self.known.updates.extend(moved.pulls.iter().filter_map(|pull| {
            let release = &pull.pulled.release;
            Some(Update {
                from: lock.find(&release.id)?.version.clone(),
                to: release.version.clone(),
                release: pull.pulled.digest.clone(),
                changes: pull.diff().to_string().lines().map(ToOwned::to_owned).collect(),
                widens: pull.widens(),
                reasons: vec!["what a tag names is its server's word".into()],
                advisories: Vec::new(),
                id: release.id.clone(),
            })
        }));
    }
}

/// Asks the registries of these plugins, or of all that are not pinned.
pub(crate) async fn look(home: &Home, held: &Registries, store: &Store, named: &[PluginId], now: Timestamp) -> Result<Look> {
    let lock = held.read_lock().map_err(super::failed)?;
    let places = held.places().map_err(super::failed)?;
    let known = Known { checked: now.to_string(), ..Known::default() };
    let mut look = Look { known, found: Vec::new(), visits: Vec::new(), faults: Vec::new(), answered: 0 };
    let due: Vec<&Locked> = Plan::due(&lock, named).into_iter().filter(|plugin| plugin.oci.is_none()).collect();
    for place in &places.all {
        let theirs: Vec<&Locked> = due.iter().copied().filter(|plugin| plugin.registry == place.name).collect();
        // Also one of which nothing is due: what it says of a pinned release counts. Of named ones, theirs alone.
        let any = lock.plugins.iter().any(|plugin| plugin.registry == place.name);
        if !any || (theirs.is_empty() && !named.is_empty()) {
            continue;
        }
        let before = look.faults.len();
        let pinned = |plugin: &&Locked| named.is_empty() && plugin.pinned && plugin.oci.is_none() && plugin.registry == place.name;
        let pinned: Vec<&Locked> = lock.plugins.iter().filter(pinned).collect();
        if let Err(error) = Box::pin(ask(home, held, store, (place, &theirs, &pinned), &mut look, now)).await {
            look.fault(error);
        }
        if look.faults.len() == before {
            look.answered += 1;
        }
    }
    for locked in due.iter().filter(|locked| !places.all.iter().any(|place| place.name == locked.registry)) {
        let why = format!("{} came from registry {}, which was removed; it gets no updates", locked.id, locked.registry);
        look.fault(fail(Kind::NotFound, why));
    }
    look.known.updates = look.found.iter().filter_map(|(_, proposal)| update(proposal, &lock)).collect();
    Ok(look)
}

/// Asks one registry for its own. The error is that it gave no answer at all.
async fn ask(
    home: &Home,
    held: &Registries,
    store: &Store,
    (place, theirs, pinned): (&Place, &[&Locked], &[&Locked]),
    look: &mut Look,
    now: Timestamp,
) -> Result<()> {
    let visit = held.visit(&place.name, super::fetch(place)?, Freshness::Strict, now).await.map_err(super::failed)?;
    look.known.warnings.extend(visit.warnings.iter().cloned());
    let index = visit.index().await.map_err(super::failed)?;
    for locked in theirs {
        let newer = async {
            let Some(offer) = visit.newer(locked).await.map_err(super::failed)? else { return Ok(None) };
            Proposal::of(home, held, store, offer, &index, now).await.map(Some)
        };
        match newer.await {
            Ok(Some(proposal)) => look.found.push((look.visits.len(), proposal)),
            Ok(None) => {}
            Err(error) => look.fault(error),
        }
    }
    for locked in pinned {
        match visit.newer(locked).await.map_err(super::failed) {
            Ok(newer) => look.known.pinned.extend(newer.map(|offer| Pinned {
                id: locked.id.clone(),
                at: locked.version.clone(),
                to: offer.release.version,
            })),
            Err(error) => look.fault(error),
        }
    }
    look.visits.push(visit);
    Ok(())
}

fn update(proposal: &Proposal, lock: &Lock) -> Option<Update> {
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
    known.pinned.retain(|one| lock.find(&one.id).is_some_and(|locked| locked.version == one.at && locked.pinned));
    Some(known)
}
