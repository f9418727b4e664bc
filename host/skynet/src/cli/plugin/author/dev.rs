//! `skynet plugin dev`: builds on each change and puts the result where the running host
//! takes it up, until Ctrl-C.
//!
//! The folder is looked at a few times a second, which works on every file system; a build
//! begins when two looks agree. What the host makes of a version is asked of it, and its log
//! is followed for lines that name the plugin. A build that fails leaves what serves as it is.

use super::build::{self, Signing};
use super::console::Console;
use super::project::Project;
use crate::args::author::Dev;
use crate::client;
use crate::home::{self, Home};
use crate::limits::ANSWER;
use crate::output::Out;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

/// Between two looks. An editor writes a file in less.
const LOOK: Duration = Duration::from_millis(300);

/// How often the host is asked what became of a version before its own log must do.
const QUESTIONS: usize = 40;

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
    let project = Project::open(&args.folder, args.lang.as_deref())?;
    let mut built_of = None;
    let mut before = look(&project);
    let mut log = Log::at_end(&real.log());
    out.line(&format!("watching {}; Ctrl-C ends it", project.folder.display()));
    loop {
        let now = look(&project);
        if now == before && built_of.as_ref() != Some(&now) {
            if let Err(error) = round(real, args, out).await {
                out.error(&format!("{error:#}"), 1);
                out.line("waiting for the next change");
            }
            if args.once {
                return Ok(());
            }
            built_of = Some(now.clone());
        }
        before = now;
        for line in log.lines().into_iter().filter(|line| line.contains(project.manifest.id.as_str())) {
            out.line(&out.paint("2", &line));
        }
        sleep(LOOK).await;
    }
}

/// One build, to where the host sees it.
async fn round(real: &Home, args: &Dev, out: &Out) -> Result<()> {
    // Anew each time: the manifest may be what changed.
    let project = Project::open(&args.folder, args.lang.as_deref())?;
    let made = build::make(real, &project, &Console::new(out.json), Signing::Dev).await?;
    let bytes = std::fs::read(&made.file).with_context(|| format!("{} cannot be read", made.file.display()))?;
    let target = real.plugins().join(format!("{}.wasm", project.manifest.id.name()));
    home::write_file(&target, &bytes, 0o644)?;
    let (id, component) = (&project.manifest.id, digest(&bytes)?);
    let state = taken_up(real, id.as_str(), &component).await;
    let told = match &state {
        Some(info) => told(info),
        None => "no host runs here, or it has not looked yet; start one with: skynet start".to_owned(),
    };
    out.both(&format!("{id}: {} bytes, {told}", made.size), &json!({ "id": id, "file": target, "size": made.size, "status": state }));
    Ok(())
}

fn digest(packed: &[u8]) -> Result<String> {
    Ok(skynet_policy::digest::sha256_hex(skynet_policy::release::strip(packed)))
}

/// What the host says of the plugin once it has seen this very component, or refused the file.
async fn taken_up(real: &Home, id: &str, component: &str) -> Option<Value> {
    for _ in 0..QUESTIONS {
        let info = client::call(real, "plugins.info", json!({ "id": id }), ANSWER).await;
        match info {
            Ok(info) => {
                let waits = info["status"]["state"] != "serving";
                if waits || info["receipt"]["component"] == component {
                    return Some(info);
                }
            }
            // Not known yet, or no host: only the first is worth another question.
            Err(error)
                if error.chain().any(|cause| {
                    cause.downcast_ref::<crate::exit::Failure>().is_some_and(|failure| failure.kind == crate::exit::Kind::NotRunning)
                }) =>
            {
                return None;
            }
            Err(_) => {}
        }
        sleep(LOOK).await;
    }
    None
}

fn told(info: &Value) -> String {
    let status = &info["status"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match status["state"].as_str() {
        Some("serving") => format!("serves as {} {}", text(&status["serving"]["version"]), status["serving"]["generation"]),
        Some("pending") => format!("waits for your grant: skynet plugin grant {}", text(&status["name"])),
        Some(other) => format!("{other}: {}", text(&status["reason"])),
        None => "unknown to the host".to_owned(),
    }
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
        } else if name != "Cargo.lock" {
            seen.insert(entry.path(), (meta.len(), meta.modified().ok()));
        }
    }
}

/// The host's log from here on.
struct Log {
    path: PathBuf,
    at: u64,
}

impl Log {
    fn at_end(path: &Path) -> Self {
        Self { path: path.to_owned(), at: std::fs::metadata(path).map_or(0, |meta| meta.len()) }
    }

    /// Whole lines that were written since the last time.
    fn lines(&mut self) -> Vec<String> {
        let read = || -> std::io::Result<String> {
            let mut file = std::fs::File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.at))?;
            let mut text = String::new();
            file.take(1 << 20).read_to_string(&mut text)?;
            Ok(text)
        };
        let text = read().unwrap_or_default();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.at += whole as u64;
        text.get(..whole).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_and_what_an_editor_keeps_is_not_watched() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["src/lib.rs", "target/x", "dist/y", ".swp", "lib.rs~", "Cargo.lock"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let mut seen = Seen::new();
        collect(folder.path(), &["target"], &mut seen);
        assert_eq!(seen.into_keys().collect::<Vec<_>>(), [folder.path().join("src/lib.rs")]);
    }

    #[test]
    fn only_whole_new_lines_of_the_log_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "old\n").unwrap();
        let mut log = Log::at_end(&path);
        std::fs::write(&path, "old\nnew\nhal").unwrap();
        assert_eq!(log.lines(), ["new"]);
        std::fs::write(&path, "old\nnew\nhalf\n").unwrap();
        assert_eq!(log.lines(), ["half"]);
    }
}
