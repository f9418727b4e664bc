//! `skynet plugin build`: sources to one packed and signed file, `dist/NAME.wasm`.

use super::console::Console;
use super::project::Project;
use crate::args::author::Build;
use crate::cli::plugin::file;
use crate::home::Home;
use crate::output::Out;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::path::{Path, PathBuf};

pub(super) async fn run(home: &Home, args: &Build, out: &Out) -> Result<()> {
    let project = Project::open(&args.project)?;
    let console = Console::new(*out);
    let made = tokio::select! {
        made = make(home, &project, &console, Signing::of(args)) => made?,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("stopped"),
    };
    let signed = made.keyid.as_ref().map_or_else(
        || format!("not signed; sign it with: skynet plugin sign {}", made.file.display()),
        |keyid| format!("signed by {keyid}"),
    );
    let (id, version) = (&project.manifest.id, &project.manifest.version);
    out.both(
        &format!("built {id} {version}: {}, {} bytes, {signed}", made.file.display(), made.size),
        &json!({ "file": made.file, "component": made.component, "component_sha256": made.sha256, "size": made.size, "id": id, "version": version, "keyid": made.keyid }),
    );
    Ok(())
}

/// Who signs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signing<'a> {
    /// The dev key of this machine.
    Dev,
    /// This key file.
    With(&'a Path),
    /// Nobody.
    Not,
}

impl<'a> Signing<'a> {
    fn of(args: &'a Build) -> Self {
        match (&args.key, args.unsigned) {
            (_, true) => Self::Not,
            (Some(key), false) => Self::With(key),
            (None, false) => Self::Dev,
        }
    }
}

/// What a build made.
pub(super) struct Made {
    pub(super) file: PathBuf,
    pub(super) component: PathBuf,
    /// Of the component, hex.
    pub(super) sha256: String,
    pub(super) size: usize,
    pub(super) keyid: Option<String>,
}

/// Builds, packs, signs.
pub(super) async fn make(home: &Home, project: &Project, console: &Console, signing: Signing<'_>) -> Result<Made> {
    let key = match signing {
        Signing::Not => None,
        // Before the build: nobody wants to wait for it and then be told of a missing key.
        Signing::Dev => Some(file::signing_key(home, None)?),
        Signing::With(path) => Some(file::signing_key(home, Some(path))?),
    };
    let component = project.language.build(project, console).await?;
    let bytes = std::fs::read(&component).with_context(|| format!("{} cannot be read", component.display()))?;
    let (release, mut packed) = file::packed(&component, &bytes, project.manifest.clone(), None)?;
    let mut keyid = None;
    if let Some(key) = &key {
        packed = file::signed(&component, &packed, key)?.1;
        keyid = Some(key.public().key_id().to_string());
    }
    let target = project.packed()?;
    file::write(&target, &packed)?;
    Ok(Made { file: target, component, sha256: release.component.sha256, size: packed.len(), keyid })
}
