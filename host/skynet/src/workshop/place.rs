//! A signed file goes into the drop folder, and is seen to serve or taken out again.
//!
//! The plugin host admits it as it would anybody's file; this only waits for its answer.
//! What lay there before is kept beside it until then, under a name that the plugin host does not
//! read, and put back when the new one does not serve: also by the next start after a crash.

use crate::home::{self, Home};
use crate::registry::intent;
use anyhow::Context as _;
use skynet_core::PluginId;
use skynet_core::admin::PluginAdmin as _;
use skynet_core::plugin::{PluginState, PluginStatus};
use skynet_core::proposals::Candidate;
use skynet_plugins::PluginHost;
use skynet_plugins::limits::COMPILE_WALL;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the plugin host may take to admit it: longer than a component may take to compile.
const ADMIT: Duration = COMPILE_WALL.saturating_add(Duration::from_secs(10));

async fn status(host: &PluginHost, name: &str) -> Option<PluginStatus> {
    host.list().await.into_iter().find(|plugin| plugin.name == name)
}

/// The version that serves, where this one is newer.
pub(super) async fn newer_than(host: &PluginHost, id: &PluginId, version: &semver::Version) -> Result<Option<String>, String> {
    let serving = status(host, id.as_str()).await.and_then(|plugin| plugin.serving);
    match serving {
        Some(serving) if serving.version >= *version => {
            Err(format!("version {} of {id} serves already; give it a higher one, or another name", serving.version))
        }
        serving => Ok(serving.map(|serving| serving.version.to_string())),
    }
}

/// Puts it there and waits until it serves. Doing it again is harmless.
pub(super) async fn put(home: &Home, host: &PluginHost, candidate: &Candidate, signed: &[u8]) -> Result<(), String> {
    let name = intent::file_name(&candidate.subject);
    let path = home.plugins().join(&name);
    let written = set_aside(&path).and_then(|()| home::write_file(&path, signed, 0o644));
    written.map_err(|error| format!("{error:#}"))?;
    served(host, candidate, &name).await
}

/// After an attempt, however it came to its end: what lay there before goes, or comes back.
pub(super) fn settle(home: &Home, host: &PluginHost, candidate: &Candidate, serves: bool) {
    let path = home.plugins().join(intent::file_name(&candidate.subject));
    let settled = if serves { remove(&aside(&path)) } else { put_back(&path) };
    if let Err(error) = settled {
        tracing::warn!(%error, file = %path.display(), "what a new plugin took the place of could not be put back or removed");
    }
    if !serves {
        host.look_now();
    }
}

/// Whether this very release serves now.
pub(crate) async fn serves(host: &PluginHost, candidate: &Candidate) -> bool {
    let info = host.info(&candidate.subject).await.ok();
    info.is_some_and(|info| info["receipt"]["release"] == candidate.digest.as_str())
}

/// Waits until this very release serves. The error says why it does not.
pub(crate) async fn served(host: &PluginHost, candidate: &Candidate, file: &str) -> Result<(), String> {
    if tokio::time::timeout(ADMIT, host.settled()).await.is_err() {
        return Err(format!("it was not admitted within {} s; see the log", ADMIT.as_secs()));
    }
    if serves(host, candidate).await {
        return Ok(());
    }
    if let Some(PluginStatus { state: PluginState::Refused { reason }, .. }) = status(host, file).await {
        return Err(reason);
    }
    Err(match status(host, candidate.subject.as_str()).await.map(|plugin| plugin.state) {
        Some(PluginState::Pending { asks }) => format!("it waits for more than was granted: {}", asks.join("; ")),
        Some(PluginState::Disabled { reason } | PluginState::Refused { reason } | PluginState::Sick { reason }) => reason,
        Some(PluginState::Serving) => "another version of it serves".into(),
        None => "the plugin host did not take it; see the log".into(),
    })
}

/// Where that waits what lay there before; an empty file where nothing did.
fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.before"))
}

/// Keeps what lies there. What an attempt kept that was cut off is the older one, and stays.
fn set_aside(path: &Path) -> anyhow::Result<()> {
    let kept = aside(path);
    if kept.exists() {
        return Ok(());
    }
    let there = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read.with_context(|| format!("{} cannot be read", path.display()))?,
    };
    home::write_file(&kept, &there, 0o600)
}

fn put_back(path: &Path) -> std::io::Result<()> {
    let kept = aside(path);
    match std::fs::metadata(&kept) {
        // Nothing was put there yet.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(meta) if meta.len() == 0 => remove(path).and_then(|()| remove(&kept)),
        Ok(_) => std::fs::rename(&kept, path),
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_lay_there_before_the_first_attempt_comes_back_after_any_number_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made--x.wasm");
        for before in [Some("old"), None] {
            remove(&path).unwrap();
            if let Some(text) = before {
                std::fs::write(&path, text).unwrap();
            }
            put_back(&path).unwrap();
            assert_eq!(std::fs::read_to_string(&path).ok().as_deref(), before, "nothing was put there yet");
            // The second attempt is that of the next start: the first was killed with the new file in its place.
            for _ in 0..2 {
                set_aside(&path).unwrap();
                std::fs::write(&path, "new").unwrap();
            }
            assert!(names(folder.path()).contains(&".made--x.wasm.before".to_owned()), "no name that a plugin has");
            put_back(&path).unwrap();
            assert_eq!(std::fs::read_to_string(&path).ok().as_deref(), before);
            assert_eq!(names(folder.path()).len(), usize::from(before.is_some()), "and nothing is left beside it");
        }
    }
}
