//! The committed files that are made from `wit/`: written, or compared.
//!
//! It owns their paths and the sentence a maintainer reads when one is out of
//! date. Checking never writes.

use crate::{bindings, c, contract};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// What to do about a difference, and what it means for plugins already built.
const OUT_OF_DATE: &str = "differ from what wit/ gives now. If you meant to change the contract, run `cargo xtask wit` and commit the result. \
Remember: imported interfaces may gain functions; exported interfaces (lifecycle, tool, provider, channel, hook, migrate), records and variants \
are frozen, because the host looks up every function and compares every field of plugins built before. wit/README.md says how to add instead";

/// The folder of the workspace, whatever the current folder is.
pub(crate) fn workspace_root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map(Path::to_path_buf).context("xtask no longer lies two folders below the workspace")
}

/// Every file with the text it should have.
fn expected(root: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut files = vec![(root.join("wit/snapshot.txt"), contract::snapshot(root)?)];
    for (name, text) in bindings::generate(root)? {
        files.push((root.join("plugins-sdk/src/bindings").join(name), text));
    }
    for (name, text) in c::generate(root)? {
        files.push((root.join("plugins-sdk/c").join(name), text));
    }
    Ok(files)
}

/// Writes the files that differ.
pub(crate) fn write(root: &Path) -> Result<()> {
    for (path, text) in expected(root)? {
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        eprintln!("wrote {}", path.strip_prefix(root).unwrap_or(&path).display());
    }
    Ok(())
}

/// Fails when a file differs.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut stale = Vec::new();
    for (path, text) in expected(root)? {
        if !fs::read_to_string(&path).is_ok_and(|old| old == text) {
            stale.push(path.strip_prefix(root).unwrap_or(&path).display().to_string());
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("{} {OUT_OF_DATE}", stale.join(", "))
}
