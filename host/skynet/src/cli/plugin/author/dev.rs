//! `skynet plugin dev`: builds on each change and puts the result where the running host
//! takes it up, until Ctrl-C.
//!
//! The folder is looked at a few times a second, which works on every file system; a build
//! begins when two looks agree. What the host makes of a version is asked of it, and its log
//! is followed for lines that name the plugin. A build that fails leaves what serves as it is.

mod tail;
mod word;

use super::build::{self, Signing};
use super::console::Console;
use super::project::Project;
use crate::args::author::Dev;
use crate::cli::plugin::file;
use crate::home::{self, Home};
use crate::output::Out;
use crate::plain::visible;
use crate::registry::intent::file_name;
use anyhow::{Context as _, Result};
use serde_json::json;
use skynet_core::PluginId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tail::Log;
use tokio::time::sleep;
use word::{said_of, taken_up, told};

/// Between two looks. An editor writes a file in less.
const LOOK: Duration = Duration::from_millis(300);

/// What package managers write while they build.
const LOCKS: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// The folder as one look saw it.
type Seen = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

pub(super) async fn run(real: &Home, args: &Dev, out: &Out) -> Result<()> {
    real.must_exist()?;
    tokio::select! {
        ended = follow(real, args, out) => ended,
        _ = tokio::signal::ctrl_c() => {
            out.line("stopped; what serves goes on serving");
            Ok(())
        }
    }
}

async fn follow(real: &Home, args: &Dev, out: &Out) -> Result<()> {
    let project = Project::open(&args.project)?;
    // One for all rounds: who agreed to something is not asked again.
    let console = Console::new(*out);
    let mut built_of = None;
    let mut before = look(&project);
    let mut log = Log::at_end(&real.log());
    out.line(&format!("watching {}; Ctrl-C ends it", project.folder.display()));
    loop {
        let now = look(&project);
        if now == before && built_of.as_ref() != Some(&now) {
            match round(real, args, &console, out).await {
                ended if args.once => return ended,
                Ok(()) => {}
                Err(error) => {
                    out.error(&format!("{error:#}"), 1);
                    out.line("waiting for the next change");
                }
            }
            built_of = Some(now.clone());
        }
        before = now;
        for line in log.lines().into_iter().filter(|line| line.contains(project.manifest.id.as_str())) {
            out.line(&out.paint("2", &visible(&line)));
        }
        sleep(LOOK).await;
    }
}

/// One build, to where the host sees it.
async fn round(real: &Home, args: &Dev, console: &Console, out: &Out) -> Result<()> {
    // Anew each time: the manifest may be what changed.
    let project = Project::open(&args.project)?;
    let made = build::make(real, &project, console, Signing::Dev).await?;
    let bytes = std::fs::read(&made.file).with_context(|| format!("{} cannot be read", made.file.display()))?;
    let id = &project.manifest.id;
    let target = place(real, id)?;
    let file = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let before = said_of(real, id, &file).await.ok();
    home::write_file(&target, &bytes, 0o644)?;
    let state = taken_up(real, id, &file, &digest(&bytes)?, before.as_ref()).await;
    let told = match &state {
        Some(info) => told(info),
        None => "no host runs here, or it has not looked yet; start one with: skynet start".to_owned(),
    };
    out.both(
        &format!("{id}: {} bytes, {}", made.size, visible(&told)),
        &json!({ "id": id, "file": target, "size": made.size, "status": state }),
    );
    Ok(())
}

/// Where the host sees it: the file that holds this plugin already, else one that no other plugin has.
fn place(real: &Home, id: &PluginId) -> Result<PathBuf> {
    let plain = real.plugins().join(format!("{}.wasm", id.name()));
    if file::holds(&plain).as_ref() == Some(id) {
        return Ok(plain);
    }
    let own = real.plugins().join(file_name(id));
    file::must_be_of(&own, id)?;
    Ok(own)
}

/// What tells one build from another.
fn digest(packed: &[u8]) -> Result<String> {
    Ok(skynet_policy::sha256_hex(skynet_policy::release::split(packed)?.release_json))
}

fn look(project: &Project) -> Seen {
    let mut seen = Seen::new();
    collect(&project.folder, project.language.built(), &mut seen);
    seen
}

fn collect(folder: &Path, built: &[&str], seen: &mut Seen) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Editors keep their own files under a dot or with a tilde.
        if name.starts_with('.') || name.ends_with('~') || ["build", "dist"].contains(&name.as_str()) || built.contains(&name.as_str()) {
            continue;
        }
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            collect(&entry.path(), built, seen);
        } else if !LOCKS.contains(&name.as_str()) {
            seen.insert(entry.path(), (meta.len(), meta.modified().ok()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_and_what_an_editor_keeps_is_not_watched() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["src/lib.rs", "target/x", "dist/y", ".swp", "lib.rs~", "Cargo.lock", "package-lock.json"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let mut seen = Seen::new();
        collect(folder.path(), &["target"], &mut seen);
        assert_eq!(seen.into_keys().collect::<Vec<_>>(), [folder.path().join("src/lib.rs")]);
    }

    #[test]
    fn a_build_takes_the_place_of_its_own_plugin_and_of_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().to_owned());
        std::fs::create_dir(home.plugins()).unwrap();
        let id = |text: &str| PluginId::new(text).unwrap();
        let put = |name: &str, of: &str| std::fs::write(home.plugins().join(name), packed(&id(of))).unwrap();
        put("tool-time.wasm", "skynet/tool-time");
        assert_eq!(place(&home, &id("local/tool-time")).unwrap(), home.plugins().join("local--tool-time.wasm"));
        assert_eq!(place(&home, &id("skynet/tool-time")).unwrap(), home.plugins().join("tool-time.wasm"));
        put("local--tool-time.wasm", "local/other");
        let refused = place(&home, &id("local/tool-time")).unwrap_err().to_string();
        assert!(refused.contains("local/other") && refused.contains("nothing was written"), "{refused}");
        std::fs::write(home.plugins().join("local--tool-time.wasm"), "half").unwrap();
        assert!(place(&home, &id("local/tool-time")).is_err());
    }

    fn packed(id: &PluginId) -> Vec<u8> {
        let text = format!(
            "schema = 1\nid = \"{id}\"\nversion = \"0.1.0\"\nsummary = \"s\"\nworld = \"tool-plugin\"\nwit = \"^0.1.0\"\n[permissions]\n"
        );
        let manifest = skynet_policy::manifest::Manifest::parse(&text).unwrap();
        file::packed(Path::new("x.wasm"), &skynet_plugins::kit(1), manifest, None).unwrap().1
    }
}
