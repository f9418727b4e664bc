//! `skynet plugin install`: seen, agreed to, fetched, checked, changed. In this order.

use crate::args::registry::{Install, Source};
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::registry::carry::{self, Word};
use crate::registry::proposal::Proposal;
use crate::registry::{self, approval, in_place};
use crate::wire;
use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::lock::Locked;
use skynet_registry_client::offer::Wish;
use skynet_registry_client::visit::{Freshness, Visit};

pub(super) async fn run(home: &Home, install: Install, out: &Out) -> Result<()> {
    let subject = if install.plugins.is_empty() { "plugins.lock".to_owned() } else { install.plugins.join(" ") };
    let oci = install.plugins.iter().any(|text| text.starts_with(registry::oci::SCHEME));
    let ended = if oci { Box::pin(super::from_oci::run(home, &install, out)).await } else { Box::pin(try_to(home, install, out)).await };
    registry::noted(home, "plugin.install", &subject, ended).await
}

async fn try_to(home: &Home, install: Install, out: &Out) -> Result<()> {
    let (held, lock) = registry::open_to_change(home).await?;
    if install.locked {
        return locked(home, &held, &lock, install, out).await;
    }
    if install.plugins.is_empty() {
        return Err(fail(Kind::Refused, "name what to install, such as acme/weather; --locked installs what the lockfile says"));
    }
    let wishes = install.plugins.iter().map(|text| Wish::parse(text).map_err(registry::failed)).collect::<Result<Vec<_>>>()?;
    let (store, now) = (wire::open_store(home).await?, Timestamp::now());
    let mut visits: Vec<Visit> = Vec::new();
    let mut found: Vec<(usize, Proposal)> = Vec::new();
    for wish in &wishes {
        let name = held.places().and_then(|places| places.of(&wish.id).map(|place| place.name.clone())).map_err(registry::failed)?;
        let at = visited(&held, &mut visits, &name, &install.source, now, out).await?;
        let Some(visit) = visits.get(at) else { continue };
        let offer = visit.select(wish).await.map_err(registry::failed)?;
        let index = visit.index().await.map_err(registry::failed)?;
        found.push((at, Proposal::of(home, &held, &store, offer, &index, now).await?));
    }
    agree_and_do(home, (&held, &lock), &visits, found, (&install.source, &install.agreement), out).await
}

/// Shows, asks, fetches, changes, tells. What is installed already is left alone.
pub(super) async fn agree_and_do(
    home: &Home,
    (held, lock): (&Registries, &HomeLock),
    visits: &[Visit],
    found: Vec<(usize, Proposal)>,
    (source, agreement): (&Source, &crate::args::registry::Agreement),
    out: &Out,
) -> Result<()> {
    found.iter().for_each(|(_, proposal)| proposal.show(out));
    if source.plan {
        out.value(&json!({ "plan": found.iter().map(|(_, proposal)| proposal.value()).collect::<Vec<_>>() }));
        return Ok(());
    }
    let (mut ats, mut proposals) = (Vec::new(), Vec::new());
    for (at, proposal) in found {
        if in_place::is(home, held, &proposal)? {
            out.line(&format!("{} is installed already", proposal.offer.name()));
            continue;
        }
        ats.push(at);
        proposals.push(proposal);
    }
    if proposals.is_empty() {
        out.value(&json!([]));
        return Ok(());
    }
    approval::ask(agreement, &proposals, out)?;
    let word = Word::of_owner();
    let mut ready = Vec::new();
    for (at, proposal) in ats.iter().zip(&proposals) {
        let Some(visit) = visits.get(*at) else { continue };
        ready.push(carry::fetch(home, held, lock, visit, proposal).await?);
    }
    for (proposal, ready) in proposals.iter().zip(&ready) {
        carry::change(home, held, lock, proposal, ready, &word).await?;
    }
    tidy(held, lock)?;
    let changed: Vec<_> =
        proposals.iter().map(|proposal| (proposal.offer.release.id.clone(), proposal.offer.release.version.to_string())).collect();
    carry::tell(home, &changed, out).await
}

/// Takes away what no lockfile entry needs any more.
pub(super) fn tidy(held: &Registries, lock: &HomeLock) -> Result<()> {
    let needed = held.read_lock().map_err(registry::failed)?.needed();
    held.prune(lock, &needed).map(drop).map_err(registry::failed)
}

