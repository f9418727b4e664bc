//! `skynet plugin`: what serves, what may do what, and making files that may.
//!
//! A running host is asked over the gateway. `pack`, `sign`, `verify` and what authors do need none; what
//! comes from a registry is changed with one and without.

mod add_mcp;
mod advisories;
mod approve;
pub(in crate::cli) mod author;
mod export;
pub(crate) mod file;
mod folder;
mod from_oci;
mod grant;
pub(in crate::cli) mod install;
mod locked;
mod outdated;
mod pin;
mod publish;
mod registry_info;
mod remove;
pub(in crate::cli) mod review;
mod rollback;
mod search;
mod update;
mod why;

pub(crate) use author::{CHECKER, check_worker};

use crate::args::Plugin;
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::PLUGIN_CHANGE;
use crate::output::Out;
use anyhow::Result;
use serde_json::{Value, json};
use skynet_core::PluginId;

fn checked(id: &str) -> Result<PluginId> {
    PluginId::new(id).map_err(|error| fail(Kind::Usage, error.to_string()))
}

pub(crate) async fn run(home: &Home, verb: Plugin, out: &Out) -> Result<()> {
    match verb {
        Plugin::Author(verb) => author::run(home, verb, out).await,
        Plugin::List => list(home, out).await,
        Plugin::Info { id, versions } => registry_info::run(home, &checked(&id)?, versions, out).await,
        Plugin::Search { words } => search::run(home, &words.join(" "), out).await,
        Plugin::Publish(wish) => publish::run(&wish, out).await,
        Plugin::Install(install) => install::run(home, install, out).await,
        Plugin::Update(update) => update::run(home, update, out).await,
        Plugin::Outdated(account) => outdated::run(home, &account, out).await,
        Plugin::Pin { id } => pin::run(home, &checked(&id)?, true, out).await,
        Plugin::Unpin { id } => pin::run(home, &checked(&id)?, false, out).await,
        Plugin::Remove { id, yes } => remove::run(home, &checked(&id)?, yes, out).await,
        Plugin::Audit { offline } => advisories::run(home, offline, out).await,
        Plugin::Export(export) => export::run(home, export, out).await,
        Plugin::Enable { id } => simple(home, "plugins.enable", &checked(&id)?, "is switched on", out).await,
        Plugin::Disable { id } => simple(home, "plugins.disable", &checked(&id)?, "is switched off", out).await,
        Plugin::Approve { plugin, yes } => approve::run(home, &plugin, yes, out).await,
        Plugin::Grants { id } => grant::list(home, id.as_deref(), out).await,
        Plugin::Deny { id } => simple(home, "plugins.deny", &checked(&id)?, "was denied what it asks for", out).await,
        Plugin::WhyDenied { id, rows } => why::run(home, &checked(&id)?, rows, out).await,
        Plugin::Revoke { id } => simple(home, "plugins.revoke", &checked(&id)?, "has no grant any more", out).await,
        Plugin::Rollback { id, version } => rollback::run(home, &checked(&id)?, version.as_deref(), out).await,
        Plugin::Grant(grant) => grant::run(home, grant, out).await,
        Plugin::AddMcp(add) => add_mcp::run(home, add, out).await,
        Plugin::Pack(pack) => file::pack(&pack, out),
        Plugin::Sign { file, key } if file.is_dir() => folder::sign(home, &file, key.as_deref(), out),
        Plugin::Verify { file } if file.is_dir() => folder::verify(home, &file, out),
        Plugin::Sign { file, key } => file::sign(home, &file, key.as_deref(), out),
        Plugin::Review(look) => review::run(home, &look, out),
        Plugin::Verify { file } => file::verify(home, &file, out),
    }
}

async fn simple(home: &Home, method: &str, id: &PluginId, done: &str, out: &Out) -> Result<()> {
    let answer = client::call(home, method, json!({ "id": id }), PLUGIN_CHANGE).await?;
    out.both(&format!("{id} {done}"), &answer);
    Ok(())
}

