//! Plugins in Rust: cargo and the target wasm32-wasip2.
//!
//! The SDK is in no package registry, so a new project gets its sources as
//! `vendor/skynet-plugin-sdk`, a path dependency with nothing of our workspace in it: it
//! builds from a clone or from an installed program alone, and stays as it is until its
//! author replaces it.

use super::cache;
use super::console::{Console, Missing};
use super::embedded;
use super::language::{Language, NewFile};
use super::project::Project;
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use skynet_policy::manifest::World;
use skynet_scripts::builder;
use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const TARGET: &str = "wasm32-wasip2";

/// Where the SDK lies in a project.
const VENDOR: &str = "vendor/skynet-plugin-sdk";

const NO_TARGET: Missing<'_> = Missing {
    what: "a Rust compiler for wasm32-wasip2",
    remedies: &[
        "rustup target add wasm32-wasip2",
        "or, where rustup cannot: bash vendor/skynet-plugin-sdk/toolchain.sh, which unpacks Debian's compiler into your cache folder",
        "no Rust at all: https://rustup.rs",
    ],
};

/// The row.
pub(super) struct Rust;

#[async_trait]
impl Language for Rust {
    fn name(&self) -> &'static str {
        "rust"
    }

    fn mark(&self) -> &'static str {
        "Cargo.toml"
    }

    fn built(&self) -> &'static [&'static str] {
        &["target"]
    }

    fn companions(&self, _: World) -> Result<Vec<NewFile>> {
        let mut files = Vec::new();
        for part in ["", "derive/"] {
            let manifest = standalone(&format!("plugins-sdk/{part}Cargo.toml"))?;
            files.push((format!("{VENDOR}/{part}Cargo.toml"), Cow::Owned(manifest.into_bytes())));
            let sources = embedded::below(&format!("plugins-sdk/{part}src")).collect::<Vec<_>>();
            files.extend(sources.into_iter().map(|(path, bytes)| (format!("{VENDOR}/{part}src/{path}"), Cow::Borrowed(bytes))));
        }
        for (from, to) in [("plugins-sdk/README.md", "README.md"), ("builtin-plugins/toolchain.sh", "toolchain.sh")] {
            let bytes = embedded::file(from).with_context(|| format!("{from} is not in this program"))?;
            files.push((format!("{VENDOR}/{to}"), Cow::Borrowed(bytes)));
        }
        Ok(files)
    }

    async fn build(&self, project: &Project, console: &Console) -> Result<PathBuf> {
        let cargo = cargo(console, &project.folder).await?;
        let target = project.folder.join("target");
        let args =
            ["build", "--release", "--target", TARGET, "--target-dir"].map(OsString::from).into_iter().chain([target.clone().into()]);
        console.run(cargo, args, &project.folder, Vec::new()).await?;
        let library = library(&project.folder)?;
        Ok(target.join(TARGET).join("release").join(format!("{library}.wasm")))
    }
}

/// The cargo that builds for the target: WASM_CARGO, the one on PATH, or what
/// `toolchain.sh` left in its cache folder.
async fn cargo(console: &Console, folder: &Path) -> Result<OsString> {
    if let Some(named) = std::env::var_os("WASM_CARGO").filter(|path| !path.is_empty()) {
        return Ok(named);
    }
    if builder::is_there("cargo") && has_target(folder).await {
        return Ok("cargo".into());
    }
    let cached = cache_folder().map(|cache| cache.join("bin/wasm-cargo")).filter(|path| path.is_file());
    let cached = cached.ok_or_else(|| NO_TARGET.error())?;
    console.say(&format!("building with {}", cached.display()));
    Ok(cached.into())
}

async fn has_target(folder: &Path) -> bool {
    let args = ["--print", "target-libdir", "--target", TARGET].map(OsString::from).into();
    let ask = builder::Builder {
        program: "rustc".into(),
        args,
        folder: folder.to_owned(),
        environment: Vec::new(),
        deadline: crate::limits::ANSWER,
        guard: None,
    };
    let Ok(answer) = builder::run_builder(&ask, |_| {}).await else { return false };
    let libraries = answer.last.iter().map(Path::new).find(|path| path.is_dir());
    let is_std =
        |entry: std::io::Result<std::fs::DirEntry>| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"));
    answer.code == 0 && libraries.is_some_and(|folder| std::fs::read_dir(folder).is_ok_and(|mut entries| entries.any(is_std)))
}

/// Where `toolchain.sh` keeps what it fetched.
fn cache_folder() -> Option<PathBuf> {
    cache::named("WASM_TOOLCHAIN_DIR").or_else(|| Some(cache::folder()?.join("wasm-toolchain")))
}

/// The name that cargo gives the component's file.
fn library(folder: &Path) -> Result<String> {
    let path = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let manifest: toml::Table = toml::from_str(&text).with_context(|| format!("{} is not valid TOML", path.display()))?;
    let name = |table: &str| manifest.get(table)?.get("name")?.as_str();
    let name = name("lib").or_else(|| name("package")).with_context(|| format!("{} names no package", path.display()))?;
    Ok(name.replace('-', "_"))
}

/// A manifest of our workspace as it reads outside of it: what it inherits is written out,
/// what only our own tests need is left out.
fn standalone(path: &str) -> Result<String> {
    let read = |path: &str| -> Result<toml_edit::DocumentMut> {
        let text = embedded::text(path).with_context(|| format!("{path} is not in this program"))?;
        text.parse().with_context(|| format!("{path} is not valid TOML"))
    };
    let (mut manifest, workspace) = (read(path)?, read("Cargo.toml")?);
    let inherited = |table: &str, key: &str| workspace.get("workspace")?.get(table)?.get(key).cloned();
    for (table, from) in [("package", "package"), ("dependencies", "dependencies")] {
        let Some(entries) = manifest.get_mut(table).and_then(toml_edit::Item::as_table_mut) else { continue };
        let keys: Vec<String> = entries.iter().filter(|(_, item)| item.get("workspace").is_some()).map(|(key, _)| key.to_owned()).collect();
        for key in keys {
            let value = inherited(from, &key).with_context(|| format!("the workspace has no {table}.{key}"))?;
            entries.insert(&key, value);
        }
    }
    manifest.remove("dev-dependencies");
    manifest.remove("lints");
    Ok(manifest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_reads_without_our_workspace() {
        let manifest = standalone("plugins-sdk/Cargo.toml").unwrap();
        assert!(!manifest.contains("workspace"), "{manifest}");
        let table: toml::Table = toml::from_str(&manifest).unwrap();
        assert_eq!(table["package"]["name"].as_str(), Some("skynet-plugin-sdk"));
        assert_eq!(table["package"]["edition"].as_str(), Some("2024"));
        assert!(table["dependencies"]["thiserror"].is_str(), "{manifest}");
    }
}
