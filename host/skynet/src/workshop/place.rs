//! A signed file goes into the drop folder, and is seen to serve or taken out again.
//!
//! The plugin host admits it as it would anybody's file; this only waits for its answer.
//! What lay there before is put back when the new one does not serve.

use crate::home::{self, Home};
use crate::registry::intent;
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
    let before = std::fs::read(&path).ok();
    home::write_file(&path, signed, 0o644).map_err(|error| format!("{error:#}"))?;
    let ended = served(host, candidate, &name).await;
    if ended.is_err() {
        put_back(&path, before);
        host.look_now();
    }
    ended
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

fn put_back(path: &Path, before: Option<Vec<u8>>) {
    let done = match before {
        Some(bytes) => home::write_file(path, &bytes, 0o644).map_err(|error| format!("{error:#}")),
        None => std::fs::remove_file(PathBuf::from(path)).map_err(|error| error.to_string()),
    };
    if let Err(error) = done {
        tracing::warn!(error, file = %path.display(), "a plugin that did not serve could not be taken out again");
    }
}
