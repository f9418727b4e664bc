//! `skynet plugin add-mcp`: an MCP server becomes a plugin, after its owner saw what it may
//! do and how its tools are described.
//!
//! Two versions are made: one that may only look, through the host's own door, and one that
//! holds what was approved. The server is never reached but by the plugin. Refuses tools
//! that nobody could read; a plugin that was not agreed to is taken away again. A server
//! that is a program of this machine is a folder in `tools/` (`local.rs`, `command.rs`).

mod build;
mod command;
mod local;
mod show;

use super::grant::confirmed;
use super::text;
use crate::args::AddMcp;
use crate::client::{self, Client};
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::{PLUGIN_CHANGE, PLUGIN_LOOK};
use crate::output::Out;
use anyhow::{Context as _, Result, bail};
use build::{Bridge, Server};
use serde_json::{Value, json};
use show::Offered;
pub(super) use show::describe;
use skynet_core::PluginId;
use skynet_policy::naming::exposed_name;
use std::path::PathBuf;
use tokio::time::{Instant, sleep, timeout};

/// The bridge's tool for its owner.
const LOOK: &str = "bridge_look";

/// Where its owner and the host are asked.
struct Desk<'a> {
    home: &'a Home,
    out: &'a Out,
    host: Client,
}

/// One server on its way to being a plugin.
struct Adding<'a> {
    desk: Desk<'a>,
    bridge: Bridge,
    id: PluginId,
    file: PathBuf,
    version: semver::Version,
    /// Digest of the release that was placed last: what a grant is for.
    release: String,
}

pub(crate) async fn run(home: &Home, add: AddMcp, out: &Out) -> Result<()> {
    home.must_exist()?;
    let id = PluginId::new(&format!("mcp/{}", add.name)).map_err(|_| {
        fail(Kind::Usage, format!("`{}` is no name for a server; use a-z first, then a-z, 0-9 and single hyphens", add.name))
    })?;
    if !add.command.is_empty() || (add.update && local::is_there(home, &add.name)) {
        let desk = Desk { home, out, host: Client::connect(home).await? };
        return local::run(desk, &add).await;
    }
    let file = home.plugins().join(format!("mcp-{}.wasm", add.name));
    let bridge = Bridge::find(home, add.bridge.as_deref())?;
    let desk = Desk { home, out, host: Client::connect(home).await? };
    if add.bridge.is_some() {
        out.line(&format!("the bridge is {}", bridge.shown()));
    }
    let mut adding = Adding { desk, bridge, id, file, version: semver::Version::new(0, 1, 0), release: String::new() };
    match &add.url {
        Some(url) => adding.add(url, &add).await,
        None => adding.update(&add).await,
    }
}

impl Desk<'_> {
    /// A program without --yes gets to read what it would agree to.
    async fn agreed(&self, id: &PluginId, question: &str, yes: bool, shown: &Value) -> Result<()> {
        if yes || asked(question, self.out).await? {
            return Ok(());
        }
        let mut shown = shown.clone();
        shown["id"] = json!(id);
        shown["taken"] = json!(false);
        self.out.value(&shown);
        Err(fail(Kind::Refused, "nothing was taken; --yes does not ask"))
    }

    /// Asks the host.
    async fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        let answered = timeout(PLUGIN_CHANGE, self.host.call(method, params)).await;
        answered.map_err(|_| fail(Kind::TryLater, format!("the host did not answer {method} in {} s", PLUGIN_CHANGE.as_secs())))?
    }

    /// What the server offers now, asked through the plugin.
    async fn look(&mut self, id: &PluginId) -> Result<Offered> {
        self.out.line("looking at what the server offers");
        let tool = exposed_name(id, LOOK);
        let began = self.denied(id).await.first().and_then(|row| row["number"].as_u64()).unwrap_or(0);
        let answer = self.ask("tools.invoke", json!({ "name": tool })).await?;
        if answer["ok"] != true {
            // A server chooses its words; whether the host kept the plugin from it is in the host's own log.
            let private = self.was_private(id, began).await;
            let hint = if private { "; a server on this machine or your network needs --private" } else { "" };
            return Err(fail(Kind::Refused, format!("the server could not be looked at: {}{hint}", text(&answer["error"]["message"]))));
        }
        Ok(Offered::of(answer["output"]["structured"].clone()))
    }

    /// Whether it was kept from a server for being on a private network, since a row of this number.
    async fn was_private(&mut self, id: &PluginId, began: u64) -> bool {
        let rows = self.denied(id).await;
        rows.iter().any(|row| row["reason"] == "non-public" && row["number"].as_u64().is_some_and(|number| number > began))
    }

    /// What the host refused it lately, newest first.
    async fn denied(&mut self, id: &PluginId) -> Vec<Value> {
        let denied = self.ask("plugins.whyDenied", json!({ "id": id, "limit": 10 })).await.unwrap_or_default();
        denied["denied"].as_array().cloned().unwrap_or_default()
    }
}

