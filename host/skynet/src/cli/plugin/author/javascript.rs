//! Plugins in JavaScript and TypeScript: esbuild and componentize-js, under Node.
//!
//! The SDK is laid into the project as `vendor/skynet-plugin`. Node and npm are what an author
//! installs; the two tools come from npm on the first build (`javascript/tools.rs`). A build runs
//! nothing that lies in the project; its own packages are installed only where it is trusted, since
//! npm does what a folder's `.npmrc` says.

mod tools;

use super::console::{Console, Missing};
use super::embedded;
use super::language::{self, Language, NewFile};
use super::project::Project;
use super::world::{self, WORLD};
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use serde_json::{Value, json};
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
        let files: Vec<NewFile> = sdk().map(|(path, bytes)| (format!("{VENDOR}/{path}"), Cow::Borrowed(bytes))).collect();
        anyhow::ensure!(!files.is_empty(), "the JavaScript SDK is not in this program");
        Ok(files)
    }

    async fn build(&self, project: &Project, console: &Console) -> Result<PathBuf> {
        let node = builder::find("node").ok_or_else(|| NO_NODE.error())?;
        install(project, console).await?;
        let script = tools::script(project, console).await?;
        let wit = world::lay(project)?;
        let folder = project.build_folder()?;
        let entry = folder.join("entry.js");
        std::fs::write(&entry, entry_text(project, self.source)).with_context(|| format!("{} cannot be written", entry.display()))?;
        let component = folder.join(format!("{}.wasm", project.manifest.id.name()));
        console.say("building with componentize-js; this takes some 20 s");
        let args: [OsString; 5] = [script.into(), entry.into(), wit.into(), WORLD.into(), component.clone().into()];
        console.run(node, args, &project.folder, Vec::new()).await?;
        Ok(component)
    }
}

/// What a project gets of the SDK: its sources, not what builds it.
fn sdk() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    embedded::below("plugins-sdk/js").filter(|(path, _)| !path.starts_with("tools/"))
}

/// Installs the packages that a project itself depends on, where that was not done.
async fn install(project: &Project, console: &Console) -> Result<()> {
    if !depends(&project.folder)? || is_installed(&project.folder.join("node_modules")) {
        return Ok(());
    }
    let npm = builder::find("npm").ok_or_else(|| NO_NODE.error())?;
    let instead = "install what package.json names under dependencies yourself: npm install --ignore-scripts";
    console.trust(project, "npm, under what the project's folder says,", instead)?;
    console.say("installing what package.json names under dependencies");
    console.run(npm, tools::INSTALL.iter().chain(&["--omit=dev"]), &project.folder, Vec::new()).await
}

/// Whether a project needs packages of its own. What it names for its development is not in the component.
fn depends(folder: &Path) -> Result<bool> {
    let path = folder.join("package.json");
    if !path.exists() {
        return Ok(false);
    }
    let text = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let package: Value = serde_json::from_slice(&text).with_context(|| format!("{} is not valid JSON", path.display()))?;
    Ok(package["dependencies"].as_object().is_some_and(|all| !all.is_empty()))
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
    fn only_what_a_component_is_made_of_is_a_dependency() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!depends(folder.path()).unwrap(), "none is named");
        for (package, needs) in [
            (r#"{}"#, false),
            (r#"{ "dependencies": {}, "devDependencies": { "esbuild": "1.0.0" } }"#, false),
            (r#"{ "dependencies": { "left-pad": "1.0.0" } }"#, true),
        ] {
            std::fs::write(folder.path().join("package.json"), package).unwrap();
            assert_eq!(depends(folder.path()).unwrap(), needs, "{package}");
        }
        std::fs::write(folder.path().join("package.json"), "{").unwrap();
        assert!(depends(folder.path()).is_err());
    }

    #[test]
    fn a_project_gets_the_sdk_and_nothing_that_runs_on_the_machine() {
        let paths: Vec<&str> = sdk().map(|(path, _)| path).collect();
        assert!(paths.contains(&"src/layer.js") && !paths.iter().any(|path| path.ends_with(".mjs")), "{paths:?}");
    }

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
