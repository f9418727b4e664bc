//! Plugins in JavaScript and TypeScript: esbuild and componentize-js, under Node.
//!
//! The SDK is laid into the project as `vendor/skynet-plugin`. Node and npm are what an author
//! installs; the two tools come from npm on the first build, pinned by `package.json`. What
//! they install is not run at install time.

use super::console::{Console, Missing};
use super::embedded;
use super::language::{self, Language, NewFile};
use super::project::Project;
use super::world::{self, WORLD};
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use serde_json::json;
use skynet_policy::manifest::World;
use skynet_scripts::builder;
use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where the SDK lies in a project.
const VENDOR: &str = "vendor/skynet-plugin";

const NO_NODE: Missing<'_> = Missing {
    what: "Node.js 20 or later with npm",
    remedies: &[
        "apt-get install nodejs npm, where it is 20 or later; else https://nodejs.org",
        "or without Node, for tools in one file: skynet plugin new --instant FILE.js",
    ],
};

/// JavaScript, or TypeScript.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) mark: &'static str,
    pub(super) source: &'static str,
}

/// The rows. TypeScript's mark tells it from JavaScript, so it is asked first.
pub(super) const TYPESCRIPT: Script = Script { name: "ts", mark: "tsconfig.json", source: "src/plugin.ts" };
pub(super) const JAVASCRIPT: Script = Script { name: "js", mark: "package.json", source: "src/plugin.js" };

#[async_trait]
impl Language for Script {
    fn name(&self) -> &'static str {
        self.name
    }

    fn mark(&self) -> &'static str {
        self.mark
    }

    fn built(&self) -> &'static [&'static str] {
        &["node_modules"]
    }

    fn companions(&self, _: World) -> Result<Vec<NewFile>> {
        let files: Vec<NewFile> =
            embedded::below("plugins-sdk/js").map(|(path, bytes)| (format!("{VENDOR}/{path}"), Cow::Borrowed(bytes))).collect();
        anyhow::ensure!(!files.is_empty(), "the JavaScript SDK is not in this program");
        Ok(files)
    }

    async fn build(&self, project: &Project, console: &Console) -> Result<PathBuf> {
        let node = builder::find("node").ok_or_else(|| NO_NODE.error())?;
        if !is_installed(&project.folder.join("node_modules")) {
            let npm = builder::find("npm").ok_or_else(|| NO_NODE.error())?;
            console.say("installing esbuild and componentize-js from npm (some 400 MB, once)");
            let args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
            console.run(npm, args, &project.folder, Vec::new()).await?;
        }
        let wit = world::lay(project)?;
        let folder = project.build_folder()?;
        let entry = folder.join("entry.js");
        std::fs::write(&entry, entry_text(project, self.source)).with_context(|| format!("{} cannot be written", entry.display()))?;
        let component = folder.join(format!("{}.wasm", project.manifest.id.name()));
        console.say("building with componentize-js; this takes some 20 s");
        let script = project.folder.join(VENDOR).join("build.mjs");
        let args: [OsString; 5] = [script.into(), entry.into(), wit.into(), WORLD.into(), component.clone().into()];
        console.run(node, args, &project.folder, Vec::new()).await?;
        Ok(component)
    }
}

/// Whether an installation came to its end: what was interrupted leaves the folder, and a build would fail without end.
fn is_installed(modules: &Path) -> bool {
    // What npm, pnpm and the two yarns write last.
    [".package-lock.json", ".modules.yaml", ".yarn-integrity", ".yarn-state.yml"].iter().any(|mark| modules.join(mark).is_file())
}

/// Joins the script to the interfaces that its manifest asks for.
fn entry_text(project: &Project, source: &str) -> String {
    let manifest = &project.manifest;
    let kind = language::short(manifest.world);
    let mut text = String::from("// Written by `skynet plugin build`.\n");
    let (mut names, mut imports) = (Vec::new(), String::new());
    for interface in world::interfaces(manifest).into_iter().filter(|name| !["script", "secret-reveal"].contains(name)) {
        names.push(interface);
        let _ = writeln!(imports, "import * as {interface} from \"skynet:plugin/{interface}@0.1.0\";");
    }
    text += &imports;
    let _ = writeln!(text, "import * as script from {:?};", format!("../{source}"));
    let said = json!({ "name": manifest.id.name(), "summary": manifest.summary });
    let wit = names.join(", ");
    text += &match manifest.world {
        World::ToolPlugin => format!(
            "import {{ toolPlugin }} from \"../{VENDOR}/src/tool.js\";\nexport const {{ lifecycle, tool }} = toolPlugin(script, {{ {wit} }}, {said});\n"
        ),
        _ => format!(
            "import {{ plainPlugin }} from \"../{VENDOR}/src/plain.js\";\nexport const {{ lifecycle, {kind} }} = plainPlugin(\"{kind}\", script, {{ {wit} }}, {said});\n"
        ),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_that_was_interrupted_is_begun_again() {
        let folder = tempfile::tempdir().unwrap();
        let modules = folder.path().join("node_modules");
        assert!(!is_installed(&modules));
        std::fs::create_dir_all(modules.join("esbuild")).unwrap();
        assert!(!is_installed(&modules));
        std::fs::write(modules.join(".package-lock.json"), "{}").unwrap();
        assert!(is_installed(&modules));
    }
}
