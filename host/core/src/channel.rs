//! What a channel plugin is told and what it asks for, as plain data
//! (`wit/channel.wit`). The host owns sockets and timers; a channel only decides.

use crate::message::Blob;
use serde_json::Value;

/// Bytes of one socket, poll or webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The host's name of where they came from or go to.
    pub source: String,
    /// The bytes.
    pub data: Vec<u8>,
    /// Whether they are text.
    pub is_text: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The channel starts.
    Started {
        /// What it saved last time, or empty.
        state: String,
    },
    /// Something arrived.
    Frame(Frame),
    /// A timer that an earlier action asked for.
    Timer {
        /// Its name.
        name: String,
    },
    /// The agent answers.
    Reply {
        /// As an earlier message named it.
        conversation: String,
        /// The text so far.
        text: String,
        /// Files.
        attachments: Vec<Blob>,
        /// More will follow.
        partial: bool,
        /// The message that is answered.
        in_reply_to: Option<String>,
    },
    /// The agent is at work.
    Typing {
        /// On which conversation.
        conversation: String,
    },
    /// A socket opened.
    Connected {
        /// Which.
        source: String,
    },
    /// A socket closed.
    Disconnected {
        /// Which.
        source: String,
        /// Why.
        reason: String,
    },
}

/// A person said something to the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Where to answer.
    pub conversation: String,
    /// The message's id there.
    pub message: String,
    /// The sender's stable id there.
    pub sender: String,
    /// A display name; proves nothing.
    pub sender_name: Option<String>,
    /// The text.
    pub text: String,
    /// Files.
    pub attachments: Vec<Blob>,
    /// Said to the agent alone.
    pub is_direct: bool,
    /// Names the agent.
    pub mentions_us: bool,
}

/// What a channel wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Give this to the agent.
    Message(Incoming),
    /// Send on a socket.
    Send(Frame),
    /// Send over HTTP, through the egress door.
    Request {
        /// Handed back with the answer.
        source: String,
        /// HTTP method.
        method: String,
        /// Absolute.
        url: String,
        /// In order.
        headers: Vec<(String, String)>,
        /// May be empty.
        body: Vec<u8>,
    },
    /// Call again later.
    SetTimer {
        /// Handed back then.
        name: String,
        /// Milliseconds.
        after_ms: u64,
    },
    /// Keep for the next start.
    SaveState {
        /// At most 64 KiB.
        state: String,
    },
    /// Close a socket.
    Close {
        /// Which.
        source: String,
        /// `stop` keeps it closed.
        reason: String,
    },
    /// A kind that this version does not know.
    Other(Value),
}
