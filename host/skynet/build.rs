//! Puts what authors need into the program: `plugins-sdk/` with its templates, and `wit/`.
//!
//! An installed program alone can then begin and build a plugin; nothing is looked for in a
//! checkout. Writes one list of (path, bytes) for `cli/plugin/author/embedded.rs`. Leaves out
//! what tools build there and what only this repository tests.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Folders of the repository that go in.
const FOLDERS: [&str; 2] = ["plugins-sdk", "wit"];

/// Names that stay out, wherever they lie: results of builds, and tests of the SDKs themselves.
const LEFT_OUT: [&str; 6] = ["target", "dist", "node_modules", "__pycache__", "tests", "test"];

fn main() -> io::Result<()> {
    // Asked now: this program may have been compiled for another checkout with the same target folder.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| io::Error::other("cargo names no CARGO_MANIFEST_DIR"))?;
    let root = Path::new(&here).join("../..").canonicalize()?;
    let mut files = Vec::new();
    let mut said = String::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut files)?;
        said += &format!("cargo::rerun-if-changed={}\n", root.join(folder).display());
    }
    for file in ["Cargo.toml", "builtin-plugins/toolchain.sh"] {
        files.push(root.join(file));
        said += &format!("cargo::rerun-if-changed={}\n", root.join(file).display());
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&root).map_err(io::Error::other)?.to_string_lossy().replace('\\', "/");
        writeln!(list, "({name:?}, include_bytes!({:?}) as &[u8]),", file.display().to_string()).map_err(io::Error::other)?;
    }
    list.push_str("]\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo names no OUT_DIR"))?);
    fs::write(out.join("embedded.rs"), list)?;
    io::stdout().write_all(said.as_bytes())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') || LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