/// A text of an answer, empty when it is none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A list of names, as one text.
pub(super) fn names(values: &Value) -> String {
    values.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

async fn list(home: &Home, out: &Out) -> Result<()> {
    let answer = client::call(home, "plugins.list", json!({}), PLUGIN_CHANGE).await?;
    out.value(&answer["plugins"]);
    let plugins = answer["plugins"].as_array().cloned().unwrap_or_default();
    if plugins.is_empty() {
        let (plugins, tools) = (home.plugins(), home.tools());
        let is_file = |entry: std::fs::DirEntry| entry.path().extension().is_some_and(|end| end == "wasm");
        let there = std::fs::read_dir(&plugins).is_ok_and(|entries| entries.flatten().any(is_file));
        if there {
            out.line(&format!("none yet: the host looks at what lies in {}; try again in a moment", plugins.display()));
        } else {
            let (plugins, tools) = (plugins.display(), tools.display());
            out.line(&format!("no plugins; drop signed .wasm files into {plugins}, or script plugins into {tools}"));
        }
    }
    for plugin in plugins {
        let version = text(&plugin["serving"]["version"]);
        // An update that waits leaves what serves in its place.
        let waiting = plugin["waiting"].as_str();
        let state = if waiting.is_some() { "serving" } else { text(&plugin["state"]) };
        let color = match state {
            "serving" => "32",
            "pending" => "33",
            "refused" | "sick" => "31",
            _ => "2",
        };
        out.line(&format!(
            "{} {:<32} {:<9} {}",
            out.paint(color, &format!("{state:<8}")),
            text(&plugin["name"]),
            version,
            text(&plugin["summary"])
        ));
        if let Some(version) = waiting {
            out.line(&format!("           {version} waits for your word; what it changes: skynet plugin info {}", text(&plugin["name"])));
        }
        for ask in plugin["asks"].as_array().into_iter().flatten() {
            out.line(&format!("           asks: {}", text(ask)));
        }
        if text(&plugin["state"]) == "pending" {
            let verb = if text(&plugin["trust"]) == skynet_plugins::BY_OWNER { "approve" } else { "grant" };
            out.line(&format!("           allow it with: skynet plugin {verb} {}", text(&plugin["name"])));
        }
        for why in [&plugin["reason"], &plugin["note"]].into_iter().filter_map(Value::as_str) {
            out.line(&format!("           {why}"));
        }
    }
    Ok(())
}

/// Each version once: the same one admitted again, after a rollback say, has another number (`0.2.0#6`).
fn versions(history: &Value) -> Vec<&str> {
    let mut shown: Vec<&str> = Vec::new();
    for one in history.as_array().into_iter().flatten().filter_map(Value::as_str) {
        let version = one.split_once('#').map_or(one, |(version, _)| version);
        if !shown.contains(&version) {
            shown.push(version);
        }
    }
    shown
}

/// What the running host says of a plugin, for people.
pub(super) fn show_info(id: &PluginId, info: &Value, out: &Out) {
    let status = &info["status"];
    out.line(&format!("{id} {}", text(&status["serving"]["version"])));
    out.line(&format!("  {}", text(&status["summary"])));
    let or = |value: &Value| value.as_str().filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
    let state = match (status["waiting"].as_str(), text(&status["serving"]["version"])) {
        (Some(waits), serves) => format!("serving {serves}; {waits} waits for your word"),
        _ => or(&status["state"]),
    };
    for (name, value) in [
        ("state", state),
        ("serves as", or(&json!(names(&status["kinds"])))),
        ("trust", or(&status["trust"])),
        ("signed by", or(&info["publisher"])),
        ("file", or(&info["file"])),
        ("component", or(&info["receipt"]["component"])),
        ("runs", approve::runs(&info["script"])),
    ] {
        if name == "runs" && info["script"].is_null() {
            continue;
        }
        out.line(&format!("  {name:<10} {value}"));
    }
    let section = |title: &str, values: &Value| {
        let lines: Vec<&str> = values.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !lines.is_empty() {
            out.line(&format!("  {title}"));
            lines.iter().for_each(|line| out.line(&format!("    {line}")));
        }
    };
    section("asks for", &info["asks"]);
    section("may", &info["may"]);
    section("kept from it by [ceiling] in skynet.toml", &info["above_ceiling"]);
    section("waits for your grant", &info["waiting"]["asks"]);
    if status["waiting"].is_string() {
        section("what that changes", &json!(text(&info["waiting"]["diff_text"]).lines().collect::<Vec<_>>()));
    }
    section("was denied, and a grant would allow", &info["denied"]["asks"]);
    section("tools", &status["tools"]);
    section("versions kept here", &json!(versions(&info["history"])));
    section("held back; a file of a newer version goes forward", &info["held"]);
    // As the list has them: why it does not serve, or what is wrong with what does.
    for why in [&status["reason"], &status["note"]].into_iter().filter_map(Value::as_str) {
        out.line(&format!("  {why}"));
    }
}
