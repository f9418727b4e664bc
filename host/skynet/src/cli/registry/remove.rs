//! `skynet registry remove`: nothing more comes from there; what came stays.

use crate::home::Home;
use crate::output::Out;
use crate::registry;
use crate::registry::record;
use anyhow::Result;
use serde_json::json;

pub(super) async fn run(home: &Home, name: &str, out: &Out) -> Result<()> {
    let (held, lock) = registry::open_to_change(home).await?;
    held.places().and_then(|places| places.named(name).cloned()).map_err(registry::failed)?;
    record(home, "registry", name, "begun", json!({ "action": "remove" })).await?;
    registry::ended(home, "registry", name, held.remove(&lock, name).map_err(registry::failed)).await?;
    let installed = held.read_lock().map_err(registry::failed)?;
    let left: Vec<String> = installed.plugins.iter().filter(|plugin| plugin.registry == name).map(|plugin| plugin.id.to_string()).collect();
    let more =
        if left.is_empty() { String::new() } else { format!("; these came from it, stay, and get no more updates: {}", left.join(", ")) };
    out.both(&format!("removed registry {name}{more}"), &json!({ "name": name, "stay": left }));
    Ok(())
}
