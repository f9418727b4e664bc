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
use crate::cli::plugin::file;
use crate::client;
use crate::exit::{Failure, Kind};
use crate::home::{self, Home};
use crate::limits::ANSWER;
use crate::output::Out;
use crate::registry::intent::file_name;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use skynet_core::PluginId;
use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

/// Between two looks. An editor writes a file in less.
const LOOK: Duration = Duration::from_millis(300);

/// How often the host is asked what became of a version before its own log must do.
const QUESTIONS: usize = 40;

/// Questions after which the host has looked at its folder: it does so every two seconds.
const SETTLED: usize = 15;

/// Bytes of the log that are told at once.
const TAIL: u64 = 1 << 20;

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
    let project = Project::open(&args.folder, args.lang.as_deref())?;
    let mut built_of = None;
    let mut before = look(&project);
    let mut log = Log::at_end(&real.log());
    out.line(&format!("watching {}; Ctrl-C ends it", project.folder.display()));
    loop {
        let now = look(&project);
        if now == before && built_of.as_ref() != Some(&now) {
            match round(real, args, out).await {
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
    out.both(&format!("{id}: {} bytes, {told}", made.size), &json!({ "id": id, "file": target, "size": made.size, "status": state }));
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

/// What the host says of the plugin once it has seen this very release, or refused the file.
async fn taken_up(real: &Home, id: &PluginId, file: &str, release: &str, before: Option<&Value>) -> Option<Value> {
    for question in 0..QUESTIONS {
        match said_of(real, id, file).await {
            Ok(said) if is_about(&said, release, before, question) => return Some(said),
            // Not known yet, or no host: only the first is worth another question.
            Err(error) if is_without_host(&error) => return None,
            Ok(_) | Err(_) => {}
        }
        sleep(LOOK).await;
    }
    None
}

/// The line of a file that was refused, else what is known of the plugin.
async fn said_of(real: &Home, id: &PluginId, file: &str) -> Result<Value> {
    let list = client::call(real, "plugins.list", json!({}), ANSWER).await?;
    let refused = |line: &&Value| line["name"] == file && line["state"] == "refused";
    match list["plugins"].as_array().and_then(|lines| lines.iter().find(refused)) {
        Some(line) => Ok(json!({ "status": line })),
        None => client::call(real, "plugins.info", json!({ "id": id }), ANSWER).await,
    }
}

/// Whether this is the host's word on this release, and not what it said of the one before.
fn is_about(said: &Value, release: &str, before: Option<&Value>, question: usize) -> bool {
    if ["receipt", "waiting", "denied"].iter().any(|place| said[place]["release"] == release) {
        return true;
    }
    // These name no release. Said again without a change, they count once the host has surely looked.
    let state = &said["status"]["state"];
    let nameless = ["refused", "disabled", "sick"].iter().any(|nameless| state == nameless);
    nameless && (question >= SETTLED || before.is_none_or(|before| before["status"] != said["status"]))
}

fn is_without_host(error: &anyhow::Error) -> bool {
    let failure =
        |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<Failure>().is_some_and(|one| one.kind == Kind::NotRunning);
    error.chain().any(failure)
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
        } else if !LOCKS.contains(&name.as_str()) {
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
        let bytes = self.read().unwrap_or_default();
        let whole = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            // A line that is longer than what is read at once would be waited for without end.
            None if bytes.len() as u64 == TAIL => bytes.len(),
            None => 0,
        };
        self.at += whole as u64;
        String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default()).lines().map(str::to_owned).collect()
    }

    fn read(&mut self) -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(&self.path)?;
        if file.metadata()?.len() < self.at {
            // Another one took its place, or it was emptied.
            self.at = 0;
        }
        file.seek(SeekFrom::Start(self.at))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
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

    #[test]
    fn a_log_that_begins_anew_or_is_no_text_is_followed_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "old and long\n").unwrap();
        let mut log = Log::at_end(&path);
        std::fs::write(&path, b"n\xffw\n").unwrap();
        assert_eq!(log.lines(), ["n\u{fffd}w"]);
        std::fs::write(&path, [b"n\xffw\n".as_slice(), &vec![b'x'; TAIL as usize], b"\nnext\n"].concat()).unwrap();
        assert_eq!(log.lines()[0].len() as u64, TAIL);
        assert_eq!(log.lines(), ["", "next"]);
    }

    #[test]
    fn what_the_host_said_of_the_build_before_is_not_taken_for_its_word_on_this_one() {
        let waits = |release: &str| json!({ "status": { "state": "pending" }, "waiting": { "release": release } });
        assert!(is_about(&waits("new"), "new", None, 0) && !is_about(&waits("old"), "new", None, QUESTIONS));
        let serves = |release: &str| json!({ "status": { "state": "serving" }, "receipt": { "release": release } });
        assert!(is_about(&serves("new"), "new", Some(&serves("old")), 0) && !is_about(&serves("old"), "new", None, QUESTIONS));
        let refused = |reason: &str| json!({ "status": { "state": "refused", "reason": reason } });
        assert!(is_about(&refused("b"), "new", Some(&refused("a")), 0) && is_about(&refused("b"), "new", None, 0));
        assert!(!is_about(&refused("a"), "new", Some(&refused("a")), 0) && is_about(&refused("a"), "new", Some(&refused("a")), SETTLED));
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
