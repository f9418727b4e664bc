//! `skynet plugin add-mcp NAME -- COMMAND`: a server that is a program of this machine.
//!
//! It is the folder of a plugin like those of scripts: written, approved of by its digest, looked at through the
//! plugin itself, and written once more with the tools that were agreed to. Refuses to leave a folder behind
//! that nobody agreed to.

use super::command::Command;
use super::{Desk, joined, or_stopped, text};
use crate::args::AddMcp;
use crate::cli::plugin::approve::one_word;
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::{PLUGIN_CHANGE, PLUGIN_LOOK};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_plugins::trees;
use skynet_policy::naming::exposed_name;
use skynet_policy::script::MANIFEST_FILE;
use skynet_policy::tree::{self, Files};
use std::path::{Path, PathBuf};
use tokio::time::{Instant, sleep};

/// Whether a server of this name is such a folder.
pub(super) fn is_there(home: &Home, name: &str) -> bool {
    home.tools().join(name).join(MANIFEST_FILE).exists()
}

/// One of them on its way.
struct Local<'a> {
    desk: Desk<'a>,
    id: PluginId,
    folder: PathBuf,
    yes: bool,
}

pub(super) async fn run(desk: Desk<'_>, add: &AddMcp) -> Result<()> {
    // Of an update, the command line alone cannot tell what it is of.
    if add.private || add.bridge.is_some() {
        let why = format!("{} is a program of this machine; --private and --bridge are for servers with an address", add.name);
        return Err(fail(Kind::Usage, why));
    }
    let id = trees::plugin_of(&add.name).map_err(|why| fail(Kind::Usage, why))?;
    let folder = desk.home.tools().join(&add.name);
    let mut local = Local { desk, id, folder, yes: add.yes };
    if add.update { local.update().await } else { local.add(add).await }
}

impl Local<'_> {
    async fn add(&mut self, add: &AddMcp) -> Result<()> {
        if self.folder.exists() {
            let (name, folder) = (&add.name, self.folder.display());
            let message =
                format!("{name} is there already; look at it again with: skynet plugin add-mcp --update {name}, or remove {folder}");
            return Err(fail(Kind::Refused, message));
        }
        let command = Command::of(add)?;
        let looking = command.folder(true, &[])?;
        self.show(&looking)?;
        let asks = asks(&looking)?;
        self.desk.agreed(&self.id, "Start this program, to look at what it offers?", self.yes, &asks).await?;
        let added = or_stopped(self.first(&command, &looking)).await;
        if added.is_err() {
            // Neither the plugin nor what it was allowed on the way.
            let _ = self.desk.ask("plugins.revoke", json!({ "id": self.id })).await;
            let removed = if self.folder.exists() { std::fs::remove_dir_all(&self.folder) } else { Ok(()) };
            let _ = client::rescan(self.desk.home).await;
            if let Err(left) = removed {
                return added.with_context(|| format!("{} was left behind ({left}); remove it", self.folder.display()));
            }
        }
        added
    }

    async fn first(&mut self, command: &Command, looking: &Files) -> Result<()> {
        self.place(looking).await?;
        let offered = self.desk.look(&self.id).await?;
        offered.show(self.desk.out);
        let shown = offered.value();
        self.desk.agreed(&self.id, "Take these tools as they are described here?", self.yes, &shown).await?;
        self.finish(command, &offered.good, "added", shown).await
    }

    async fn update(&mut self) -> Result<()> {
        let before = trees::read_folder(&self.folder).map_err(|why| fail(Kind::Refused, why))?;
        let (command, approved) = Command::read(&self.folder, before.clone())?;
        let looking = command.folder(true, &approved)?;
        let (was, now) = (Command::kept(&before)?.0, Command::kept(&looking)?.0);
        self.show(&looking)?;
        if was.sha256 != now.sha256 {
            self.desk.out.line(&self.desk.out.paint("33", "  the program is another file than the approved one"));
        }
        let (info, digest) = (self.info().await?, tree::digest(&before));
        let as_approved = text(&info["script"]["files"]) == digest && text(&info["status"]["state"]) == "serving";
        if !as_approved {
            self.desk.out.line(&self.desk.out.paint("33", "  its files are others than the approved ones"));
        }
        if was.sha256 != now.sha256 || !as_approved {
            self.desk.agreed(&self.id, "Start it, to look at what it offers?", self.yes, &asks(&looking)?).await?;
        }
        let updated = or_stopped(self.again(&command, &looking, &approved)).await;
        if updated.is_err() {
            // What was approved goes on, without the tool that looks; what was not waits again.
            let back = if as_approved { self.place(&before).await } else { self.write(&before).await };
            if let Err(second) = back {
                return updated.with_context(|| format!("what was there of {} is not back ({second:#})", self.id));
            }
        }
        updated
    }

    async fn again(&mut self, command: &Command, looking: &Files, approved: &[Value]) -> Result<()> {
        self.place(looking).await?;
        let offered = self.desk.look(&self.id).await?;
        let (changed, shown) = offered.compared(approved, self.desk.out);
        if !changed {
            return self.finish(command, approved, "is as it was approved", shown).await;
        }
        self.desk.agreed(&self.id, "Take these changes?", self.yes, &shown).await?;
        self.finish(command, &offered.good, "updated", shown).await
    }

    async fn finish(&mut self, command: &Command, tools: &[Value], done: &str, shown: Value) -> Result<()> {
        let files = command.folder(false, tools)?;
        self.place(&files).await?;
        let names: Vec<String> = tools.iter().map(|tool| exposed_name(&self.id, text(&tool["name"]))).collect();
        let kept = Command::kept(&files)?.0;
        let summary = json!({
            "id": self.id, "folder": self.folder, "files": tree::digest(&files), "program": kept.program,
            "arguments": kept.arguments, "sha256": kept.sha256, "tools": names,
        });
        let offered = if names.len() == 1 { "tool" } else { "tools" };
        self.desk.out.both(&format!("{} {done}, with {} {offered}", self.id, names.len()), &joined(shown, summary));
        Ok(())
    }

    /// What its owner agrees to.
    fn show(&self, files: &Files) -> Result<()> {
        let (kept, sentences) = Command::kept(files)?;
        let (out, along) = (self.desk.out, files.len().saturating_sub(2));
        out.line(&format!("{} is a program in the sandbox, kept between calls:", self.id));
        let words: Vec<String> = [&kept.program].into_iter().chain(&kept.arguments).map(|word| one_word(word)).collect();
        out.line(&format!("  runs       {}", words.join(" ")));
        out.line(&format!("  program    {}", kept.sha256));
        if along > 0 {
            out.line(&format!("  files      {along} go along, copied into {}", self.folder.display()));
        }
        kept.environment.iter().for_each(|(name, value)| out.line(&format!("  variable   {name}={value}")));
        out.line("  network    none");
        sentences.iter().for_each(|sentence| out.line(&format!("  {sentence}")));
        Ok(())
    }

    async fn info(&mut self) -> Result<Value> {
        self.desk.ask("plugins.info", json!({ "id": self.id })).await
    }

    async fn write(&mut self, files: &Files) -> Result<()> {
        put(&self.folder, files).with_context(|| format!("{} cannot be written", self.folder.display()))?;
        self.desk.ask("plugins.reload", json!({})).await.map(drop)
    }

    /// Puts these files in its place, approves of their digest, and waits until they serve.
    async fn place(&mut self, files: &Files) -> Result<()> {
        self.write(files).await?;
        let digest = tree::digest(files);
        let began = Instant::now();
        loop {
            let listed = self.desk.ask("plugins.list", json!({})).await?;
            let all = listed["plugins"].as_array().cloned().unwrap_or_default();
            let is = |name: &str| all.iter().find(|plugin| plugin["name"] == name);
            let name = self.folder.file_name().map(|name| format!("tools/{}", name.to_string_lossy())).unwrap_or_default();
            if let Some(reason) = is(&name).filter(|plugin| plugin["state"] == "refused").and_then(|plugin| plugin["reason"].as_str()) {
                return Err(fail(Kind::Refused, format!("the host refused the plugin: {reason}")));
            }
            if is(self.id.as_str()).is_some() {
                let info = self.info().await?;
                let seen = text(&info["script"]["files"]) == digest;
                if seen && text(&info["waiting"]["publisher"]).ends_with(&digest) {
                    self.desk.ask("plugins.approve", json!({ "id": self.id, "files": digest })).await?;
                } else if seen && text(&info["status"]["state"]) == "serving" {
                    return Ok(());
                }
            }
            if began.elapsed() > PLUGIN_CHANGE {
                bail!("the host did not take {} up; look at: skynet plugin info {}", self.folder.display(), self.id);
            }
            sleep(PLUGIN_LOOK).await;
        }
    }
}

