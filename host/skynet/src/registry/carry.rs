//! From an agreement to plugins that serve: fetched and checked all of them, then changed
//! one after the other, then the running host looks.
//!
//! Nothing is changed before the last file was checked as the host will check it.

use super::bar::Bar;
use super::findings;
use super::grant::Approved;
use super::intent::Intent;
use super::proposal::Proposal;
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::limits::{PLUGIN_CHANGE, UNWATCHED_FETCH};
use crate::lock;
use crate::output::Out;
use crate::who;
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_policy::permission::Permissions;
use skynet_policy::registry::advisories::Advisories;
use skynet_policy::trust::{TrustStore, TrustedKey};
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::lock::{Approval, Lock, Locked, Origin};
use skynet_registry_client::offer::Offer;
use skynet_registry_client::plan::Action;
use skynet_registry_client::shelf::Kept;
use skynet_registry_client::visit::Visit;
use skynet_review::{Policy, Report};
use std::time::Duration;
use tokio::time::timeout;

/// A file that is here, who the host will say signed it, and what a review found in it.
pub(crate) struct Ready {
    pub(crate) kept: Kept,
    pub(crate) publisher: String,
    pub(crate) findings: Report,
}

/// Whose word it is, and when.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) by: String,
    pub(crate) now: Timestamp,
}

impl Word {
    /// The owner's, at this machine.
    pub(crate) fn of_owner() -> Self {
        Self { by: who::at_the_command_line(), now: Timestamp::now() }
    }

    fn at_ms(&self) -> u64 {
        u64::try_from(self.now.as_millisecond()).unwrap_or_default()
    }
}

/// Fetches what an offer names, checks it as the host will, and looks through it.
pub(crate) async fn fetch(
    home: &Home,
    (held, lock): (&Registries, &HomeLock),
    visit: &Visit,
    proposal: &Proposal,
    policy: &Policy,
) -> Result<Ready> {
    let kept = held.fetch(lock, visit, &proposal.offer, &Bar::default()).await.map_err(super::failed)?;
    let trust = trust_with(keys::load_trust(home)?, &proposal.offer)?;
    check(held, &proposal.offer.name(), kept, (trust, proposal.beside.clone()), policy).await
}

/// The same where nobody sits before it: the owner's own commands wait until it ends.
pub(crate) async fn fetch_soon(
    home: &Home,
    registries: (&Registries, &HomeLock),
    visit: &Visit,
    proposal: &Proposal,
    policy: &Policy,
) -> Result<Ready> {
    in_time(UNWATCHED_FETCH, fetch(home, registries, visit, proposal, policy)).await
}

async fn in_time<T>(most: Duration, fetched: impl Future<Output = Result<T>>) -> Result<T> {
    let late = || format!("its file did not come within {} s; what came is kept, and the next try goes on there", most.as_secs());
    timeout(most, fetched).await.map_err(|_| fail(Kind::TryLater, late()))?
}

/// The same for a file of the lockfile.
pub(crate) async fn reproduced(
    home: &Home,
    (held, lock): (&Registries, &HomeLock),
    visit: &Visit,
    (proposal, locked): (&Proposal, &Locked),
    policy: &Policy,
) -> Result<Ready> {
    let kept = held.reproduce(lock, visit, locked, &Bar::default()).await.map_err(super::failed)?;
    let trust = trust_with(keys::load_trust(home)?, &proposal.offer)?;
    check(held, &proposal.offer.name(), kept, (trust, proposal.beside.clone()), policy).await
}

/// Checks a kept file as the host will, and looks through it. `known` are names that its own
/// must not be taken for.
pub(crate) async fn check(
    held: &Registries,
    name: &str,
    kept: Kept,
    (trust, known): (TrustStore, Vec<PluginId>),
    policy: &Policy,
) -> Result<Ready> {
    let bytes = held.kept(&kept.sha256).map_err(super::failed)?;
    let (name, policy) = (name.to_owned(), policy.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let checked = skynet_plugins::file::check(&name, &bytes, &trust)?;
        let findings = findings::of(&bytes, &checked.release, &known, &policy);
        Ok::<_, String>((checked, findings))
    });
    let (checked, findings) =
        looked.await.context("the check")?.map_err(|why| fail(Kind::Refused, format!("{why}. Nothing was changed; tell its publisher")))?;
    let publisher = checked.signers.first().map(|(keyid, _)| keyid.clone()).unwrap_or_default();
    Ok(Ready { kept, publisher, findings })
}

