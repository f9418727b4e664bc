//! `skynet plugin rollback`: the version before, for one that was dropped by hand by the
//! running host, for one from a registry by its kept file, with a host and without.

use super::text;
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::limits::PLUGIN_CHANGE;
use crate::output::Out;
use crate::registry::carry;
use crate::registry::intent::Intent;
use crate::registry::{self};
use crate::who;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_core::PluginId;
use skynet_policy::registry::advisories::Advisories;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::lock::Approval;

pub(super) async fn run(home: &Home, id: &PluginId, version: Option<&str>, out: &Out) -> Result<()> {
    home.must_exist()?;
    let from_registry = home.registries().is_dir() && registry::open(home)?.read_lock().map_err(registry::failed)?.find(id).is_some();
    if from_registry {
        let ended = Box::pin(to_kept(home, id, version, out)).await;
        return registry::noted(home, "plugin.rollback", id.as_str(), ended).await;
    }
    if version.is_some() {
        return Err(fail(
            Kind::Refused,
            format!("{id} did not come from a registry; only the version before the present one can be put back"),
        ));
    }
    let answer = client::call(home, "plugins.rollback", json!({ "id": id }), PLUGIN_CHANGE).await?;
    out.both(&format!("{id} serves version {} again", text(&answer["serving"]["version"])), &answer);
    out.line("the newer file in the plugin folder is held back; to go forward, drop a file of a newer version there");
    Ok(())
}

async fn to_kept(home: &Home, id: &PluginId, version: Option<&str>, out: &Out) -> Result<()> {
    let (held, lock) = registry::open_to_change(home).await?;
    let version = version.map(str::parse).transpose().map_err(|error| fail(Kind::Usage, format!("no version: {error}")))?;
    let (to, said) = roll(home, &held, &lock, id, version.as_ref()).await?;
    said.iter().for_each(|said| out.line(&out.paint("33", &format!("{id} {to} is {said}"))));
    out.line(&format!("{id} goes back to {to} and is pinned there; `skynet plugin unpin {id}` lets it be updated again"));
    carry::tell(home, &[(id.clone(), to)], out).await
}

/// Gives the version that is installed now, and what is known to be wrong with it.
async fn roll(
    home: &Home,
    held: &Registries,
    lock: &HomeLock,
    id: &PluginId,
    version: Option<&semver::Version>,
) -> Result<(String, Vec<String>)> {
    let mut installed = held.read_lock().map_err(registry::failed)?;
    let locked = installed.find(id).context("the lockfile lost an entry")?;
    let said = match held.vouches(locked).map_err(registry::failed)? {
        Some(registry) => held.advisories(&registry).map_err(registry::failed)?,
        None => Advisories::default(),
    };
    let to = installed.former(id, version, &said).map_err(registry::failed)?.clone();
    let known = said.judge(&to.release, &to.publisher_keys).said.iter().map(ToString::to_string).collect();
    let bytes = held.kept(&to.file).map_err(registry::failed)?;
    // Its keys must still count: what its publisher or the owner withdrew does not come back.
    let trust = keys::load_trust(home)?;
    let name = format!("{id} {}", to.version);
    let checked = tokio::task::spawn_blocking(move || skynet_plugins::file::check(&name, &bytes, &trust)).await.context("the check")?;
    checked.map_err(|refusal| fail(Kind::Refused, format!("{refusal}. Nothing was changed")))?;
    let now = keys::now();
    let grant = locked.grant.clone();
    installed.roll_back(id, &to, Approval { by: who::at_the_command_line(), at: now, grant }).map_err(registry::failed)?;
    let intent = Intent {
        id: id.clone(),
        action: "rollback".into(),
        by: who::at_the_command_line(),
        locked: installed.find(id).cloned(),
        trust: Vec::new(),
        grant: None,
        seen: None,
        revoke: false,
        lower: true,
        recorded: false,
    };
    intent.carry_out(home, held, lock).await?;
    Ok((to.version.to_string(), known))
}
