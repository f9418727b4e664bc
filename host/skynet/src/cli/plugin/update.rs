//! `skynet plugin update`: newer releases of what is installed, with what changes.

use super::install::agree_and_do;
use crate::args::registry::Update;
use crate::exit::{self, Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::registry::proposal::Proposal;
use crate::registry::pulled::Pull;
use crate::registry::{self, moved, updates};
use crate::wire;
use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;
use skynet_core::PluginId;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::lock::Lock;
use skynet_registry_client::plan::Plan;
use skynet_registry_client::visit::{Freshness, Visit};
use skynet_store::Store;

pub(super) async fn run(home: &Home, update: Update, out: &Out) -> Result<()> {
    let subject = if update.plugins.is_empty() { "all plugins".to_owned() } else { update.plugins.join(" ") };
    let ended = Box::pin(try_to(home, update, out)).await;
    registry::noted(home, "plugin.update", &subject, ended).await
}

async fn try_to(home: &Home, update: Update, out: &Out) -> Result<()> {
    let (held, lock) = registry::open_to_change(home).await?;
    let named = update.plugins.iter().map(|text| registry::id(text)).collect::<Result<Vec<_>>>()?;
    let installed = held.read_lock().map_err(registry::failed)?;
    if let Some(missing) = named.iter().find(|id| installed.find(id).is_none()) {
        return Err(fail(
            Kind::NotFound,
            format!("{missing} did not come from a registry; `skynet plugin install {missing}` gets it from one"),
        ));
    }
    let (store, now) = (wire::open_store(home).await?, Timestamp::now());
    let found = match &update.source.bundle {
        Some(file) => from_bundle(home, &held, &store, &named, (file, update.source.accept_stale), now).await?,
        None => from_servers(home, (&held, &lock), &store, (&named, &update), now, out).await?,
    };
    let Found { visits, listed, pulls, faults, answered } = found;
    let any = Box::pin(changed(home, (&held, &lock), (&installed, &named), &faults, (visits, listed, pulls), &update, out)).await?;
    // The others went their way; what failed is told at the end, where it is seen.
    exit::partly(&faults, any || answered > 0)
}

/// What is newer, and who gave no answer.
#[derive(Default)]
struct Found {
    visits: Vec<Visit>,
    listed: Vec<(usize, Proposal)>,
    pulls: Vec<Pull>,
    faults: Vec<anyhow::Error>,
    answered: usize,
}

/// Shows, asks and does; whether there was anything.
async fn changed(
    home: &Home,
    (held, lock): (&Registries, &HomeLock),
    (installed, named): (&Lock, &[PluginId]),
    faults: &[anyhow::Error],
    (visits, listed, pulls): (Vec<Visit>, Vec<(usize, Proposal)>, Vec<Pull>),
    update: &Update,
    out: &Out,
) -> Result<bool> {
    if listed.is_empty() && pulls.is_empty() {
        let pinned = installed.plugins.iter().filter(|plugin| plugin.pinned && named.is_empty()).count();
        let more = if pinned == 0 { String::new() } else { format!("; {pinned} are pinned and were not looked at") };
        let whole = if faults.is_empty() { "nothing newer is listed" } else { "nothing newer is listed where an answer came" };
        out.both(&format!("{whole}{more}"), &json!([]));
        return Ok(false);
    }
    let ids = listed.iter().map(|(_, proposal)| &proposal.offer.release.id).chain(pulls.iter().map(|pull| &pull.pulled.release.id));
    let pinned = ids.into_iter().find(|id| installed.find(id).is_some_and(|plugin| plugin.pinned)).filter(|_| !update.source.plan);
    if let Some(id) = pinned {
        return Err(fail(Kind::Refused, format!("{id} is pinned; let it go first with: skynet plugin unpin {id}")));
    }
    agree_and_do(home, (held, lock), (&visits, listed), pulls, (&update.source, &update.agreement), out).await?;
    Ok(true)
}

/// Newer releases at the registries, and behind tags that moved.
async fn from_servers(
    home: &Home,
    (held, lock): (&Registries, &HomeLock),
    store: &Store,
    (named, update): (&[PluginId], &Update),
    now: Timestamp,
    out: &Out,
) -> Result<Found> {
    let mut look = Box::pin(updates::look(home, held, store, named, now)).await?;
    let policy = update.agreement.review_policy()?;
    let mut moved = Box::pin(moved::look(home, (held, lock), store, (named, &update.account), &policy)).await?;
    look.with(&mut moved, &held.read_lock().map_err(registry::failed)?);
    look.known.warnings.iter().chain(&look.known.faults).for_each(|line| out.line(&out.paint("33", line)));
    Ok(Found { visits: look.visits, listed: look.found, pulls: moved.pulls, faults: look.faults, answered: look.answered })
}

/// Newer releases in a bundle, of what came from its registry.
async fn from_bundle(
    home: &Home,
    held: &Registries,
    store: &Store,
    named: &[PluginId],
    (file, stale): (&std::path::Path, Option<u32>),
    now: Timestamp,
) -> Result<Found> {
    let installed = held.read_lock().map_err(registry::failed)?;
    let due: Vec<_> = Plan::due(&installed, named).into_iter().filter(|plugin| plugin.oci.is_none()).collect();
    let Some(name) = due.first().map(|plugin| plugin.registry.clone()) else { return Ok(Found::default()) };
    let freshness = stale.map_or(Freshness::Strict, Freshness::AcceptStale);
    let visit = held.visit_bundle(&name, file, freshness, now).await.map_err(registry::failed)?;
    let index = visit.index().await.map_err(registry::failed)?;
    let mut listed = Vec::new();
    for locked in due.iter().filter(|plugin| plugin.registry == name) {
        if let Some(offer) = visit.newer(locked).await.map_err(registry::failed)? {
            listed.push((0, Proposal::of(home, held, store, offer, &index, now).await?));
        }
    }
    Ok(Found { visits: vec![visit], listed, ..Found::default() })
}