/// Takes away what no lockfile entry needs any more.
pub(crate) fn tidy(held: &Registries, lock: &HomeLock) -> Result<()> {
    let needed = held.read_lock().map_err(super::failed)?.needed();
    held.prune(lock, &needed).map(drop).map_err(super::failed)
}

/// The same, ahead of a look at this offer: what was fetched of it before stays.
pub(crate) fn tidy_but(held: &Registries, lock: &HomeLock, offer: &Offer) -> Result<()> {
    let mut needed = held.read_lock().map_err(super::failed)?.needed();
    needed.extend(held.whole(offer).map_err(super::failed)?.map(|kept| kept.sha256));
    held.prune(lock, &needed).map(drop).map_err(super::failed)
}

fn trust_with(mut trust: TrustStore, offer: &Offer) -> Result<TrustStore> {
    for key in offer.publisher.trusted_keys(&offer.registry, &keys::now()) {
        // What the owner revoked stays revoked.
        if trust.find(&key.keyid).is_none_or(|known| known.revoked.is_none()) {
            trust.trust(key)?;
        }
    }
    Ok(trust)
}

/// One change to what is installed, wherever it came from.
pub(crate) struct Change<'a> {
    pub(crate) origin: Origin<'a>,
    pub(crate) approved: Approved<'a>,
    /// For the audit log.
    pub(crate) action: &'static str,
    /// Keys of its publisher that count from now on.
    pub(crate) trust: Vec<TrustedKey>,
    /// An older version than ran here is wanted.
    pub(crate) lower: bool,
}

/// Installs or updates one plugin.
pub(crate) async fn make(home: &Home, (held, lock): (&Registries, &HomeLock), change: Change<'_>, kept: &Kept, word: &Word) -> Result<()> {
    let Change { origin, approved, action, trust, lower } = change;
    let id = approved.id.clone();
    let grant = approved.grant(&word.by, word.at_ms());
    let granted = grant.as_ref().or(approved.stored).map(|grant| grant.permissions.clone());
    let digest = granted.and_then(|granted| serde_json::from_value::<Permissions>(granted).ok()).map(|granted| granted.digest());
    let mut installed = held.read_lock().map_err(super::failed)?;
    installed.install(origin, kept, Approval { by: word.by.clone(), at: word.now.to_string(), grant: digest });
    let locked = installed.find(&id).cloned().context("the lockfile lost an entry")?;
    let (by, seen) = (word.by.clone(), approved.stored.cloned());
    let intent = Intent { id, action: action.into(), by, locked: Some(locked), trust, grant, seen, revoke: false, lower, recorded: false };
    intent.carry_out(home, held, lock).await
}

/// Puts the very release of the lockfile back. A grant that was narrower where the file was
/// made cannot be known here, and then none is given.
pub(crate) async fn make_again(
    home: &Home,
    (held, lock): (&Registries, &HomeLock),
    change: Change<'_>,
    locked: &Locked,
    word: &Word,
) -> Result<()> {
    let Change { approved, trust, lower, .. } = change;
    let whole = locked.grant.as_ref().is_none_or(|digest| *digest == approved.request.digest());
    let grant = if whole { approved.grant(&word.by, word.at_ms()) } else { None };
    let (id, by) = (locked.id.clone(), word.by.clone());
    let (locked, seen) = (Some(locked.clone()), approved.stored.cloned());
    let intent = Intent { id, action: "install".into(), by, locked, trust, grant, seen, revoke: false, lower, recorded: false };
    intent.carry_out(home, held, lock).await
}

