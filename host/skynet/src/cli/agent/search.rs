//! `skynet agent search`: whole agents that the registries list. For looking only.
//!
//! A registry's index is of plugins; agents are documents of their own, each fetched and verified
//! before a word of it is shown. Refuses to look into more than a bounded number of them.

use crate::exit;
use crate::home::Home;
use crate::limits::AGENTS_LOOKED_INTO;
use crate::output::Out;
use crate::registry;
use anyhow::Result;
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_registry_client::RegistryError;
use skynet_registry_client::agents::ListedAgent;
use skynet_registry_client::offer::Wish;
use skynet_registry_client::visit::Visit;

pub(super) async fn run(home: &Home, words: &str, out: &Out) -> Result<()> {
    home.must_exist()?;
    let held = registry::open(home)?;
    let places = registry::places(&held)?;
    let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    let (mut listed, mut faults, mut answered): (Vec<Value>, Vec<anyhow::Error>, usize) = (Vec::new(), Vec::new(), 0);
    for place in &places.all {
        let visit = match registry::visit(&held, place).await {
            Ok(visit) => visit,
            Err(error) => {
                faults.push(error);
                continue;
            }
        };
        answered += 1;
        let (ids, left) = candidates(&visit, &words);
        for id in ids {
            match visit.agent(&Wish { id, version: None }).await {
                Ok(agent) if fits(&words, &agent.bundle.manifest.id, &agent.bundle.manifest.summary) => listed.push(shown(&agent, out)),
                // Withdrawn, or not out yet.
                Ok(_) | Err(RegistryError::NotFound { .. }) => {}
                Err(error) => faults.push(registry::failed(error)),
            }
        }
        if left > 0 {
            out.line(&format!("{left} more agents of registry {} were not looked into; a word of their names finds them", place.name));
        }
    }
    out.value(&json!(listed));
    if listed.is_empty() && faults.is_empty() {
        out.line("no agent fits");
    }
    exit::partly(&faults, answered > 0)
}

/// Agents to look into, those ahead whose names fit; and how many are left out.
fn candidates(visit: &Visit, words: &[String]) -> (Vec<PluginId>, usize) {
    let (mut ids, others): (Vec<PluginId>, Vec<PluginId>) = visit.agents().into_iter().partition(|id| fits(words, id, ""));
    ids.extend(others);
    let left = ids.len().saturating_sub(AGENTS_LOOKED_INTO);
    ids.truncate(AGENTS_LOOKED_INTO);
    (ids, left)
}

fn fits(words: &[String], id: &PluginId, summary: &str) -> bool {
    let text = format!("{id} {}", summary.to_lowercase());
    words.iter().all(|word| text.contains(word.as_str()))
}

fn shown(agent: &ListedAgent, out: &Out) -> Value {
    let manifest = &agent.bundle.manifest;
    let plugins: Vec<&str> = manifest.plugins.iter().map(|plugin| plugin.id.as_str()).collect();
    let with = if plugins.is_empty() { String::new() } else { format!("  (with {})", plugins.join(", ")) };
    out.line(&format!("{:<32} {:<10} {}{with}", manifest.id.as_str(), manifest.version.to_string(), manifest.summary));
    json!({
        "id": manifest.id, "version": manifest.version, "summary": manifest.summary, "plugins": plugins, "registry": agent.registry,
        "digest": agent.digest,
    })
}
