//! `skynet plugin remove`: its file, its grant and its entry in the lockfile go; what it
//! stored stays, and so does the audit log.

use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::prompt;
use crate::registry;
use crate::registry::intent::Intent;
use crate::who;
use anyhow::Result;
use serde_json::json;
use skynet_core::PluginId;

pub(super) async fn run(home: &Home, id: &PluginId, yes: bool, out: &Out) -> Result<()> {
    let ended = Box::pin(try_to(home, id, yes, out)).await;
    registry::noted(home, "plugin.remove", id.as_str(), ended).await
}

async fn try_to(home: &Home, id: &PluginId, yes: bool, out: &Out) -> Result<()> {
    let (held, lock) = registry::open_to_change(home).await?;
    let installed = held.read_lock().map_err(registry::failed)?;
    let Some(locked) = installed.find(id) else {
        let how = format!("to end one that was put into {} by hand, take its file away", home.plugins().display());
        return Err(fail(Kind::NotFound, format!("{id} did not come from a registry; {how}")));
    };
    let version = locked.version.to_string();
    if !yes && !prompt::agreed(&format!("Remove {id} {version} and what it was granted? [y/N] "), out)? {
        return Err(fail(Kind::Refused, format!("nothing was removed; `skynet plugin remove --yes {id}` does not ask")));
    }
    let intent = Intent {
        id: id.clone(),
        action: "remove".into(),
        by: who::at_the_command_line(),
        locked: None,
        trust: Vec::new(),
        grant: None,
        seen: None,
        revoke: false,
        lower: false,
        recorded: false,
    };
    intent.carry_out(home, &held, &lock).await?;
    registry::carry::tidy(&held, &lock)?;
    let _ = client::rescan(home).await;
    out.both(&format!("{id} {version} is gone, and its grant with it"), &json!({ "id": id, "version": version }));
    Ok(())
}
