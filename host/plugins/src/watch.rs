//! File events as hints: each makes the next look at the folder come sooner. The
//! scan stays the truth, so a watcher that cannot start or goes deaf costs seconds.

use crate::host::PluginHost;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::Path;

/// Watches while the result lives.
pub(crate) fn watch(folder: &Path, mode: RecursiveMode, host: &PluginHost) -> Option<RecommendedWatcher> {
    let host = host.clone();
    let started = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            host.look_now();
        }
    });
    let watching = started.and_then(|mut watcher| watcher.watch(folder, mode).map(|()| watcher));
    match watching {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::info!(%error, folder = %folder.display(), "no file events here; it is scanned every few seconds");
            None
        }
    }
}
