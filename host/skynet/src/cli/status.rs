//! `skynet status`: what runs, in one screen.

use crate::client::Client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::ANSWER;
use crate::lock;
use crate::output::Out;
use crate::registry;
use crate::wall;
use anyhow::Result;
use serde_json::{Value, json};
use skynet_scripts::wall::State;
use tokio::time::timeout;

pub(crate) async fn run(home: &Home, out: &Out) -> Result<()> {
    let mut client = Client::connect(home).await?;
    let asked = timeout(ANSWER, async {
        let models = client.call("models.list", json!({})).await?;
        let plugins = client.call("plugins.list", json!({})).await?;
        let sessions = client.call("sessions.list", json!({ "limit": 5 })).await?;
        let model = client.call("agent.model", json!({})).await?;
        let proposals = client.call("proposals.list", json!({})).await?;
        anyhow::Ok((models, plugins, sessions, model, proposals))
    });
    let (models, plugins, sessions, model, proposals) =
        asked.await.map_err(|_| fail(Kind::TryLater, "the host did not answer in time"))??;
    let count = |state: &str| plugins["plugins"].as_array().into_iter().flatten().filter(|plugin| plugin["state"] == state).count();
    let wall = lock::holder(home).map(|pid| wall::of(home, pid));
    let scripts = lock::holder(home).map(|pid| wall::scripts(home, pid));
    let uptime = client.hello["snapshot"]["uptimeMs"].as_u64().unwrap_or_default() / 1000;
    let updates = registry::updates::kept(home).map(|known| known.updates).unwrap_or_default();
    let waiting = proposals["proposals"].as_array().map_or(0, Vec::len);
    let value = json!({
        "version": client.hello["server"]["version"], "pid": lock::holder(home), "home": home.root(), "uptime_s": uptime,
        "model": model["model"], "models": models["models"], "plugins": plugins["plugins"], "sessions": sessions["count"],
        "wall": wall,
        "scripts": scripts.as_ref().map(|layers| layers.iter().cloned().collect::<std::collections::BTreeMap<_, _>>()),
        "updates": updates, "proposals": waiting,
    });
    out.value(&value);
    let version = value["version"].as_str().unwrap_or_default();
    out.line(&format!(
        "skynet {version}, process {}, up {uptime} s, data in {}",
        lock::holder(home).unwrap_or_default(),
        home.root().display()
    ));
    out.line(&format!("model    {}", model["model"].as_str().unwrap_or("none: no provider serves; see `skynet doctor`")));
    // Who fell back to the provider that is always there should hear why.
    if model["model"].as_str().is_none_or(|model| model.starts_with("offline/")) {
        for plugin in plugins["plugins"].as_array().into_iter().flatten() {
            if let (Some(name), Some(note)) = (plugin["name"].as_str(), plugin["note"].as_str()) {
                out.line(&format!("         {name}: {note}"));
            }
        }
    }
    let names: Vec<String> = models["models"].as_array().into_iter().flatten().map(name).collect();
    out.line(&format!("models   {}", if names.is_empty() { "-".to_owned() } else { names.join(", ") }));
    out.line(&format!(
        "plugins  {} serving, {} waiting for a grant, {} refused, {} off",
        count("serving"),
        count("pending"),
        count("refused") + count("sick"),
        count("disabled")
    ));
    if waiting > 0 {
        out.line(&format!("asked    {waiting} plugin(s) wait for your yes or no: skynet proposals list"));
    }
    for update in &updates {
        let more = if update.widens.is_empty() {
            "asks for no more than now".to_owned()
        } else {
            format!("asks for more: {}", update.widens.join("; "))
        };
        out.line(&format!("update   {} {} → {}, {more}", update.id, update.from, update.to));
    }
    if !updates.is_empty() {
        out.line("         see: skynet plugin outdated; get them: skynet plugin update");
    }
    if let Some(wall) = wall {
        let said: Vec<String> = wall.named().iter().map(|(name, layer)| format!("{name} {}", word(layer.state))).collect();
        out.line(&format!("wall     {}", said.join(", ")));
    }
    if let Some((_, scripts)) = scripts.iter().flatten().next() {
        out.line(&format!("scripts  {}: {}", word(scripts.state), scripts.says));
    }
    out.line(&format!("sessions {}", sessions["totalCount"].as_u64().or(sessions["count"].as_u64()).unwrap_or_default()));
    Ok(())
}

fn word(state: State) -> &'static str {
    match state {
        State::On => "on",
        State::Partly => "in part",
        State::Off => "OFF",
        State::Unknown => "unknown",
    }
}

fn name(model: &Value) -> String {
    let (provider, id) = (model["provider"].as_str().unwrap_or_default(), model["id"].as_str().unwrap_or_default());
    if id.contains('/') { id.to_owned() } else { format!("{provider}/{id}") }
}
