//! Plugins in Python: componentize-py, which brings CPython as a component.
//!
//! The SDK is laid into the project as `vendor/skynet_plugin`. componentize-py is the one thing
//! that an author installs. It is taken from PATH: one in the project's own `.venv` is a program of
//! whoever made the folder, and runs only where that one is trusted.

use super::console::{Console, Missing};
use super::embedded;
use super::language::{self, Language, NewFile};
use super::project::Project;
use super::world::{self, WORLD};
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use skynet_policy::manifest::World;
use skynet_scripts::builder;
use std::borrow::Cow;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where the SDK lies in a project.
const VENDOR: &str = "vendor/skynet_plugin";
/// The module that joins the author's to the SDK; written by each build.
const ENTRY: &str = "skynet_entry";

const NO_TOOL: Missing<'_> = Missing {
    what: "componentize-py, which makes components of Python",
    remedies: &[
        "pipx install componentize-py==0.25.1",
        "or in the project's folder: python3 -m venv .venv && . .venv/bin/activate && pip install componentize-py==0.25.1",
        "no Python at all: apt-get install python3-venv",
    ],
};

/// The row.
pub(super) struct Python;

#[async_trait]
impl Language for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn mark(&self) -> &'static str {
        "pyproject.toml"
    }

    fn built(&self) -> &'static [&'static str] {
        &[".venv", "__pycache__"]
    }

    fn companions(&self, _: World) -> Result<Vec<NewFile>> {
        let sources = embedded::below("plugins-sdk/python/skynet_plugin");
        let mut files: Vec<NewFile> = sources.map(|(path, bytes)| (format!("{VENDOR}/{path}"), Cow::Borrowed(bytes))).collect();
        let readme = embedded::file("plugins-sdk/python/README.md").context("the SDK's README is not in this program")?;
        files.push((format!("{VENDOR}/README.md"), Cow::Borrowed(readme)));
        Ok(files)
    }

    async fn build(&self, project: &Project, console: &Console) -> Result<PathBuf> {
        let tool = tool(project, console)?;
        let wit = world::lay(project)?;
        let folder = project.build_folder()?;
        let entry = folder.join(format!("{ENTRY}.py"));
        std::fs::write(&entry, entry_text(project.manifest.world)).with_context(|| format!("{} cannot be written", entry.display()))?;
        let component = folder.join(format!("{}.wasm", project.manifest.id.name()));
        console.say("building with componentize-py; this takes some 20 s");
        let mut args: Vec<OsString> =
            vec!["-q".into(), "-d".into(), wit.into(), "-w".into(), WORLD.into(), "componentize".into(), ENTRY.into()];
        for path in [folder.clone(), project.folder.clone(), project.folder.join("vendor")] {
            args.extend(["-p".into(), path.into()]);
        }
        args.extend(["-o".into(), component.clone().into()]);
        console.run(tool, args, &project.folder, Vec::new()).await?;
        Ok(component)
    }
}

fn tool(project: &Project, console: &Console) -> Result<PathBuf> {
    let own = Some(project.folder.join(".venv/bin/componentize-py")).filter(|path| path.is_file());
    if let Some(own) = own.as_ref().filter(|_| project.is_trusted) {
        return Ok(own.clone());
    }
    if let Some(found) = builder::find("componentize-py") {
        return Ok(found);
    }
    let own = own.ok_or_else(|| NO_TOOL.error())?;
    console.trust(project, &own.display().to_string(), "have one on PATH: pipx install componentize-py==0.25.1")?;
    Ok(own)
}

fn entry_text(kind: World) -> String {
    let kind = language::short(kind);
    let class = match kind {
        "provider" => "Provider",
        "channel" => "Channel",
        "hook" => "Hook",
        _ => "Tool",
    };
    format!("import app\nfrom skynet_plugin.guest_{kind} import Lifecycle, {class}\n")
}