/// A look at a registry, or at a bundle of it; each once.
async fn visited(held: &Registries, visits: &mut Vec<Visit>, name: &str, source: &Source, now: Timestamp, out: &Out) -> Result<usize> {
    if let Some(at) = visits.iter().position(|visit| visit.registry() == name) {
        return Ok(at);
    }
    let places = held.places().map_err(registry::failed)?;
    let visit = match &source.bundle {
        Some(file) => {
            let freshness = source.accept_stale.map_or(Freshness::Strict, Freshness::AcceptStale);
            held.visit_bundle(name, file, freshness, now).await
        }
        None => held.visit(name, registry::fetch(&places.all)?, Freshness::Strict, now).await,
    };
    let visit = visit.map_err(registry::failed)?;
    visit.warnings.iter().for_each(|warning| out.line(&out.paint("33", warning)));
    visits.push(visit);
    Ok(visits.len() - 1)
}

/// `--locked`: the lockfile is the word of whoever wrote it on what the bytes are. What a
/// plugin may do here is still asked, where no grant on this machine covers it.
async fn locked(home: &Home, held: &Registries, lock: &HomeLock, install: Install, out: &Out) -> Result<()> {
    let named = install.plugins.iter().map(|text| registry::id(text)).collect::<Result<Vec<_>>>()?;
    let installed = held.read_lock().map_err(registry::failed)?;
    if let Some(missing) = named.iter().find(|id| installed.find(id).is_none()) {
        return Err(fail(Kind::NotFound, format!("{missing} is not in the lockfile; install it without --locked")));
    }
    let wanted: Vec<&Locked> = installed.plugins.iter().filter(|plugin| named.is_empty() || named.contains(&plugin.id)).collect();
    let (store, now) = (wire::open_store(home).await?, Timestamp::now());
    let (mut visits, mut due) = (Vec::new(), Vec::new());
    for entry in wanted {
        let at = visited(held, &mut visits, &entry.registry, &install.source, now, out).await?;
        let Some(visit) = visits.get(at) else { continue };
        let offer = visit.locked(entry).await.map_err(registry::failed)?;
        let index = visit.index().await.map_err(registry::failed)?;
        let proposal = Proposal::of(home, held, &store, offer, &index, now).await?;
        if install.source.plan || !in_place::is_whole(home, held, &proposal, entry)? {
            due.push((at, entry, proposal));
        }
    }
    if due.is_empty() {
        out.both("everything is installed as the lockfile says", &json!([]));
        return Ok(());
    }
    if install.source.plan {
        due.iter().for_each(|(_, _, proposal)| proposal.show(out));
        out.value(&json!({ "plan": due.iter().map(|(_, _, proposal)| proposal.value()).collect::<Vec<_>>() }));
        return Ok(());
    }
    let widening: Vec<Proposal> =
        due.iter().map(|(_, _, proposal)| proposal.clone()).filter(|proposal| !proposal.widens().is_empty()).collect();
    if !widening.is_empty() {
        for proposal in &widening {
            out.line(&format!("{} is in the lockfile and has no grant here", proposal.offer.name()));
            proposal.widens().iter().for_each(|sentence| out.line(&format!("  asks: {sentence}")));
        }
        let mut agreement = install.agreement.clone();
        // The lockfile names each release by its digest, which is what --release is for.
        agreement.unseen |= agreement.yes;
        approval::ask(&agreement, &widening, out)?;
    }
    let (word, mut ready) = (Word::of_owner(), Vec::new());
    for (at, entry, proposal) in &due {
        let Some(visit) = visits.get(*at) else { continue };
        let kept = held.reproduce(lock, visit, entry, &registry::bar::Bar::default()).await.map_err(registry::failed)?;
        ready.push(carry::check(home, held, &proposal.offer, kept).await?);
    }
    for ((_, entry, proposal), ready) in due.iter().zip(&ready) {
        carry::reproduce(home, held, lock, (proposal, entry), ready, &word).await?;
    }
    let changed: Vec<_> = due.iter().map(|(_, entry, _)| (entry.id.clone(), entry.version.to_string())).collect();
    carry::tell(home, &changed, out).await
}
