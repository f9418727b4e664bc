//! Looks at the built components: `cargo run -p check`, after a guest build.
//!
//! Each folder with a `plugin.toml` must have its component: valid under the
//! features that the host runs with, exporting what its world says, importing
//! only known interfaces, with a permission for each that needs one, and small.
//! Building is not its business; it fails when a component is missing.

mod component;
mod manifest;

use anyhow::{Context, Result, bail};
use component::Component;
use manifest::Manifest;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Bytes of a built-in component that asks for no more. Each is hashed, compiled and mapped at start.
const COMPONENT_BYTES: usize = 1_500_000;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("check: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the folder of the plugins")?;
    let mut faults = Vec::new();
    let mut names: Vec<String> = fs::read_dir(root)?
        .flatten()
        .filter(|entry| entry.path().join("plugin.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    for name in &names {
        match check(root, name) {
            Ok(size) => eprintln!("{name:<22} {:>5} kB", size / 1000),
            Err(error) => faults.push(format!("{name}: {error:#}")),
        }
    }
    if names.is_empty() {
        bail!("no plugin was found in {}", root.display());
    }
    if faults.is_empty() { Ok(()) } else { bail!("\n  {}", faults.join("\n  ")) }
}

fn check(root: &Path, name: &str) -> Result<usize> {
    let manifest = Manifest::read(&root.join(name).join("plugin.toml"))?;
    let file = root.join("target/wasm32-wasip2/release").join(format!("{}.wasm", name.replace('-', "_")));
    let bytes = fs::read(&file)
        .with_context(|| format!("{} is missing; build with `cargo build --release --target wasm32-wasip2`", file.display()))?;
    let limit = manifest.component_bytes().unwrap_or(COMPONENT_BYTES);
    if bytes.len() > limit {
        bail!("{} bytes; at most {limit}, unless its plugin.toml asks for a larger `component_bytes`", bytes.len());
    }
    let component = Component::read(&bytes)?;
    component.matches(&manifest)?;
    Ok(bytes.len())
}
