//! `skynet plugin search`: what the registries list. For looking only.

use crate::exit;
use crate::home::Home;
use crate::output::Out;
use crate::registry;
use anyhow::Result;
use serde_json::{Value, json};

pub(super) async fn run(home: &Home, words: &str, out: &Out) -> Result<()> {
    home.must_exist()?;
    let held = registry::open(home)?;
    let places = registry::places(&held)?;
    let installed = held.read_lock().map_err(registry::failed)?;
    let (mut listed, mut faults): (Vec<Value>, Vec<anyhow::Error>) = (Vec::new(), Vec::new());
    for place in &places.all {
        let index = async { registry::visit(&held, place).await?.index().await.map_err(registry::failed) };
        let index = match index.await {
            Ok(index) => index,
            Err(error) => {
                faults.push(error);
                continue;
            }
        };
        // A name for which another registry answers cannot be had here, so it is not shown.
        let theirs = |entry: &&skynet_policy::registry::index::IndexEntry| places.of(&entry.id).is_ok_and(|owner| owner.name == place.name);
        for entry in index.search(words).into_iter().filter(theirs) {
            let newest = entry.releases.last().map(|release| release.version.to_string()).unwrap_or_default();
            let here = installed.find(&entry.id).map(|plugin| plugin.version.to_string());
            let mark = here.as_ref().map_or_else(String::new, |here| format!("  (installed: {here})"));
            out.line(&format!("{:<32} {newest:<10} {}{mark}", entry.id.as_str(), entry.summary));
            listed.push(json!({
                "id": entry.id, "version": newest, "summary": entry.summary, "world": entry.world, "registry": place.name, "installed": here,
            }));
        }
    }
    out.value(&json!(listed));
    if listed.is_empty() && faults.is_empty() {
        out.line("nothing fits; whole agents are looked for with: skynet agent search");
    }
    exit::partly(&faults, faults.len() < places.all.len())
}
