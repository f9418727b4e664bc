//! `skynet plugin pin` and `unpin`: whether updates touch a plugin.

use crate::home::Home;
use crate::output::Out;
use crate::registry;
use anyhow::Result;
use serde_json::json;
use skynet_core::PluginId;

pub(super) async fn run(home: &Home, id: &PluginId, pinned: bool, out: &Out) -> Result<()> {
    let (held, lock) = registry::open_to_change(home).await?;
    let mut installed = held.read_lock().map_err(registry::failed)?;
    installed.pin(id, pinned).map_err(registry::failed)?;
    registry::record(home, if pinned { "plugin.pin" } else { "plugin.unpin" }, id.as_str(), "ok", json!({})).await?;
    held.write_lock(&lock, &installed).map_err(registry::failed)?;
    let version = installed.find(id).map(|plugin| plugin.version.to_string()).unwrap_or_default();
    let text = if pinned { format!("{id} stays at {version}") } else { format!("{id} is updated again") };
    out.both(&text, &json!({ "id": id, "version": version, "pinned": pinned }));
    Ok(())
}
