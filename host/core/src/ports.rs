//! The ports: what the turn loop and the plugin host need of the outside.
//!
//! Each has one embedded implementation and a fake in tests; the cluster profile
//! will bring a second set behind the same traits.

use crate::completion::{CompletionItem, CompletionRequest, ModelInfo, Usage};
use crate::error::{ModelError, PluginError, StoreError};
use crate::ids::{PluginId, PluginRef, SessionKey, TurnId, UserId};
use crate::message::Message;
use crate::plugin::{PluginKind, Receipt};
use crate::session::{AnswerMeta, Session, SessionPatch, StoredMessage};
use crate::tool::{ToolOutcome, ToolSpec};
use async_trait::async_trait;
use futures_core::Stream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Time. Tests bring one that they move by hand.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;
    /// Returns when so much time has passed.
    async fn sleep(&self, time: Duration);
}

/// Who and what a call into a plugin is for.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The turn.
    pub turn: TurnId,
    /// Its session.
    pub session: SessionKey,
    /// On whose behalf.
    pub user: UserId,
    /// RFC 9557 zone name.
    pub time_zone: Option<String>,
    /// How many turns this one is inside of: 0 for what a person asked.
    pub depth: u8,
    /// Who watches what it says meanwhile.
    pub progress: Progress,
}

/// Whoever watches a call at work: hears pieces of what it will give, for people alone. The model reads the result.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Hears>>);

type Hears = dyn Fn(&str) + Send + Sync;

impl Progress {
    /// One that hears. It must not wait: the call does not go on before it comes back.
    pub fn new(hear: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    /// Tells it the next piece.
    pub fn say(&self, piece: &str) {
        if let Some(hear) = &self.0
            && !piece.is_empty()
        {
            hear(piece);
        }
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "watched" } else { "unwatched" })
    }
}

/// A tool that a snapshot can call.
#[derive(Debug, Clone)]
pub struct ToolEntry {
    /// What the model calls it: unique in the snapshot, `[a-zA-Z0-9_-]{1,64}`.
    pub exposed: String,
    /// Who runs it.
    pub plugin: PluginRef,
    /// What it is.
    pub spec: ToolSpec,
}

/// A model that a snapshot can ask.
#[derive(Debug, Clone)]
pub struct ModelEntry {
    /// The plugin's name without its namespace and `provider-`, such as `openai`.
    pub provider: String,
    /// Who asks it.
    pub plugin: PluginRef,
    /// What it is.
    pub info: ModelInfo,
}

impl ModelEntry {
    /// `provider/model`, as people write it.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.provider, self.info.id)
    }
}

/// An answer as it comes: any number of `Deltas`, then one `End` or one error.
/// Dropping it cancels the completion and frees the plugin's store.
pub type CompletionStream = Pin<Box<dyn Stream<Item = Result<CompletionItem, ModelError>> + Send>>;

/// Models of one snapshot.
pub trait Models: Send + Sync {
    /// What is on offer, in a stable order.
    fn models(&self) -> &[ModelEntry];
    /// Asks. Never waits: failures come through the stream.
    fn complete(&self, plugin: &PluginRef, request: CompletionRequest, context: CallContext) -> CompletionStream;
}

/// Tools of one snapshot.
#[async_trait]
pub trait Tools: Send + Sync {
    /// What is on offer, in a stable order.
    fn tools(&self) -> &[ToolEntry];
    /// Runs one. `exposed` is a `ToolEntry::exposed` of this snapshot; the
    /// arguments were checked against the schema. Dropping the future cancels.
    async fn call(&self, exposed: &str, arguments: &Value, context: CallContext) -> Result<ToolOutcome, PluginError>;
}

/// An immutable set of generations. A turn takes one and keeps it to its end.
pub trait Snapshot: Models + Tools {
    /// Grows with each publication.
    fn revision(&self) -> u64;
}

/// Where snapshots come from.
pub trait Registry: Send + Sync {
    /// What serves now.
    fn snapshot(&self) -> Arc<dyn Snapshot>;
}

/// A session that this host may write to. Every durable write of a turn carries it;
/// a writer with an old epoch is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Grows with each owner.
    pub epoch: u64,
}

