//! `skynet plugin why-denied`: what a plugin was refused, and what would allow it.

use super::text;
use crate::client;
use crate::clock;
use crate::home::Home;
use crate::limits::PLUGIN_CHANGE;
use crate::output::Out;
use anyhow::Result;
use serde_json::json;
use skynet_core::PluginId;

pub(super) async fn run(home: &Home, id: &PluginId, rows: u64, out: &Out) -> Result<()> {
    let answer = client::call(home, "plugins.whyDenied", json!({ "id": id, "limit": rows }), PLUGIN_CHANGE).await?;
    out.value(&answer);
    let list = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    let (denied, asks, ceiling) = (list("denied"), list("asks"), list("above_ceiling"));
    if denied.is_empty() && asks.is_empty() && ceiling.is_empty() {
        out.line(&format!("{id} was refused nothing lately"));
    }
    for row in &denied {
        out.line(&format!(
            "{}  {}  {}",
            row["at_ms"].as_u64().map(clock::instant).unwrap_or_default(),
            out.paint("33", text(&row["what"])),
            text(&row["who"])
        ));
        // Rows of older hosts may have none.
        row["why"].as_str().iter().for_each(|why| out.line(&format!("  {why}")));
    }
    if let Some(until) = answer["was_granted_until_ms"].as_u64() {
        out.line(&format!("it was granted until {}, which is over", clock::minute(until)));
    }
    if !asks.is_empty() {
        out.line("it waits for your word on:");
        asks.iter().for_each(|ask| out.line(&format!("  {}", text(ask))));
        out.line(&format!("allow it with `{0}`, or say no with `skynet plugin deny {id}`", text(&answer["remedy"])));
    }
    if !ceiling.is_empty() {
        out.line("[ceiling] in skynet.toml keeps from it, whatever it is granted:");
        ceiling.iter().for_each(|sentence| out.line(&format!("  {}", text(sentence))));
        out.line(text(&answer["ceiling_remedy"]));
    }
    if !denied.is_empty() {
        let may = list("may");
        out.line(if may.is_empty() { "it may do nothing beyond computing" } else { "it may:" });
        may.iter().for_each(|sentence| out.line(&format!("  {}", text(sentence))));
        out.line(&format!("what its manifest asks for and you left out you can allow with: {}", text(&answer["remedy"])));
        out.line("what its manifest does not ask for nobody can allow; its publisher must ask for it in a new version");
    }
    Ok(())
}
