//! The port through which an owner manages plugins.
//!
//! Owns: what the command line, the gateway and a person's chat can ask of the
//! plugin host. Refuses: anything a model could reach; only a client with the
//! `operator.admin` scope, or the owner at the machine, gets this far.

use crate::error::StoreError;
use crate::ids::{PluginId, PluginRef};
use crate::plugin::PluginStatus;
use async_trait::async_trait;
use serde_json::Value;

/// Why a request about a plugin was not done. But for `Unfinished`, nothing changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AdminError {
    /// No plugin of that id is known here.
    #[error("no plugin {0} is known here; `skynet plugin list` shows those that are")]
    NotFound(PluginId),
    /// The rules forbid it; the text says which and what to do.
    #[error("refused: {0}")]
    Refused(String),
    /// Durable state failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is decided and on record, and what serves was not brought in line with it.
    #[error("this is decided and on record, but what serves could not be brought in line with it: {0}. Ask again, or restart the host")]
    Unfinished(String),
    /// We failed.
    #[error("internal error while managing plugins: {0}. This is a fault of the host; please report it with the log")]
    Bug(String),
}

/// Management of plugins, for owners. `by` is who asks, for the record: each attempt to
/// change something leaves one audit row, which tells how it ended.
#[async_trait]
pub trait PluginAdmin: Send + Sync {
    /// Every plugin that is known, by name.
    async fn list(&self) -> Vec<PluginStatus>;
    /// All that is known of one: status, receipt, request, grant.
    async fn info(&self, id: &PluginId) -> Result<Value, AdminError>;
    /// The owner's switch.
    async fn set_enabled(&self, id: &PluginId, enabled: bool, by: &str) -> Result<(), AdminError>;
    /// Every grant in force: plugin, publisher, what it allows, by whom, since and until when.
    async fn grants(&self) -> Result<Vec<Value>, AdminError>;
    /// Grants permissions for good; `None` grants everything that the plugin asks for.
    async fn grant(&self, id: &PluginId, permissions: Option<Value>, by: &str) -> Result<(), AdminError> {
        self.grant_until(id, permissions, None, by).await
    }
    /// The same, up to a time in milliseconds since the Unix epoch.
    async fn grant_until(&self, id: &PluginId, permissions: Option<Value>, until_ms: Option<u64>, by: &str) -> Result<(), AdminError> {
        self.grant_release(id, permissions, until_ms, None, by).await
    }
    /// The same for the release that the owner was shown, by the SHA-256 of its `release.json`; refuses when
    /// a grant would be for another one by now.
    async fn grant_release(
        &self,
        id: &PluginId,
        permissions: Option<Value>,
        until_ms: Option<u64>,
        release: Option<&str>,
        by: &str,
    ) -> Result<(), AdminError>;
    /// Approves of a script plugin's files that nobody signed, by the digest that the owner was shown, and
    /// grants what they ask for. Refuses when the files are others by now.
    async fn approve(&self, id: &PluginId, files: &str, by: &str) -> Result<(), AdminError> {
        let _ = (files, by);
        Err(AdminError::Refused(format!("{id} cannot be approved here: this host has no script plugins")))
    }
    /// Says no to the release that waits; what serves goes on.
    async fn deny(&self, id: &PluginId, by: &str) -> Result<(), AdminError>;
    /// Ends the plugin's grant, also for calls that run.
    async fn revoke(&self, id: &PluginId, by: &str) -> Result<(), AdminError>;
    /// What the plugin was refused lately, newest first, and what would allow it.
    async fn why_denied(&self, id: &PluginId, limit: usize) -> Result<Value, AdminError>;
    /// Puts the generation before the present one back; gives what serves now.
    async fn rollback(&self, id: &PluginId, by: &str) -> Result<PluginRef, AdminError>;
    /// Looks at the folder now instead of at the next scan.
    async fn rescan(&self) -> Result<(), AdminError>;
}
