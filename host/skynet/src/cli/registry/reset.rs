//! `skynet registry reset`: what was seen is forgotten, on the owner's word.

use crate::args::registry::Root;
use crate::home::Home;
use crate::output::Out;
use crate::registry;
use crate::registry::record;
use anyhow::Result;
use serde_json::json;

pub(super) async fn run(home: &Home, name: &str, root: &Root, out: &Out) -> Result<()> {
    let (held, lock) = registry::open_to_change(home).await?;
    let place = held.places().and_then(|places| places.named(name).cloned()).map_err(registry::failed)?;
    let root = registry::root(root)?;
    record(home, "registry", name, "begun", json!({ "action": "reset" })).await?;
    let reset = held.reset(&lock, name, root, registry::fetch(&place)?).await.map_err(registry::failed);
    registry::ended(home, "registry", name, reset).await?;
    out.both(&format!("registry {name} begins again from that root"), &json!({ "name": name }));
    Ok(())
}
