//! What the outside asks of the turn loop: one turn, and how asking can fail.
//!
//! Refuses nothing itself; `agent` checks these before a turn enters the desk.

use skynet_core::event::TurnEvent;
use skynet_core::limits::MESSAGE_BYTES;
use skynet_core::{Message, Part, ResultPart, SessionKey, StoreError, ThinkingLevel, ToolChoice, ToolDefinition, TurnId, UserId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// One turn, asked for.
#[derive(Debug, Clone)]
pub struct TurnRequest {
    /// Its id: the client's idempotency key.
    pub turn: TurnId,
    /// The session.
    pub session: SessionKey,
    /// On whose behalf.
    pub user: UserId,
    /// Where it came from, such as `webchat`.
    pub channel: String,
    /// What is asked.
    pub input: TurnInput,
    /// `provider/model`, or `auto`.
    pub model: Option<String>,
    /// Reasoning; the session's when absent.
    pub thinking: Option<ThinkingLevel>,
    /// For the whole turn; the configured one when absent.
    pub timeout: Option<Duration>,
    /// Name of the person's zone; the configured one when absent.
    pub time_zone: Option<String>,
    /// How many turns this one is inside of: 0 for what a person or the schedule asked.
    pub depth: u8,
    /// What the model may call.
    pub tools: Offer,
}

/// Which of the host's tools a turn offers to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Offer {
    /// All that serve.
    #[default]
    All,
    /// None.
    None,
}

/// What a turn answers.
#[derive(Debug, Clone)]
pub enum TurnInput {
    /// The next message of a stored conversation.
    Session {
        /// The message.
        message: Message,
    },
    /// A message to the person, which nobody answers: it becomes the next message of the
    /// assistant in a stored conversation that must be there.
    Note {
        /// The whole text.
        text: String,
    },
    /// A conversation that the client keeps itself. Nothing of it is stored.
    Stateless {
        /// System texts of the client, after the workspace's.
        system: Vec<String>,
        /// The conversation, oldest first.
        messages: Vec<Message>,
        /// Tools of the client. When there are any, only these are offered.
        client_tools: Vec<ToolDefinition>,
        /// Whether tools may, must or must not be called.
        tool_choice: ToolChoice,
        /// Output limit of one request, tokens.
        max_output: Option<u32>,
        /// 0 to 2.
        temperature: Option<f64>,
        /// Texts that end the answer.
        stop: Vec<String>,
    },
}

impl TurnInput {
    /// Bytes of text and attachments, near enough for a limit.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Session { message } => bytes_of(message),
            Self::Note { text } => text.len(),
            Self::Stateless { system, messages, .. } => {
                system.iter().map(String::len).sum::<usize>() + messages.iter().map(bytes_of).sum::<usize>()
            }
        }
    }
}

fn bytes_of(message: &Message) -> usize {
    let part = |part: &Part| match part {
        Part::Text { text } => text.len(),
        Part::Image { image } => image.data.len(),
        Part::Thinking { thinking } => thinking.text.len(),
        Part::ToolCall { call } => call.arguments.len(),
        Part::ToolResult { result } => result.content.iter().map(result_bytes).sum(),
        Part::Other { value } => value.to_string().len(),
    };
    message.parts.iter().map(part).sum()
}

/// Bytes of one part of a tool's result.
pub(crate) fn result_bytes(part: &ResultPart) -> usize {
    match part {
        ResultPart::Text { text } => text.len(),
        ResultPart::Json { value } => value.to_string().len(),
        ResultPart::Image { image } => image.data.len(),
    }
}

/// A turn that was taken.
#[derive(Debug)]
pub struct Submitted {
    /// Its id.
    pub turn: TurnId,
    /// All its events, none lost. Ends after `Ended`.
    pub events: UnboundedReceiver<Arc<TurnEvent>>,
}

/// Why a turn was not taken. Nothing of it was stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubmitError {
    /// Too many turns wait already.
    #[error("{waiting} turns of session {session} are waiting already; let one end or stop them, then send again")]
    QueueFull {
        /// The session.
        session: SessionKey,
        /// How many wait; of stateless turns, how many run.
        waiting: usize,
    },
    /// The message is over the limit.
    #[error("the message is larger than {MESSAGE_BYTES} bytes; send less text or smaller attachments")]
    TooLarge,
    /// The host stops.
    #[error("the host is shutting down and takes no new turns; send again when it is back")]
    Draining,
    /// Durable state cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such model serves now.
    #[error("model `{0}` does not serve now; `skynet status` lists those that do")]
    UnknownModel(String),
    /// The id was used before.
    #[error("turn {0} was submitted before; a new turn needs a new idempotency key")]
    DuplicateTurn(TurnId),
}
