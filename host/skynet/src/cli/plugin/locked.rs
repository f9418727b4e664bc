//! `skynet plugin install --locked`: what the lockfile says, to the byte, or a refusal.

use super::install::visited;
use crate::args::registry::Install;
use crate::exit::{self, Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::output::Out;
use crate::registry::bar::Bar;
use crate::registry::carry::{self, Word};
use crate::registry::due::Due;
use crate::registry::proposal::Proposal;
use crate::registry::pulled::Pull;
use crate::registry::{self, approval, carried, findings, in_place, oci};
use crate::wire;
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::json;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::lock::Locked;
use skynet_registry_client::visit::{Freshness, Visit};
use skynet_review::Policy;
use skynet_store::Store;

/// The lockfile is the word of whoever wrote it on what the bytes are. What a plugin may do
/// here is still asked, where no grant on this machine covers it.
pub(super) async fn run(home: &Home, held: &Registries, lock: &HomeLock, install: &Install, out: &Out) -> Result<()> {
    let named = install.plugins.iter().map(|text| registry::id(text)).collect::<Result<Vec<_>>>()?;
    let installed = held.read_lock().map_err(registry::failed)?;
    if let Some(missing) = named.iter().find(|id| installed.find(id).is_none()) {
        return Err(fail(Kind::NotFound, format!("{missing} is not in the lockfile; install it without --locked")));
    }
    let wanted: Vec<&Locked> = installed.plugins.iter().filter(|plugin| named.is_empty() || named.contains(&plugin.id)).collect();
    let (store, policy) = (wire::open_store(home).await?, install.agreement.review_policy()?);
    let (mut visits, mut due) = (Vec::new(), Vec::new());
    let (wanted, left) = carried(home, held, wanted, &mut visits, install).await?;
    let any = !wanted.is_empty();
    for entry in wanted {
        let one = match entry.oci.as_deref() {
            Some(reference) => pulled(home, (held, lock), &store, (reference, entry), install, &policy).await?,
            None => listed(home, (held, lock), &store, (&mut visits, entry), install, &policy, out).await?,
        };
        if install.source.plan || !in_place::is_whole(home, held, &widens(&one, entry), entry)? {
            due.push((entry, one));
        }
    }
    if due.is_empty() && !install.source.plan {
        let what = if left.is_empty() { "everything" } else { "what the bundle holds" };
        out.both(&format!("{what} is installed as the lockfile says"), &json!([]));
        return exit::partly(&left, any);
    }
    let passed = due.iter().try_for_each(|(_, one)| one.pass());
    if install.source.plan {
        due.iter().for_each(|(_, one)| one.show(out));
        out.value(&json!({ "plan": due.iter().map(|(_, one)| one.value()).collect::<Vec<_>>() }));
        return passed;
    }
    passed?;
    agreed(&due, install, out)?;
    let word = Word::of_owner();
    for (entry, one) in &due {
        one.reproduce(home, held, lock, entry, &word).await?;
    }
    let changed: Vec<_> = due.iter().map(|(entry, _)| (entry.id.clone(), entry.version.to_string())).collect();
    carry::tell(home, &changed, out).await?;
    exit::partly(&left, any)
}

/// What a bundle can bring back: entries of the registry that signed it. Those of others are faults, unless their files
/// lie in their place.
async fn carried<'a>(
    home: &Home,
    held: &Registries,
    wanted: Vec<&'a Locked>,
    visits: &mut Vec<Visit>,
    install: &Install,
) -> Result<(Vec<&'a Locked>, Vec<anyhow::Error>)> {
    let Some(file) = &install.source.bundle else { return Ok((wanted, Vec::new())) };
    let names = wanted.iter().filter(|entry| entry.oci.is_none()).map(|entry| entry.registry.clone()).collect();
    let freshness = install.source.accept_stale.map_or(Freshness::Strict, Freshness::AcceptStale);
    let visit = carried::visit(held, &names, file, freshness, Timestamp::now()).await?;
    let of_it = |entry: &&Locked| visit.as_ref().is_some_and(|visit| entry.oci.is_none() && entry.registry == visit.registry());
    let (of_it, others): (Vec<_>, Vec<_>) = wanted.into_iter().partition(of_it);
    let elsewhere = |entry: &Locked| fail(Kind::NotFound, format!("{} is not in this bundle: it came from {}", entry.id, entry.origin()));
    let left = others.into_iter().filter(|entry| !in_place::holds(home, entry)).map(elsewhere).collect();
    visits.extend(visit);
    Ok((of_it, left))
}

/// What its owner has to agree to. The very grant that the lockfile names is what was agreed to, also where it is
/// narrower than what is asked for.
fn widens(one: &Due, entry: &Locked) -> Vec<String> {
    if entry.grant.is_some() && one.granted() == entry.grant { Vec::new() } else { one.widens() }
}

/// Asks for what no grant on this machine covers.
fn agreed(due: &[(&Locked, Due)], install: &Install, out: &Out) -> Result<()> {
    let widening: Vec<&Due> = due.iter().filter(|(entry, one)| !widens(one, entry).is_empty()).map(|(_, one)| one).collect();
    if widening.is_empty() {
        return Ok(());
    }
    for one in &widening {
        out.line(&format!("{} is in the lockfile and has no grant here", one.release().0));
        one.widens().iter().for_each(|sentence| out.line(&format!("  asks: {sentence}")));
        findings::show(one.findings(), out);
    }
    let mut agreement = install.agreement.clone();
    // The lockfile names each release by its digest, which is what --release is for.
    agreement.unseen |= agreement.yes;
    approval::agree(&agreement, &widening.iter().map(|one| one.release()).collect::<Vec<_>>(), out)
}

async fn listed(
    home: &Home,
    (held, lock): (&Registries, &HomeLock),
    store: &Store,
    (visits, entry): (&mut Vec<Visit>, &Locked),
    install: &Install,
    policy: &Policy,
    out: &Out,
) -> Result<Due> {
    let now = Timestamp::now();
    let at = visited(held, visits, &entry.registry, &install.source, now, out).await?;
    let visit = visits.get(at).context("the look at its registry")?;
    let offer = visit.locked(entry).await.map_err(registry::failed)?;
    let index = visit.index().await.map_err(registry::failed)?;
    let proposal = Proposal::of(home, held, store, offer, &index, now).await?;
    let ready = carry::reproduced(home, (held, lock), visit, (&proposal, entry), policy).await?;
    Ok(Due::Listed(Box::new((proposal, ready))))
}

async fn pulled(
    home: &Home,
    (held, lock): (&Registries, &HomeLock),
    store: &Store,
    (reference, entry): (&str, &Locked),
    install: &Install,
    policy: &Policy,
) -> Result<Due> {
    let repository = oci::repository(reference, &install.account)?;
    let trust = keys::load_trust(home)?;
    let pulled = held.pull_locked(lock, &repository, entry, &trust, &Bar::default()).await.map_err(registry::failed)?;
    Ok(Due::Pulled(Box::new(Pull::of(home, held, store, (reference.to_owned(), pulled), policy).await?)))
}
