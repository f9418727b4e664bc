//! The contract as a project needs it: `wit/` with one more world, `project`, that imports
//! what its manifest asks for and no more.
//!
//! Generators for Python and JavaScript import all of a world, used or not, and a component
//! that imports what it does not ask for is refused. So the world is made for each project,
//! out of `base-imports` in `wit/skynet.wit`.

use super::embedded;
use super::language;
use super::project::Project;
use anyhow::{Context as _, Result};
use skynet_policy::imports;
use skynet_policy::manifest::{Manifest, World};
use std::path::{Path, PathBuf};

/// The world's name.
pub(super) const WORLD: &str = "project";

/// The file that it is in.
const PROJECT: &str = "project.wit";

/// Writes the contract to `build/wit`, which is how its parsers take it; gives that folder.
pub(super) fn lay_contract(project: &Project) -> Result<PathBuf> {
    let folder = project.build_folder()?.join("wit");
    for (path, bytes) in embedded::below("wit").filter(|(path, _)| path.ends_with(".wit")) {
        write(&folder.join(path), bytes)?;
    }
    // Another way of building may have left its own.
    let _ = std::fs::remove_file(folder.join(PROJECT));
    Ok(folder)
}

/// The same with the project's own world.
pub(super) fn lay(project: &Project) -> Result<PathBuf> {
    let folder = lay_contract(project)?;
    let world = world(&project.manifest).context("the contract is not in this program")?;
    write(&folder.join(PROJECT), world.as_bytes())?;
    Ok(folder)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let put = || -> std::io::Result<()> {
        std::fs::create_dir_all(path.parent().unwrap_or(path))?;
        std::fs::write(path, bytes)
    };
    put().with_context(|| format!("{} cannot be written", path.display()))
}

/// The interfaces of the host that a project may import, by their names.
pub(super) fn interfaces(manifest: &Manifest) -> Vec<&'static str> {
    base().filter(|name| !name.contains(':') && may_import(name, manifest)).collect()
}

fn world(manifest: &Manifest) -> Option<String> {
    let head = embedded::text("wit/skynet.wit")?.lines().find(|line| line.starts_with("package "))?;
    let mut lines = vec![head.to_owned(), format!("world {WORLD} {{")];
    lines.extend(base().filter(|name| may_import(name, manifest)).map(|name| format!("    import {name};")));
    if manifest.world == World::ProviderPlugin {
        lines.push("    import delta-sink;".to_owned());
    }
    lines.push(format!("    export lifecycle;\n    export {};\n}}\n", language::short(manifest.world)));
    Some(lines.join("\n"))
}

/// What any plugin may import, in the order of the contract.
fn base() -> impl Iterator<Item = &'static str> {
    let text = embedded::text("wit/skynet.wit").unwrap_or_default();
    let world = text.split_once("world base-imports {").and_then(|(_, rest)| rest.split_once('}')).map_or("", |(world, _)| world);
    world.lines().filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'))
}

fn may_import(name: &str, manifest: &Manifest) -> bool {
    imports::undeclared(&[name.to_owned()], &manifest.permissions).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(world: &str, permissions: &str) -> Manifest {
        let text = format!(
            "schema = 1\nid = \"local/x\"\nversion = \"0.1.0\"\nsummary = \"s\"\nworld = \"{world}\"\nwit = \"^0.1.0\"\n[permissions]\n{permissions}"
        );
        Manifest::parse(&text).unwrap()
    }

    #[test]
    fn a_project_imports_what_it_asks_for_and_what_needs_no_asking() {
        assert_eq!(interfaces(&manifest("tool-plugin", "")), ["log", "config", "secrets"]);
        assert_eq!(
            interfaces(&manifest("tool-plugin", "schedule = true\nkv = { bytes = 1, keys = 1 }")),
            ["log", "config", "kv", "secrets", "schedule"]
        );
    }

    #[test]
    fn the_world_exports_the_kind_and_imports_standard_interfaces() {
        let text = world(&manifest("provider-plugin", "")).unwrap();
        for line in [
            "world project {",
            "    import wasi:http/outgoing-handler@0.2.12;",
            "    import delta-sink;",
            "    export lifecycle;",
            "    export provider;",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        assert!(!text.contains("import memory"));
    }
}
