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
use anyhow::{Result, bail};
use build::{Bridge, Server};
use serde_json::{Value, json};
use show::Offered;
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
}

pub(crate) async fn run(home: &Home, add: AddMcp, out: &Out) -> Result<()> {
    home.must_exist()?;
    let id = PluginId::new(&format!("mcp/{}", add.name)).map_err(|_| {
        fail(Kind::Refused, format!("`{}` is no name for a server; use a-z first, then a-z, 0-9 and single hyphens", add.name))
    })?;
    if !add.command.is_empty() || (add.update && local::is_there(home, &add.name)) {
        let desk = Desk { home, out, host: Client::connect(home).await? };
        return local::run(desk, &add).await;
    }
    let file = home.plugins().join(format!("mcp-{}.wasm", add.name));
    let bridge = Bridge::find(home, add.bridge.as_deref())?;
    let desk = Desk { home, out, host: Client::connect(home).await? };
    let mut adding = Adding { desk, bridge, id, file, version: semver::Version::new(0, 1, 0) };
    match &add.url {
        Some(url) => adding.add(url, &add).await,
        None => adding.update(&add).await,
    }
}

impl Desk<'_> {
    fn agreed(&self, question: &str, yes: bool) -> Result<()> {
        if yes || confirmed(question, self.out)? {
            return Ok(());
        }
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
        let answer = self.ask("tools.invoke", json!({ "name": tool })).await?;
        if answer["ok"] != true {
            let why = text(&answer["error"]["message"]);
            let hint = if why.contains("private") { "; a server on this machine or your network needs --private" } else { "" };
            return Err(fail(Kind::Refused, format!("the server could not be looked at: {why}{hint}")));
        }
        Ok(Offered::of(answer["output"]["structured"].clone()))
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
        let added = self.first(&server, add).await;
        if added.is_err() && self.file.exists() {
            // Neither the plugin nor what it was allowed on the way.
            let _ = self.desk.ask("plugins.revoke", json!({ "id": self.id })).await;
            std::fs::remove_file(&self.file)?;
            client::rescan(self.desk.home).await;
        }
        added
    }

    async fn first(&mut self, server: &Server, add: &AddMcp) -> Result<()> {
        self.place(&server.looking(&[])).await?;
        self.allow(server, add).await?;
        let offered = self.desk.look(&self.id).await?;
        offered.show(self.desk.out);
        self.desk.agreed("Take these tools as they are described here?", add.yes)?;
        self.finish(server, &offered.good, "added").await
    }

    async fn update(&mut self, add: &AddMcp) -> Result<()> {
        let (server, version) = build::read(self.desk.home, &self.file, &add.name)?;
        self.version = next(&version);
        let approved = server.tools.clone();
        let looked = async {
            self.place(&server.looking(&approved)).await?;
            self.allow(&server, add).await?;
            let offered = self.desk.look(&self.id).await?;
            let changed = offered.show_changes(&approved, self.desk.out);
            if !changed {
                return Ok((approved.clone(), "is as it was approved"));
            }
            self.desk.agreed("Take these changes?", add.yes)?;
            Ok((offered.good, "updated"))
        }
        .await;
        match looked {
            Ok((tools, done)) => self.finish(&server, &tools, done).await,
            Err(error) => {
                // What was approved goes on, without the tool that looks.
                self.version = next(&self.version);
                self.place(&server.approved(&approved)).await?;
                Err(error)
            }
        }
    }

    async fn finish(&mut self, server: &Server, tools: &[Value], done: &str) -> Result<()> {
        self.version = next(&self.version);
        self.place(&server.approved(tools)).await?;
        let names: Vec<String> = tools.iter().map(|tool| exposed_name(&self.id, text(&tool["name"]))).collect();
        let summary = json!({ "id": self.id, "version": self.version.to_string(), "file": self.file, "url": server.url, "tools": names });
        self.desk.out.both(&format!("{} {done}, with {} tools", self.id, names.len()), &summary);
        Ok(())
    }

    /// Puts a version into the plugins folder and waits until the host has decided on it.
    async fn place(&mut self, server: &Server) -> Result<()> {
        let bytes = self.bridge.plugin(self.desk.home, &self.id, &self.version, server)?;
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
        if !add.yes && !confirmed("Allow this?", out)? {
            return Err(fail(Kind::Refused, "nothing was granted; --yes does not ask"));
        }
        self.desk.ask("plugins.grant", json!({ "id": self.id, "permissions": permissions })).await?;
        Ok(())
    }
}

fn next(version: &semver::Version) -> semver::Version {
    semver::Version::new(version.major, version.minor, version.patch.saturating_add(1))
}

/// Of `id@version#generation`.
fn version_in(plugin: &str) -> Option<semver::Version> {
    plugin.split_once('@')?.1.split('#').next()?.parse().ok()
}
