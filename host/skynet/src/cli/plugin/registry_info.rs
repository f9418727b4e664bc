//! `skynet plugin info`: what the host knows of a plugin, and what its registry has of it.

use super::{show_info, text};
use crate::client;
use crate::home::Home;
use crate::limits::PLUGIN_CHANGE;
use crate::output::Out;
use crate::registry;
use anyhow::Result;
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_registry_client::offer::Wish;

pub(super) async fn run(home: &Home, id: &PluginId, versions: bool, out: &Out) -> Result<()> {
    let here = client::call(home, "plugins.info", json!({ "id": id }), PLUGIN_CHANGE).await;
    let answers = home.registries().is_dir() && registry::open(home)?.places().map_err(registry::failed)?.of(id).is_ok();
    let (mut info, known) = match here {
        Ok(info) => (info, true),
        // What is not here may be there; without a registry that answers, the host's word stands.
        Err(_) if answers => (json!({}), false),
        Err(error) => return Err(error),
    };
    if known {
        show_info(id, &info, out);
    }
    if answers && (versions || !known) {
        info["registry"] = Box::pin(listed(home, id, out)).await?;
    }
    if home.registries().is_dir()
        && let Some(locked) = registry::open(home)?.read_lock().map_err(registry::failed)?.find(id)
    {
        let former: Vec<String> = locked.former.iter().map(|old| old.version.to_string()).collect();
        out.line(&format!("  installed  {} from {}{}", locked.version, locked.origin(), if locked.pinned { ", pinned" } else { "" }));
        if !former.is_empty() {
            out.line(&format!("  to go back {}", former.join(", ")));
        }
        info["locked"] = json!(locked);
    }
    out.value(&info);
    Ok(())
}

/// What the registry has: versions with their age, and what the newest asks for.
async fn listed(home: &Home, id: &PluginId, out: &Out) -> Result<Value> {
    let held = registry::open(home)?;
    let place = held.places().and_then(|places| places.of(id).cloned()).map_err(registry::failed)?;
    let visit = registry::visit(&held, &place).await?;
    let offer = visit.select(&Wish { id: id.clone(), version: None }).await.map_err(registry::failed)?;
    let index = visit.index().await.map_err(registry::failed)?;
    let releases = index.find(id).map(|entry| entry.releases.clone()).unwrap_or_default();
    let asks = offer.release.permissions.sentences();
    let signers: Vec<&str> = offer.signers.iter().map(skynet_policy::signature::KeyId::as_str).collect();
    out.line(&format!("{} in registry {}", offer.name(), place.name));
    out.line(&format!("  {}", skynet_policy::naming::plain_line(&offer.release.summary, 200)));
    out.line(&format!("  signed by  {}", signers.join(", ")));
    out.line(&format!("  release    {}", offer.digest));
    asks.iter().for_each(|sentence| out.line(&format!("  asks: {sentence}")));
    offer.standing.said.iter().for_each(|said| out.line(&format!("  {}", out.paint("33", &said.to_string()))));
    out.line("  versions listed there");
    let listed: Vec<Value> = releases
        .iter()
        .rev()
        .map(|release| json!({ "version": release.version, "listed": release.listed, "release": release.release }))
        .collect();
    for release in &listed {
        out.line(&format!("    {:<10} since {}", text(&release["version"]), text(&release["listed"])));
    }
    let said: Vec<String> = offer.standing.said.iter().map(ToString::to_string).collect();
    Ok(
        json!({ "name": place.name, "newest": offer.release, "release": offer.digest, "signers": offer.signers, "asks": asks, "said": said, "versions": listed }),
    )
}
