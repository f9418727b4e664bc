//! What a turn tells while it runs. One stream of these per turn; the gateway
//! makes frames of them, channels make messages.

use crate::completion::{StopReason, Usage};
use crate::ids::{SessionKey, TurnId};
use crate::message::{Message, ResultPart, ToolCall};
use serde_json::Value;

/// One event of one turn.
#[derive(Debug, Clone)]
pub struct TurnEvent {
    /// The turn.
    pub turn: TurnId,
    /// Its session.
    pub session: SessionKey,
    /// Counts from 1 within the turn.
    pub seq: u64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What happened.
    pub kind: TurnEventKind,
}

/// What can happen in a turn.
#[derive(Debug, Clone)]
pub enum TurnEventKind {
    /// It left the queue.
    Started,
    /// The user's message is stored.
    UserStored {
        /// The stored message.
        message: Message,
        /// Its number in the session.
        index: u64,
    },
    /// More of the visible answer.
    Text {
        /// Only what is new.
        delta: String,
    },
    /// More of the reasoning.
    Thinking {
        /// Only what is new.
        delta: String,
    },
    /// A tool starts.
    ToolStarted {
        /// The call's id.
        id: String,
        /// The tool's name as the model wrote it.
        name: String,
        /// The arguments, `null` when they are not JSON.
        arguments: Value,
    },
    /// A tool at work says something that its result will hold, for people.
    ToolSaid {
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
        /// All so far, up to a bound.
        text: String,
        /// Only what is new.
        delta: String,
    },
    /// A tool ended.
    ToolEnded {
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
        /// What the model reads.
        content: Vec<ResultPart>,
        /// Whether it failed.
        is_error: bool,
    },
    /// A sentence for the person, such as a reached limit.
    Notice {
        /// The sentence.
        text: String,
    },
    /// The end. Exactly one per turn, always the last.
    Ended(TurnEnd),
}

/// How a turn ended.
#[derive(Debug, Clone)]
pub enum TurnEnd {
    /// With an answer.
    Done {
        /// The last visible text, whole.
        text: String,
        /// The model's reason.
        stop: StopReason,
        /// Summed over all requests of the turn.
        usage: Usage,
        /// `provider/model` that answered last.
        model: String,
        /// Calls of tools that the client brought itself and must run itself.
        client_calls: Vec<ToolCall>,
    },
    /// Somebody stopped it; the text so far is kept in history.
    Aborted {
        /// What was there.
        text: String,
        /// `rpc`, `stop`, `shutdown`, `timeout`.
        reason: String,
        /// Summed over all requests of the turn.
        usage: Usage,
    },
    /// It failed.
    Failed {
        /// For the person.
        message: String,
        /// `refusal`, `timeout`, `rate_limit`, `context_length` or `unknown`.
        class: &'static str,
    },
}
