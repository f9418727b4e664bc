//! From an agreement to plugins that serve: fetched and checked all of them, then changed
//! one after the other, then the running host looks.
//!
//! Nothing is changed before the last file was checked as the host will check it.

use super::bar::Bar;
use super::intent::Intent;
use super::proposal::Proposal;
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::limits::PLUGIN_CHANGE;
use crate::lock;
use crate::output::Out;
use crate::who;
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_policy::permission::Permissions;
use skynet_policy::trust::TrustStore;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::lock::{Approval, Locked};
use skynet_registry_client::offer::Offer;
use skynet_registry_client::plan::Action;
use skynet_registry_client::shelf::Kept;
use skynet_registry_client::visit::Visit;

/// A file that is here, and who the host will say signed it.
pub(crate) struct Ready {
    pub(crate) kept: Kept,
    pub(crate) publisher: String,
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

/// Fetches what an offer names, and checks it as the host will.
pub(crate) async fn fetch(home: &Home, held: &Registries, lock: &HomeLock, visit: &Visit, proposal: &Proposal) -> Result<Ready> {
    let kept = held.fetch(lock, visit, &proposal.offer, &Bar::default()).await.map_err(super::failed)?;
    check(home, held, &proposal.offer, kept).await
}

/// Checks a kept file as the host will, with the keys that its publisher would be trusted by.
pub(crate) async fn check(home: &Home, held: &Registries, offer: &Offer, kept: Kept) -> Result<Ready> {
    let trust = trust_with(keys::load_trust(home)?, offer)?;
    let bytes = held.kept(&kept.sha256).map_err(super::failed)?;
    let name = offer.name();
    let checked = tokio::task::spawn_blocking(move || skynet_plugins::file::check(&name, &bytes, &trust)).await.context("the check")?;
    let checked = checked.map_err(|refusal| fail(Kind::Refused, format!("{refusal}. Nothing was changed; tell its publisher")))?;
    let publisher = checked.signers.first().map(|(keyid, _)| keyid.clone()).unwrap_or_default();
    Ok(Ready { kept, publisher })
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

/// Installs or updates one plugin.
pub(crate) async fn change(home: &Home, held: &Registries, lock: &HomeLock, proposal: &Proposal, ready: &Ready, word: &Word) -> Result<()> {
    let offer = &proposal.offer;
    let grant = proposal.approved(&ready.publisher).grant(&word.by, word.at_ms());
    let granted = grant.as_ref().or(proposal.stored.as_ref()).map(|grant| grant.permissions.clone());
    let digest = granted.and_then(|granted| serde_json::from_value::<Permissions>(granted).ok()).map(|granted| granted.digest());
    let mut installed = held.read_lock().map_err(super::failed)?;
    installed.install(offer, &ready.kept, Approval { by: word.by.clone(), at: word.now.to_string(), grant: digest });
    let locked = installed.find(&offer.release.id).cloned().context("the lockfile lost an entry")?;
    let action = match proposal.step.action {
        Action::Install { .. } | Action::Keep { .. } => "install",
        Action::Update { .. } => "update",
        Action::Downgrade { .. } | Action::Remove { .. } => "downgrade",
    };
    let intent = Intent {
        id: offer.release.id.clone(),
        action: action.into(),
        by: word.by.clone(),
        locked: Some(locked),
        trust: offer.publisher.trusted_keys(&offer.registry, &keys::now()),
        grant,
        seen: proposal.stored.clone(),
        lower: proposal.lower,
        recorded: false,
    };
    intent.carry_out(home, held, lock).await
}

/// Puts the very release of the lockfile back. A grant that was narrower where the file was
/// made cannot be known here, and then none is given.
pub(crate) async fn reproduce(
    home: &Home,
    held: &Registries,
    lock: &HomeLock,
    (proposal, locked): (&Proposal, &Locked),
    ready: &Ready,
    word: &Word,
) -> Result<()> {
    let whole = locked.grant.as_ref().is_none_or(|digest| *digest == proposal.offer.release.permissions.digest());
    let intent = Intent {
        id: locked.id.clone(),
        action: "install".into(),
        by: word.by.clone(),
        locked: Some(locked.clone()),
        trust: proposal.offer.publisher.trusted_keys(&proposal.offer.registry, &keys::now()),
        grant: if whole { proposal.approved(&ready.publisher).grant(&word.by, word.at_ms()) } else { None },
        seen: proposal.stored.clone(),
        lower: proposal.lower,
        recorded: false,
    };
    intent.carry_out(home, held, lock).await
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
    client::rescan(home).await;
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
            refused.push(format!(
                "{id} {version} is installed, and the host does not serve it: {why}. Go back with: skynet plugin rollback {id}"
            ));
        }
        values.push(json!({ "id": id, "version": version, "serving": serving, "state": state }));
    }
    out.value(&json!(values));
    if refused.is_empty() { Ok(()) } else { Err(fail(Kind::Refused, refused.join("; "))) }
}

/// Why the host refused this plugin's file.
async fn refusal(home: &Home, id: &PluginId) -> Option<String> {
    let list = client::call(home, "plugins.list", json!({}), PLUGIN_CHANGE).await.ok()?;
    let name = super::intent::file_name(id);
    let line = list["plugins"].as_array()?.iter().find(|line| line["name"] == name.as_str())?.clone();
    line["reason"].as_str().map(ToOwned::to_owned)
}
