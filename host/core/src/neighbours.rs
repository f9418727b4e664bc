//! What plugins may ask of the rest of the host, once they were granted it: the ports
//! behind the doors of the plugin host.
//!
//! A door checks grant, quota and bounds and writes the audit row; what stands behind
//! it serves whoever comes through, and knows on whose behalf.

use crate::articles::Articles;
use crate::facts::Facts;
use crate::ids::PluginRef;
use crate::ports::CallContext;
use crate::proposals::Propose;
use crate::schedule::Schedule;
use crate::terminal::Terminals;
use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// A plugin at work for somebody.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose code.
    pub plugin: PluginRef,
    /// What its call is for.
    pub context: CallContext,
}

/// Why a turn inside a call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Turns inside turns inside turns.
    #[error("turns are nested {0} deep already; no deeper one is begun")]
    TooDeep(u8),
    /// It ran and did not come to an answer, or could not begin.
    #[error("{0}")]
    Failed(String),
    /// Somebody stopped it.
    #[error("cancelled")]
    Cancelled,
}

/// Turns inside calls.
#[async_trait]
pub trait SubTurns: Send + Sync {
    /// Runs one turn in a child session of the caller's and gives its final text. Dropping
    /// the future stops the turn.
    async fn ask(&self, caller: &Caller, prompt: String) -> Result<String, AskError>;
}

/// A message to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Such as `webchat`.
    pub channel: String,
    /// As the channel names people or conversations.
    pub recipient: String,
    /// The text.
    pub text: String,
}

/// Why a message was not sent. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No such channel is connected.
    #[error("no channel `{0}` is connected; connected: {1}")]
    NoChannel(String, String),
    /// Not to this recipient; the sentence says why.
    #[error("{0}")]
    Refused(String),
    /// It did not work.
    #[error("{0}")]
    Failed(String),
}

/// Messages to people.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Sends one; returns when it is durable or handed over.
    async fn send(&self, caller: &Caller, message: Outgoing) -> Result<(), SendError>;
}

/// What a script gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptOutcome {
    /// Its exit code; 128 and the signal's number when one ended it.
    pub exit_code: i32,
    /// What it wrote.
    pub output: String,
    /// Whether it wrote more.
    pub truncated: bool,
}

/// Why a script did not run to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// There is none of that name.
    #[error("there is no script `{0}`")]
    Unknown(String),
    /// The sandbox cannot be made as asked.
    #[error("{0}")]
    Denied(String),
    /// Too slow.
    #[error("{0}")]
    TimedOut(String),
    /// It could not be run.
    #[error("{0}")]
    Failed(String),
}

/// One script, as its plugin was admitted and its grant stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// SHA-256 of its folder's files: the name under which the host keeps its own copy.
    pub tree: String,
    /// The interpreter, by name.
    pub program: String,
    /// The interpreter's own arguments.
    pub options: Vec<String>,
    /// The script, relative to its folder.
    pub file: String,
    /// Whether it speaks JSON Lines; else it is given a variable and answers in text.
    pub speaks_lines: bool,
    /// Named folders that it may reach, and whether it may change each.
    pub roots: BTreeMap<String, bool>,
    /// For one call.
    pub wall: Duration,
}

/// A program that is kept between calls, as its plugin was admitted and its grant stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptScript {
    /// SHA-256 of its folder's files: the name under which the host keeps its own copy.
    pub tree: String,
    /// A name, a whole path, or one that begins with `./`: a file of the folder.
    pub program: String,
    /// SHA-256 of the program's file.
    pub sha256: String,
    /// What it is started with.
    pub arguments: Vec<String>,
    /// Variables beside those that every script has.
    pub environment: BTreeMap<String, String>,
    /// Named folders that it may reach, and whether it may change each.
    pub roots: BTreeMap<String, bool>,
    /// For one conversation, the wait for it included.
    pub wall: Duration,
}

/// Whether what a kept program was started for still holds: asked now and then, and the program ends with it.
pub type Holds = Arc<dyn Fn() -> bool + Send + Sync>;

/// A conversation with a kept program. Dropping it ends the program, as nobody knows then what it says next.
#[async_trait]
pub trait Talk: Send {
    /// How many conversations this very process had before.
    fn before(&self) -> u64;

    /// Writes one line.
    async fn say(&mut self, line: &str) -> Result<(), ScriptError>;

    /// The next line; none when there is none for so long.
    async fn hear(&mut self, wait: Duration) -> Result<Option<String>, ScriptError>;

    /// Ends it; the program runs on.
    fn finish(self: Box<Self>);
}

/// Scripts in the sandbox of the operating system.
#[async_trait]
pub trait Scripts: Send + Sync {
    /// Runs one of this name. `script` is the caller's own, which a component has not; `way_out` is its end
    /// of a connection to the egress door, if it has one. Dropping the future ends its processes.
    async fn run(
        &self,
        caller: &Caller,
        name: &str,
        script: Option<&Script>,
        input: &Value,
        way_out: Option<OwnedFd>,
    ) -> Result<ScriptOutcome, ScriptError>;

    /// Begins to speak with the caller's own program of this name, if it has one. Waits for its turn.
    async fn begin(&self, caller: &Caller, name: &str, kept: Option<&KeptScript>, holds: Holds) -> Result<Box<dyn Talk>, ScriptError>;
}

/// All of them.
#[derive(Clone)]
pub struct Neighbours {
    /// Facts about people.
    pub facts: Arc<dyn Facts>,
    /// Shared articles.
    pub articles: Arc<dyn Articles>,
    /// Later work.
    pub schedule: Arc<dyn Schedule>,
    /// Turns inside calls.
    pub sub_turns: Arc<dyn SubTurns>,
    /// Messages to people.
    pub outbox: Arc<dyn Outbox>,
    /// Scripts.
    pub scripts: Arc<dyn Scripts>,
    /// Plugins that somebody asks the owner for.
    pub propose: Arc<dyn Propose>,
    /// Shells.
    pub terminals: Arc<dyn Terminals>,
}