/// One durable step of a turn, written before it is acted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum JournalStep {
    /// The turn begins.
    Begun,
    /// A tool is about to run.
    ToolIntent {
        /// The call's id.
        call: String,
        /// The tool.
        tool: String,
        /// Whether running it twice is harmless.
        idempotent: bool,
    },
    /// A tool ended.
    ToolDone {
        /// The call's id.
        call: String,
        /// Whether it failed.
        is_error: bool,
    },
    /// The turn is over: `done`, `aborted` or `failed`.
    Ended {
        /// Which.
        how: String,
    },
}

/// A turn that began and did not end: the host died in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTurn {
    /// The turn.
    pub turn: TurnId,
    /// Its session.
    pub session: SessionKey,
    /// Calls with an intent and no end: (call id, tool, idempotent).
    pub open_calls: Vec<(String, String, bool)>,
}

/// Durable sessions and history (one part of the `StateStore` of the design).
#[async_trait]
pub trait Memory: Send + Sync {
    /// Sessions, newest first.
    async fn sessions(&self, limit: usize) -> Result<Vec<Session>, StoreError>;
    /// One session.
    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, StoreError>;
    /// One session, made if absent.
    async fn open_session(&self, key: &SessionKey) -> Result<Session, StoreError>;
    /// Changes one session, made if absent.
    async fn patch_session(&self, key: &SessionKey, patch: SessionPatch) -> Result<Session, StoreError>;
    /// Gives the session a new id and an empty history; the old rows stay under the old id.
    async fn reset_session(&self, key: &SessionKey) -> Result<Session, StoreError>;
    /// Deletes the session and its history. `false` when there was none.
    async fn delete_session(&self, key: &SessionKey) -> Result<bool, StoreError>;
    /// The newest `limit` messages, oldest first.
    async fn history(&self, key: &SessionKey, limit: usize) -> Result<Vec<StoredMessage>, StoreError>;

    /// Makes this host the session's writer.
    async fn take_lease(&self, key: &SessionKey) -> Result<Lease, StoreError>;
    /// Appends messages of a turn in one transaction; gives their numbers.
    async fn append(
        &self,
        key: &SessionKey,
        lease: Lease,
        turn: &TurnId,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<StoredMessage>, StoreError>;
    /// Writes a step of a turn.
    async fn journal(&self, key: &SessionKey, lease: Lease, turn: &TurnId, step: JournalStep) -> Result<(), StoreError>;
    /// Turns without an end, for recovery at start.
    async fn open_turns(&self) -> Result<Vec<OpenTurn>, StoreError>;
}

/// A message to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// The message.
    pub message: Message,
    /// Of an assistant message.
    pub answer: Option<AnswerMeta>,
}

impl NewMessage {
    /// A message of a person or a tool.
    pub fn plain(message: Message) -> Self {
        Self { message, answer: None }
    }

    /// A message of a model.
    pub fn answer(message: Message, model: String, stop: Option<crate::StopReason>, usage: Usage) -> Self {
        Self { message, answer: Some(AnswerMeta { model, stop, usage }) }
    }
}

/// A grant as it is stored: who may do what, by whose word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredGrant {
    /// The plugin.
    pub plugin: PluginId,
    /// Key id of the publisher that the owner saw.
    pub publisher: String,
    /// SHA-256 of the normalized request that the owner saw, hex.
    pub request: String,
    /// The granted permissions, as `skynet-policy` writes them.
    pub permissions: Value,
    /// Who granted.
    pub by: String,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Milliseconds since the Unix epoch, if it ends.
    pub expires_ms: Option<u64>,
    /// What the owner saw that it serves as; none in grants from before that was kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<PluginKind>,
}

/// One durable step in what is known of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginChange {
    /// The owner's switch. Also for a plugin that has not come yet.
    Switch {
        /// Which.
        id: PluginId,
        /// On or off.
        enabled: bool,
    },
    /// Takes none of the steps unless this is the grant in force, or none is: for who
    /// decided looking at it.
    Still {
        /// Of which plugin.
        id: PluginId,
        /// What was looked at.
        grant: Option<StoredGrant>,
    },
    /// Stores a grant; replaces the plugin's former one.
    Grant(StoredGrant),
    /// Ends a plugin's grant, if it has one.
    Revoke(PluginId),
    /// Puts a release away: it is not admitted again from the file that is still there.
    Hold {
        /// Of which plugin.
        id: PluginId,
        /// SHA-256 of its `release.json`, hex.
        release: String,
        /// Why, for its owner.
        why: String,
    },
    /// Forgets that a release was put away.
    Unhold {
        /// Of which plugin.
        id: PluginId,
        /// Which release; `None` is all of them.
        release: Option<String>,
    },
    /// The owner goes back: from here on a file of this version is no longer too old.
    Lower {
        /// Which plugin.
        id: PluginId,
        /// The version to go back to.
        version: semver::Version,
    },
    /// Stores a receipt and makes it the one that serves.
    Publish(Receipt),
}

