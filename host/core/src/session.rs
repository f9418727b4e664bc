//! Sessions and their history as the store keeps them.

use crate::completion::{StopReason, ThinkingLevel, Usage};
use crate::ids::SessionKey;
use crate::message::Message;
use serde::{Deserialize, Serialize};

/// One row of the session list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its key.
    pub key: SessionKey,
    /// A UUID that changes when the session is reset.
    pub id: String,
    /// A name that a person gave it.
    pub label: Option<String>,
    /// `provider/model` chosen for this session.
    pub model: Option<String>,
    /// Reasoning chosen for this session.
    pub thinking: Option<ThinkingLevel>,
    /// Milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// Milliseconds since the Unix epoch.
    pub updated_ms: u64,
    /// Totals of the present `id`.
    pub usage: Usage,
    /// Stored messages of the present `id`.
    pub messages: u64,
    /// The `provider/model` that answered last.
    pub last_model: Option<String>,
}

/// What `sessions.patch` changes. Outer `None` leaves a field, inner `None` clears it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionPatch {
    /// New label.
    pub label: Option<Option<String>>,
    /// New model.
    pub model: Option<Option<String>>,
    /// New reasoning level.
    pub thinking: Option<Option<ThinkingLevel>>,
}

/// One stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Counts from 1 within the session's present `id`.
    pub index: u64,
    /// Stable id of the row.
    pub id: String,
    /// The message.
    pub message: Message,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Of an assistant message: who answered and how it ended.
    pub answer: Option<AnswerMeta>,
}

/// What is known of an assistant message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerMeta {
    /// `provider/model`.
    pub model: String,
    /// Why it stopped; `None` when it was aborted.
    pub stop: Option<StopReason>,
    /// Of this one request.
    pub usage: Usage,
}
