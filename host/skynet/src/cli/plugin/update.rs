//! `skynet plugin update`: newer releases of what is installed, with what changes.

use super::install::agree_and_do;
use crate::args::registry::Update;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::registry::proposal::Proposal;
use crate::registry::{self, carried, updates};
use crate::wire;
use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;
use skynet_core::PluginId;
use skynet_registry_client::Home as Registries;
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
    let (visits, found) = match &update.source.bundle {
        Some(file) => from_bundle(home, &held, &store, &named, (file, update.source.accept_stale), now).await?,
        None => {
            let look = updates::look(home, &held, &store, &named, now).await?;
            if let Some(fault) = look.known.faults.first() {
                return Err(fail(Kind::Refused, fault.clone()));
            }
            look.known.warnings.iter().for_each(|warning| out.line(&out.paint("33", warning)));
            (look.visits, look.found)
        }
    };
    if found.is_empty() {
        let pinned = installed.plugins.iter().filter(|plugin| plugin.pinned && named.is_empty()).count();
        let more = if pinned == 0 { String::new() } else { format!("; {pinned} are pinned and were not looked at") };
        out.both(&format!("nothing newer is listed{more}"), &json!([]));
        return Ok(());
    }
    if let Some(pinned) = found.iter().find(|(_, proposal)| installed.find(&proposal.offer.release.id).is_some_and(|plugin| plugin.pinned))
    {
        let id = &pinned.1.offer.release.id;
        if !update.source.plan {
            return Err(fail(Kind::Refused, format!("{id} is pinned; let it go first with: skynet plugin unpin {id}")));
        }
    }
    agree_and_do(home, (&held, &lock), &visits, found, (&update.source, &update.agreement), out).await
}

/// Newer releases in a bundle, of what came from its registry.
async fn from_bundle(
    home: &Home,
    held: &Registries,
    store: &Store,
    named: &[PluginId],
    (file, stale): (&std::path::Path, Option<u32>),
    now: Timestamp,
) -> Result<(Vec<Visit>, Vec<(usize, Proposal)>)> {
    let installed = held.read_lock().map_err(registry::failed)?;
    let due = Plan::due(&installed, named);
    let freshness = stale.map_or(Freshness::Strict, Freshness::AcceptStale);
    let names = due.iter().map(|plugin| plugin.registry.clone()).collect();
    let Some(visit) = carried::visit(held, &names, file, freshness, now).await? else { return Ok((Vec::new(), Vec::new())) };
    let index = visit.index().await.map_err(registry::failed)?;
    let mut found = Vec::new();
    for locked in due.iter().filter(|plugin| plugin.registry == visit.registry()) {
        if let Some(offer) = visit.newer(locked).await.map_err(registry::failed)? {
            found.push((0, Proposal::of(home, held, store, offer, &index, now).await?));
        }
    }
    Ok((vec![visit], found))
}