/// Durable plugin state.
#[async_trait]
pub trait PluginStore: Send + Sync {
    /// Receipts of what served last, one per plugin, by id.
    async fn serving(&self) -> Result<Vec<Receipt>, StoreError>;
    /// All receipts of one plugin, newest first.
    async fn receipts(&self, id: &PluginId) -> Result<Vec<Receipt>, StoreError>;
    /// The oldest receipt of one plugin: what it came as.
    async fn first_receipt(&self, id: &PluginId) -> Result<Option<Receipt>, StoreError>;
    /// Reserves the next generation number. Never given twice.
    async fn next_generation(&self) -> Result<crate::Generation, StoreError>;
    /// Stores a receipt and makes it the one that serves, without a row: for what changes
    /// nothing that a plugin may do, such as the models that a serving provider offers.
    async fn publish(&self, receipt: Receipt) -> Result<(), StoreError>;
    /// Takes these steps and appends the audit row that tells of them, all in one
    /// transaction: nothing is changed that is not on record, and no row tells of what
    /// was not done.
    async fn change(&self, steps: Vec<PluginChange>, row: AuditRow) -> Result<(), StoreError>;
    /// Takes a plugin out of service; receipts stay.
    async fn withdraw(&self, id: &PluginId) -> Result<(), StoreError>;
    /// Plugins that the owner switched off.
    async fn disabled(&self) -> Result<Vec<PluginId>, StoreError>;
    /// The newest grant that was not revoked.
    async fn grant(&self, id: &PluginId) -> Result<Option<StoredGrant>, StoreError>;
    /// All grants in force.
    async fn grants(&self) -> Result<Vec<StoredGrant>, StoreError>;
    /// Highest version ever published of a plugin, against rollback by an old file.
    async fn highest_version(&self, id: &PluginId) -> Result<Option<semver::Version>, StoreError>;
    /// Releases that were put away, by digest, with the reason.
    async fn held(&self, id: &PluginId) -> Result<Vec<(String, String)>, StoreError>;
    /// One value of a plugin's key-value space.
    async fn kv_get(&self, id: &PluginId, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Sets one; the quota is checked in the same transaction.
    async fn kv_set(&self, id: &PluginId, key: &str, value: Vec<u8>, quota: KvQuota) -> Result<(), StoreError>;
    /// Removes one.
    async fn kv_delete(&self, id: &PluginId, key: &str) -> Result<(), StoreError>;
    /// Keys with this prefix after `after`, sorted.
    async fn kv_keys(&self, id: &PluginId, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError>;
}

/// Bounds of a plugin's key-value space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvQuota {
    /// Keys and values together, bytes.
    pub bytes: u64,
    /// Number of keys.
    pub keys: u64,
}

/// What the audit log keeps. One row each, in order, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Such as `tool.call`, `grant`, `plugin.switch`, `egress`, `admission`, `auth`, `secret`, or
    /// the permission behind the door: `memory`, `schedule`, `fs`.
    pub kind: String,
    /// `plugin@version#generation`, a user or a client.
    pub actor: String,
    /// What it was done to.
    pub subject: String,
    /// `ok`, `denied`, `error`, `fault`.
    pub verdict: String,
    /// More, as data; no message text, no argument values, no secrets.
    pub detail: Value,
}

/// The audit log. A caller that cannot write its row does not act.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Appends one row; returns when it is as durable as the database.
    async fn record(&self, row: AuditRow) -> Result<(), StoreError>;
    /// Takes one row into the log's order and returns. It is durable before, or with, any
    /// later write of this host. Fails while earlier rows could not be written; then the
    /// row is not taken.
    async fn enqueue(&self, row: AuditRow) -> Result<(), StoreError> {
        self.record(row).await
    }
    /// Returns when every row taken so far is as durable as the database.
    async fn settle(&self) -> Result<(), StoreError> {
        Ok(())
    }
    /// The newest rows, newest first, as (number, time in ms, row).
    async fn tail(&self, limit: usize) -> Result<Vec<(u64, u64, AuditRow)>, StoreError>;
}
