//! A core module becomes a component, in this very program.
//!
//! Compilers of C and Go make modules for the first WASI. The contract of the manifest's world
//! is written into the module, and wasmtime's own adapter maps the first WASI to the second. So
//! authors need their compiler and no further tool.

use super::project::Project;
use super::world;
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use wasi_preview1_component_adapter_provider::{WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{Resolve, WorldId};

/// Makes a component of that module; gives its file, beside the module's.
pub(super) fn componentize(project: &Project, module: &Path) -> Result<PathBuf> {
    let mut bytes = std::fs::read(module).with_context(|| format!("{} cannot be read", module.display()))?;
    let (resolve, world) = contract(project)?;
    wit_component::embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8)?;
    let mut encoder = ComponentEncoder::default()
        .module(&bytes)
        .with_context(|| format!("the module does not export what a {} must", project.manifest.world))?
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
        .validate(true);
    let component =
        encoder.encode().with_context(|| format!("no component of the world {} can be made of the module", project.manifest.world))?;
    let path = module.with_extension("component.wasm");
    std::fs::write(&path, component).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}

/// The contract, and the world of this project in it.
pub(super) fn contract(project: &Project) -> Result<(Resolve, WorldId)> {
    let folder = world::lay_contract(project)?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(&folder).context("the contract in this program cannot be read")?;
    let world = resolve.select_world(&[package], Some(project.manifest.world.as_str()))?;
    Ok((resolve, world))
}