/// What its owner agrees to, for programs.
fn asks(files: &Files) -> Result<Value> {
    let (kept, sentences) = Command::kept(files)?;
    Ok(json!({
        "program": kept.program, "arguments": kept.arguments, "sha256": kept.sha256, "environment": kept.environment,
        "files": tree::digest(files), "asks": sentences,
    }))
}

/// Puts a whole folder in its place: the old one goes when the new one is there, and comes back when that fails.
fn put(folder: &Path, files: &Files) -> std::io::Result<()> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    // Hidden, so that nobody takes it for a plugin.
    let new = tempfile::Builder::new().prefix(".new-").tempdir_in(parent)?;
    for (path, bytes) in files {
        let place = new.path().join(path);
        if let Some(above) = place.parent() {
            std::fs::create_dir_all(above)?;
        }
        std::fs::write(place, bytes)?;
    }
    exchange(folder, new.path())
}

fn exchange(folder: &Path, new: &Path) -> std::io::Result<()> {
    let old = tempfile::Builder::new().prefix(".old-").tempdir_in(folder.parent().unwrap_or(Path::new(".")))?;
    let aside = old.path().join("folder");
    let was_there = folder.symlink_metadata().is_ok();
    if was_there {
        std::fs::rename(folder, &aside)?;
    }
    let placed = std::fs::rename(new, folder);
    if placed.is_err() && was_there && std::fs::rename(&aside, folder).is_err() {
        // Where nothing can be put back, what was there is at least not removed.
        let _ = old.keep();
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_replaced_whole_and_is_still_there_when_the_new_one_cannot_come() {
        let tools = tempfile::tempdir().unwrap();
        let folder = tools.path().join("server");
        let files = |text: &str| Files::from([("tool.toml".to_owned(), text.as_bytes().to_vec()), ("a/b".to_owned(), Vec::new())]);
        put(&folder, &files("one")).unwrap();
        put(&folder, &files("two")).unwrap();
        let text = || std::fs::read_to_string(folder.join("tool.toml")).unwrap();
        assert_eq!(text(), "two");
        assert!(exchange(&folder, &tools.path().join("never made")).is_err());
        assert_eq!(text(), "two");
        assert_eq!(std::fs::read_dir(tools.path()).unwrap().count(), 1, "nothing else is left");
    }
}