fn of_proposal<'a>(proposal: &'a Proposal, ready: &'a Ready) -> Change<'a> {
    let offer = &proposal.offer;
    Change {
        origin: Origin::Listed(offer),
        approved: proposal.approved(&ready.publisher),
        action: match proposal.step.action {
            Action::Install { .. } | Action::Keep { .. } => "install",
            Action::Update { .. } => "update",
            Action::Downgrade { .. } | Action::Remove { .. } => "downgrade",
        },
        trust: offer.publisher.trusted_keys(&offer.registry, &keys::now()),
        lower: proposal.lower,
    }
}

/// Installs or updates one plugin that a registry lists.
pub(crate) async fn change(home: &Home, held: &Registries, lock: &HomeLock, proposal: &Proposal, ready: &Ready, word: &Word) -> Result<()> {
    make(home, (held, lock), of_proposal(proposal, ready), &ready.kept, word).await
}

/// Puts one of the lockfile back that a registry lists.
pub(crate) async fn reproduce(
    home: &Home,
    held: &Registries,
    lock: &HomeLock,
    (proposal, locked): (&Proposal, &Locked),
    ready: &Ready,
    word: &Word,
) -> Result<()> {
    make_again(home, (held, lock), of_proposal(proposal, ready), locked, word).await
}

/// Has a running host look, and says what became of each; an error when it refused one.
pub(crate) async fn tell(home: &Home, changed: &[(PluginId, String)], out: &Out) -> Result<()> {
    if lock::holder(home).is_none() {
        for (id, version) in changed {
            out.line(&format!("{id} {version} is installed; it serves when the host runs"));
        }
        out.value(&json!(
            changed.iter().map(|(id, version)| json!({ "id": id, "version": version, "state": "installed" })).collect::<Vec<_>>()
        ));
        return Ok(());
    }
    let _ = client::rescan(home).await;
    let (mut values, mut refused): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
    for (id, version) in changed {
        let info = client::call(home, "plugins.info", json!({ "id": id }), PLUGIN_CHANGE).await.unwrap_or_default();
        let serving = info["status"]["serving"]["version"].as_str().unwrap_or_default().to_owned();
        let state = info["status"]["state"].as_str().unwrap_or("unknown").to_owned();
        let waits = !info["waiting"].is_null();
        if serving == *version && !waits {
            out.line(&format!("{id} {version} serves"));
        } else if waits {
            out.line(&format!("{id} {version} is installed and waits for your word: skynet plugin grant {id}"));
        } else {
            let why = refusal(home, id).await.or_else(|| info["status"]["reason"].as_str().map(ToOwned::to_owned));
            let why = why.unwrap_or_else(|| format!("its state is {state}"));
            let back = way_back(home, id);
            refused.push(format!("{id} {version} is installed, and the host does not serve it: {why}. {back} {id}"));
        }
        values.push(json!({ "id": id, "version": version, "serving": serving, "state": state }));
    }
    out.value(&json!(values));
    if refused.is_empty() { Ok(()) } else { Err(fail(Kind::Refused, refused.join("; "))) }
}

/// What helps against one that does not serve: there is nothing to go back to from a first release.
fn way_back(home: &Home, id: &PluginId) -> &'static str {
    let former = |lock: Lock| lock.former(id, None, &Advisories::default()).is_ok();
    match super::open(home).is_ok_and(|held| held.read_lock().is_ok_and(former)) {
        true => "Go back with: skynet plugin rollback",
        false => "Take it away with: skynet plugin remove",
    }
}

/// Why the host refused this plugin's file.
async fn refusal(home: &Home, id: &PluginId) -> Option<String> {
    let list = client::call(home, "plugins.list", json!({}), PLUGIN_CHANGE).await.ok()?;
    let name = super::intent::file_name(id);
    let line = list["plugins"].as_array()?.iter().find(|line| line["name"] == name.as_str())?.clone();
    line["reason"].as_str().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_download_that_nobody_watches_ends_in_time_and_says_that_it_goes_on() {
        let never = in_time(Duration::ZERO, std::future::pending::<Result<()>>()).await.unwrap_err();
        assert!(never.to_string().contains("within 0 s; what came is kept"), "{never}");
        assert_eq!(crate::exit::kind(&never), Some(Kind::TryLater));
        assert_eq!(in_time(UNWATCHED_FETCH, async { Ok(1) }).await.unwrap(), 1);
    }
}
