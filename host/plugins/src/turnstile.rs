//! How often one plugin may be called and how many events its channel may bring: so much
//! a minute, by the plugin's id, so that a new version brings no new calls.
//!
//! It stops loops, such as an agent that calls one tool for ever. Hooks are not counted:
//! they follow calls that are, and a refused hook would stop other plugins' work. A
//! refusal says when to come again; the audit log gets one row a minute about them.

use crate::generation::Generation;
use crate::limits;
use crate::rate::{Bucket, Overrun};
use crate::runtime::Runtime;
use skynet_core::config::RatesConfig;
use skynet_core::ports::AuditRow;
use skynet_core::{ModelError, PluginError, PluginId, PluginRef};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Tool calls and completions.
    Calls,
    /// Events of a channel.
    Events,
}

/// A plugin was called too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TooOften {
    plugin: PluginRef,
    overrun: Overrun,
    key: &'static str,
}

impl std::fmt::Display for TooOften {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { plugin, overrun: Overrun { of, limit, retry }, key } = self;
        write!(f, "{plugin} has had its {limit} {of} of this minute (rates.{key}); there is room again in {} ms", retry.as_millis())
    }
}

impl From<TooOften> for PluginError {
    fn from(often: TooOften) -> Self {
        Self::Busy(often.to_string())
    }
}

impl From<TooOften> for ModelError {
    fn from(often: TooOften) -> Self {
        Self::Unavailable { message: often.to_string(), retry_after_ms: u64::try_from(often.overrun.retry.as_millis()).ok() }
    }
}

/// One count of one plugin.
#[derive(Debug)]
struct Gate {
    key: &'static str,
    /// None: no limit.
    bucket: Option<Bucket>,
    rows: Bucket,
    untold: AtomicU64,
}

impl Gate {
    fn new(of: &'static str, key: &'static str, a_minute: u32) -> Self {
        let bucket = (a_minute > 0).then(|| Bucket::new(of, a_minute.into()));
        Self { key, bucket, rows: Bucket::new("rows", limits::RATE_ROWS), untold: AtomicU64::new(0) }
    }

    fn pass(&self) -> Result<(), Overrun> {
        self.bucket.as_ref().map_or(Ok(()), |bucket| bucket.take(1))
    }

    /// How many refusals the next row is about, if it is time for one.
    fn row(&self) -> Option<u64> {
        self.untold.fetch_add(1, Ordering::Relaxed);
        self.rows.take(1).ok().map(|()| self.untold.swap(0, Ordering::Relaxed))
    }
}

/// All counts of one plugin, in all its versions.
#[derive(Debug)]
pub(crate) struct Turnstile {
    calls: Gate,
    events: Gate,
}

/// Those of all plugins.
#[derive(Debug)]
pub(crate) struct Turnstiles {
    rates: RatesConfig,
    /// One for each plugin that was ever called here; plugins are few.
    plugins: Mutex<HashMap<PluginId, Arc<Turnstile>>>,
}

impl Turnstiles {
    pub(crate) fn new(rates: RatesConfig) -> Self {
        Self { rates, plugins: Mutex::default() }
    }

    /// Of this plugin, in all its versions.
    pub(crate) fn of(&self, plugin: &PluginId) -> Arc<Turnstile> {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        let made = plugins.entry(plugin.clone()).or_insert_with(|| {
            let calls = Gate::new("calls", "plugin_calls_per_minute", self.rates.plugin_calls_per_minute);
            let events = Gate::new("channel events", "channel_events_per_minute", self.rates.channel_events_per_minute);
            Arc::new(Turnstile { calls, events })
        });
        Arc::clone(made)
    }
}

impl Runtime {
    /// Counts one call of this plugin, before anything of it is done.
    pub(crate) async fn count(&self, generation: &Generation, counted: Counted, during: &str) -> Result<(), TooOften> {
        // Looked up once for a generation: this is in the way of every call.
        let turnstile = generation.turnstile.get_or_init(|| self.turnstiles.of(&generation.plugin().id));
        let gate = match counted {
            Counted::Calls => &turnstile.calls,
            Counted::Events => &turnstile.events,
        };
        let Err(overrun) = gate.pass() else { return Ok(()) };
        let often = TooOften { plugin: generation.plugin().clone(), overrun, key: gate.key };
        if let Some(refused) = gate.row() {
            tracing::warn!(%during, "called too often: {often}");
            let detail = serde_json::json!({ "why": often.to_string(), "refused": refused });
            let (actor, subject) = (generation.plugin().to_string(), during.to_owned());
            let row = AuditRow { kind: "rate".into(), actor, subject, verdict: "denied".into(), detail };
            // Nothing is done either way; the log that takes no rows stops what is.
            if let Err(error) = self.audit.enqueue(row).await {
                tracing::error!(%error, "a refusal was not recorded");
            }
        }
        Err(often)
    }
}
