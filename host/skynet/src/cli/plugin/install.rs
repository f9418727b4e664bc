//! `skynet plugin install`: fetched, checked, looked through, seen, agreed to, changed. In this order.

use crate::args::registry::{Agreement, Install, Source};
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::registry::carry::{self, Word};
use crate::registry::due::Due;
use crate::registry::proposal::Proposal;
use crate::registry::pulled::Pull;
use crate::registry::{self, approval};
use crate::wire;
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::json;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
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
        return Box::pin(super::locked::run(home, &held, &lock, &install, out)).await;
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
        let visit = visits.get(at).context("the look at its registry")?;
        let offer = visit.select(wish).await.map_err(registry::failed)?;
        let index = visit.index().await.map_err(registry::failed)?;
        found.push((at, Proposal::of(home, &held, &store, offer, &index, now).await?));
    }
    agree_and_do(home, (&held, &lock), (&visits, found), Vec::new(), (&install.source, &install.agreement), out).await
}

/// Fetches, shows with what a review found, asks, changes, tells. What is installed already
/// is left alone.
pub(super) async fn agree_and_do(
    home: &Home,
    (held, lock): (&Registries, &HomeLock),
    (visits, found): (&[Visit], Vec<(usize, Proposal)>),
    pulls: Vec<Pull>,
    (source, agreement): (&Source, &Agreement),
    out: &Out,
) -> Result<()> {
    let policy = agreement.review_policy()?;
    let (mut due, mut plan) = (Vec::new(), Vec::new());
    for (at, proposal) in found {
        if is_in_place(home, &proposal) {
            proposal.show(None, out);
            plan.push(proposal.value(None));
            out.line(&format!("{} is installed already", proposal.offer.name()));
            continue;
        }
        let visit = visits.get(at).context("the look at its registry")?;
        let ready = carry::fetch(home, (held, lock), visit, &proposal, &policy).await?;
        due.push(Due::Listed(Box::new((proposal, ready))));
    }
    for pull in pulls {
        match pull.is_kept() && home.plugins().join(registry::intent::file_name(&pull.pulled.release.id)).is_file() {
            true => out.line(&format!("{} is installed already", pull.name())),
            false => due.push(Due::Pulled(Box::new(pull))),
        }
    }
    due.iter().for_each(|one| one.show(out));
    plan.extend(due.iter().map(Due::value));
    let passed = due.iter().try_for_each(Due::pass);
    if source.plan {
        out.value(&json!({ "plan": plan }));
        return passed;
    }
    passed?;
    if due.is_empty() {
        out.value(&json!([]));
        return Ok(());
    }
    approval::agree(agreement, &due.iter().map(Due::release).collect::<Vec<_>>(), out)?;
    let word = Word::of_owner();
    for one in &due {
        one.carry_out(home, held, lock, &word).await?;
    }
    carry::tidy(held, lock)?;
    carry::tell(home, &due.iter().map(Due::version).collect::<Vec<_>>(), out).await
}

/// The release of the lockfile, and its file where the host reads it.
fn is_in_place(home: &Home, proposal: &Proposal) -> bool {
    let file = home.plugins().join(registry::intent::file_name(&proposal.offer.release.id));
    proposal.is_kept() && file.is_file()
}

/// A look at a registry, or at a bundle of it; each once.
pub(in crate::cli) async fn visited(
    held: &Registries,
    visits: &mut Vec<Visit>,
    name: &str,
    source: &Source,
    now: Timestamp,
    out: &Out,
) -> Result<usize> {
    if let Some(at) = visits.iter().position(|visit| visit.registry() == name) {
        return Ok(at);
    }
    let visit = match &source.bundle {
        Some(file) => {
            let freshness = source.accept_stale.map_or(Freshness::Strict, Freshness::AcceptStale);
            held.visit_bundle(name, file, freshness, now).await
        }
        None => {
            let places = held.places().map_err(registry::failed)?;
            let place = places.named(name).map_err(registry::failed)?;
            held.visit(name, registry::fetch(place)?, Freshness::Strict, now).await
        }
    };
    let visit = visit.map_err(registry::failed)?;
    visit.warnings.iter().for_each(|warning| out.line(&out.paint("33", warning)));
    visits.push(visit);
    Ok(visits.len() - 1)
}
