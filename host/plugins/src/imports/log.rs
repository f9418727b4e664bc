//! `skynet:plugin/log`: bounded lines into the host's log.

use crate::bindings::v0::skynet::plugin::log::{Host, Level};
use crate::limits;
use crate::store::CallState;
use skynet_policy::naming::plain_line;
use skynet_policy::scrub::Place;

impl Host for CallState {
    fn log(&mut self, level: Level, text: String) -> wasmtime::Result<()> {
        let (reach, seen) = (&mut self.reach, &self.hooks.budget.seen);
        reach.log_lines = reach.log_lines.saturating_add(1);
        if reach.log_lines > limits::LOG_LINES {
            return Ok(());
        }
        let plugin = &reach.plugin;
        if reach.log_lines == limits::LOG_LINES {
            tracing::warn!(%plugin, "log lines of this call reached {}; the rest is dropped", limits::LOG_LINES);
            return Ok(());
        }
        let known = reach.known.noting(seen, Place::Log);
        // Before it is cut: half a secret would not be found.
        let text = plain_line(&known.now().text(&text), limits::LOG_LINE);
        match level {
            Level::Trace => tracing::trace!(%plugin, guest = true, "{text}"),
            Level::Debug => tracing::debug!(%plugin, guest = true, "{text}"),
            Level::Info => tracing::info!(%plugin, guest = true, "{text}"),
            Level::Warn => tracing::warn!(%plugin, guest = true, "{text}"),
            Level::Error => tracing::error!(%plugin, guest = true, "{text}"),
        }
        Ok(())
    }
}