impl Adding<'_> {
    async fn add(&mut self, url: &str, add: &AddMcp) -> Result<()> {
        if self.file.exists() {
            let (name, file) = (&add.name, self.file.display());
            let message =
                format!("{name} is there already; look at it again with: skynet plugin add-mcp --update {name}, or remove {file}");
            return Err(fail(Kind::Refused, message));
        }
        let server = Server::new(&add.name, url, add.secret.as_deref())?;
        // Who added it before and took it away again goes on with the next number.
        if let Ok(info) = self.desk.ask("plugins.info", json!({ "id": self.id })).await {
            let before = info["history"].as_array().into_iter().flatten().filter_map(|one| version_in(text(one)));
            self.version = before.max().map_or(self.version.clone(), |newest| next(&newest));
        }
        let added = or_stopped(self.first(&server, add)).await;
        if added.is_err() && self.file.exists() {
            // Neither the plugin nor what it was allowed on the way.
            let _ = self.desk.ask("plugins.revoke", json!({ "id": self.id })).await;
            let removed = std::fs::remove_file(&self.file);
            let _ = client::rescan(self.desk.home).await;
            if let Err(left) = removed {
                return added.with_context(|| format!("{} was left behind ({left}); remove it", self.file.display()));
            }
        }
        added
    }

    async fn first(&mut self, server: &Server, add: &AddMcp) -> Result<()> {
        self.place(&server.looking(&[])).await?;
        self.allow(server, add).await?;
        let offered = self.desk.look(&self.id).await?;
        offered.show(self.desk.out);
        let shown = offered.value();
        self.desk.agreed(&self.id, "Take these tools as they are described here?", add.yes, &shown).await?;
        self.finish(server, &offered.good, "added", shown).await
    }

    async fn update(&mut self, add: &AddMcp) -> Result<()> {
        let (server, version) = build::read(self.desk.home, &self.file, &add.name)?;
        self.version = next(&version);
        let approved = server.tools.clone();
        let updated = or_stopped(self.again(&server, add)).await;
        if updated.is_err() {
            // What was approved goes on, without the tool that looks.
            self.version = next(&self.version);
            if let Err(second) = self.place(&server.approved(&approved)).await {
                return updated.with_context(|| format!("what was approved of {} is not back in service ({second:#})", self.id));
            }
        }
        updated
    }

    async fn again(&mut self, server: &Server, add: &AddMcp) -> Result<()> {
        let approved = &server.tools;
        self.place(&server.looking(approved)).await?;
        self.allow(server, add).await?;
        let offered = self.desk.look(&self.id).await?;
        let (changed, shown) = offered.compared(approved, self.desk.out);
        if !changed {
            return self.finish(server, approved, "is as it was approved", shown).await;
        }
        self.desk.agreed(&self.id, "Take these changes?", add.yes, &shown).await?;
        self.finish(server, &offered.good, "updated", shown).await
    }

    async fn finish(&mut self, server: &Server, tools: &[Value], done: &str, shown: Value) -> Result<()> {
        self.version = next(&self.version);
        self.place(&server.approved(tools)).await?;
        let names: Vec<String> = tools.iter().map(|tool| exposed_name(&self.id, text(&tool["name"]))).collect();
        let summary = json!({ "id": self.id, "version": self.version.to_string(), "file": self.file, "url": server.url, "tools": names });
        let offered = if names.len() == 1 { "tool" } else { "tools" };
        self.desk.out.both(&format!("{} {done}, with {} {offered}", self.id, names.len()), &joined(shown, summary));
        Ok(())
    }

    /// Puts a version into the plugins folder and waits until the host has decided on it.
    async fn place(&mut self, server: &Server) -> Result<()> {
        let (bytes, release) = self.bridge.plugin(self.desk.home, &self.id, &self.version, server)?;
        self.release = release;
        crate::home::write_file(&self.file, &bytes, 0o644)?;
        self.desk.ask("plugins.reload", json!({})).await?;
        let wanted = self.version.to_string();
        let began = Instant::now();
        loop {
            let plugins = self.desk.ask("plugins.list", json!({})).await?;
            let name = self.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let all = plugins["plugins"].as_array().cloned().unwrap_or_default();
            let status = all.iter().find(|plugin| plugin["name"] == self.id.as_str());
            if let Some(status) = status {
                let serving = text(&status["serving"]["version"]) == wanted;
                if (status["state"] == "serving" && serving) || status["state"] == "pending" {
                    return Ok(());
                }
            }
            let refused = status.into_iter().chain(all.iter().filter(|plugin| plugin["name"] == name.as_str()));
            if let Some(reason) = refused.filter(|plugin| plugin["state"] == "refused").find_map(|plugin| plugin["reason"].as_str()) {
                return Err(fail(Kind::Refused, format!("the host refused the plugin: {reason}")));
            }
            if began.elapsed() > PLUGIN_CHANGE {
                bail!("the host did not take {} up; look at: skynet plugin info {}", self.file.display(), self.id);
            }
            sleep(PLUGIN_LOOK).await;
        }
    }

    /// What the plugin may do, granted by the one who reads it.
    async fn allow(&mut self, server: &Server, add: &AddMcp) -> Result<()> {
        let info = self.desk.ask("plugins.info", json!({ "id": self.id })).await?;
        let permissions = server.granted(add.private)?;
        // An earlier grant counts, if it is this one.
        if info["waiting"].is_null() && (add.update || info["grant"]["permissions"] == serde_json::to_value(&permissions)?) {
            return Ok(());
        }
        let out = self.desk.out;
        out.line(&format!("{} asks:", self.id));
        permissions.sentences().iter().for_each(|sentence| out.line(&format!("  {sentence}")));
        if !add.yes && !asked("Allow this?", out).await? {
            out.value(&json!({ "id": self.id, "asks": permissions.sentences(), "taken": false }));
            return Err(fail(Kind::Refused, "nothing was granted; --yes does not ask"));
        }
        // For the very release that was put there.
        self.desk.ask("plugins.grant", json!({ "id": self.id, "permissions": permissions, "release": self.release })).await?;
        Ok(())
    }
}

/// The work, or an error once its owner stops it: what was begun is taken back by who called.
async fn or_stopped(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Err(fail(Kind::Refused, "stopped; nothing was taken")),
    }
}

/// `confirmed` beside other work: what waits for a line cannot be stopped, so it waits in a thread of its own.
async fn asked(question: &str, out: &Out) -> Result<bool> {
    let (tell, hear) = tokio::sync::oneshot::channel();
    let (question, out) = (question.to_owned(), *out);
    std::thread::spawn(move || drop(tell.send(confirmed(&question, &out))));
    hear.await.unwrap_or(Ok(false))
}

/// What was shown, and what came of it.
fn joined(mut shown: Value, summary: Value) -> Value {
    if let (Some(shown), Value::Object(summary)) = (shown.as_object_mut(), summary) {
        shown.extend(summary);
    }
    shown
}

fn next(version: &semver::Version) -> semver::Version {
    semver::Version::new(version.major, version.minor, version.patch.saturating_add(1))
}

/// Of `id@version#generation`.
fn version_in(plugin: &str) -> Option<semver::Version> {
    plugin.split_once('@')?.1.split('#').next()?.parse().ok()
}
