//! What JavaScript is built with: esbuild and componentize-js, in a folder of this program's own.
//!
//! They are programs, and a project's `node_modules` is a stranger's at times, as is the `.npmrc`
//! that npm heeds there. So they come from npm into the user's cache, once for all projects, in the
//! versions that `plugins-sdk/js/tools/package.json` names, and those of the digests that
//! `package-lock.json` beside it names for each package; npm refuses any other, and nothing of theirs
//! is run at install time. Takes those of a project only where its author is trusted.

use super::NO_NODE;
use crate::cli::plugin::author::console::Console;
use crate::cli::plugin::author::project::Project;
use crate::cli::plugin::author::{cache, embedded};
use crate::exit::{Kind, fail};
use anyhow::{Context as _, Result};
use skynet_policy::sha256_hex;
use skynet_scripts::builder;
use std::path::{Path, PathBuf};

/// Names a folder whose `node_modules` has both, for who installed them in another way.
const NAMED: &str = "WASM_JS_TOOLS";

/// What is looked for below `node_modules`.
const BOTH: [&str; 2] = ["esbuild", "@bytecodealliance/componentize-js"];

/// What npm reads. Not `npm ci`: it wants optional packages of other systems, which not every registry has.
const LISTS: [&str; 2] = ["package.json", "package-lock.json"];

/// How npm is called: nothing of a package runs while it is installed.
pub(super) const INSTALL: [&str; 5] = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

/// The script that builds, as it lies beside the tools.
pub(super) async fn script(project: &Project, console: &Console) -> Result<PathBuf> {
    let own = || Some(project.folder.clone()).filter(|folder| project.is_trusted && has_both(folder));
    let folder = match cache::named(NAMED).or_else(own) {
        Some(folder) if folder == project.folder => project.build_folder()?,
        Some(folder) if has_both(&folder) => folder,
        Some(folder) => {
            let why = format!("{NAMED} names {}, whose node_modules has not both of {}", folder.display(), BOTH.join(" and "));
            return Err(fail(Kind::NotFound, why));
        }
        None => installed(console).await?,
    };
    let text = embedded::file("plugins-sdk/js/tools/build.mjs").context("build.mjs is not in this program")?;
    let script = folder.join("build.mjs");
    // Another build may be reading it.
    if std::fs::read(&script).ok().as_deref() != Some(text) {
        crate::home::write_file(&script, text, 0o644)?;
    }
    Ok(script)
}

/// What is to be installed, and the digest of each package that may come of it.
fn lists() -> Option<[&'static [u8]; 2]> {
    let [wanted, locked] = LISTS.map(|name| embedded::file(&format!("plugins-sdk/js/tools/{name}")));
    Some([wanted?, locked?])
}

fn has_both(folder: &Path) -> bool {
    BOTH.iter().all(|tool| folder.join("node_modules").join(tool).is_dir())
}

/// The folder in the cache; filled at the first build.
async fn installed(console: &Console) -> Result<PathBuf> {
    let [wanted, locked] = lists().context("the list of JavaScript tools is not in this program")?;
    let cache = cache::folder().with_context(|| format!("there is no place for esbuild and componentize-js: set HOME, or {NAMED}"))?;
    let digest = sha256_hex(&[wanted, locked].concat());
    let folder = cache.join("skynet").join(format!("plugin-js-{}", digest.get(..16).unwrap_or(&digest)));
    if has_both(&folder) {
        return Ok(folder);
    }
    let npm = builder::find("npm").ok_or_else(|| NO_NODE.error())?;
    console.say(&format!("installing esbuild and componentize-js from npm into {} (some 400 MB, once)", folder.display()));
    let above = folder.parent().unwrap_or(&cache);
    std::fs::create_dir_all(above).with_context(|| format!("{} cannot be made", above.display()))?;
    // Whole or not at all: an installation that was interrupted must not be taken for one.
    let making = tempfile::Builder::new().prefix(".plugin-js-").tempdir_in(above)?;
    for (name, bytes) in LISTS.into_iter().zip([wanted, locked]) {
        std::fs::write(making.path().join(name), bytes)?;
    }
    console.run(npm, INSTALL, making.path(), Vec::new()).await?;
    match std::fs::rename(making.path(), &folder) {
        // Another build was faster.
        Err(_) if has_both(&folder) => {}
        moved => moved.with_context(|| format!("{} cannot be put in place", folder.display()))?,
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_the_tools_when_it_has_both() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_both(folder.path()));
        for (at, tool) in BOTH.iter().enumerate() {
            std::fs::create_dir_all(folder.path().join("node_modules").join(tool)).unwrap();
            assert_eq!(has_both(folder.path()), at == 1);
        }
    }

    #[test]
    fn the_tools_that_are_installed_are_named_by_exact_versions() {
        let [list, _] = lists().unwrap().map(|list| serde_json::from_slice::<serde_json::Value>(list).unwrap());
        for tool in BOTH {
            let version = list["dependencies"][tool].as_str().unwrap_or_default();
            assert!(semver::Version::parse(version).is_ok(), "{tool}: `{version}`");
        }
    }

    #[test]
    fn each_package_that_is_installed_is_pinned_by_its_digest() {
        let [list, lock] = lists().unwrap().map(|list| serde_json::from_slice::<serde_json::Value>(list).unwrap());
        let packages = lock["packages"].as_object().unwrap();
        assert_eq!(packages[""]["dependencies"], list["dependencies"], "the lock is of this very list");
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].as_str().is_some_and(|digest| digest.starts_with("sha512-")), "{name}: {package}");
            let names = package["dependencies"].as_object().into_iter().flatten().map(|(name, _)| name);
            for needed in names {
                assert!(packages.keys().any(|known| known.ends_with(&format!("node_modules/{needed}"))), "{name} needs {needed}");
            }
        }
    }
}
