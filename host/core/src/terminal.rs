//! Shells and commands in the sandbox: what is asked and said, and the ports around them.
//!
//! `Terminals` is behind the door of plugins: one shell for each plugin, user and session, which only the
//! host names. `Console` is the owner's, behind the gateway: shells and jobs by name. Neither reaches those of the
//! other. Refuses nothing by what a command says: the sandbox is the control.

use crate::neighbours::Caller;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TerminalError {
    /// This machine or its owner gives no shells; the sentence says why, and what to do.
    #[error("{0}")]
    Denied(String),
    /// There is no such shell or job.
    #[error("{0}")]
    Unknown(String),
    /// Not like this, or not now.
    #[error("{0}")]
    Refused(String),
    /// It did not work.
    #[error("{0}")]
    Failed(String),
}

/// What a shell said since the last time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShellSaid {
    /// Plain text.
    pub text: String,
    /// Bytes ahead of it that were dropped.
    pub dropped: u64,
    /// Whether a command is running.
    pub running: bool,
    /// The code of the last command that is over.
    pub exit_code: Option<i32>,
    /// Why the shell is no more.
    pub ended: Option<String>,
    /// The names of the secrets that were taken out of the text.
    pub secrets: Vec<String>,
}

/// What a plugin's shell may reach, and whether it still may be there.
#[derive(Clone)]
pub struct ShellGrant {
    /// Named folders, and whether it may change each.
    pub roots: BTreeMap<String, bool>,
    /// Asked now and then: a grant that was taken back ends the shell.
    pub still: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Shells of plugins. Each is found by its caller's plugin, user and session.
#[async_trait]
pub trait Terminals: Send + Sync {
    /// Runs a command in the caller's shell, which it starts if there is none. Waits for the end at most so long.
    async fn run(&self, caller: &Caller, grant: ShellGrant, command: &str, wait: Duration) -> Result<ShellSaid, TerminalError>;
    /// Types into it.
    async fn input(&self, caller: &Caller, text: &str, wait: Duration) -> Result<ShellSaid, TerminalError>;
    /// What it said meanwhile.
    async fn read(&self, caller: &Caller, wait: Duration) -> Result<ShellSaid, TerminalError>;
    /// Sets its size.
    async fn resize(&self, caller: &Caller, columns: u16, rows: u16) -> Result<(), TerminalError>;
    /// Kills it; says whether there was one.
    async fn kill(&self, caller: &Caller) -> Result<bool, TerminalError>;
}

/// What one command gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommandOutcome {
    /// Its code; 128 and the signal's number when one ended it, nothing when it was killed at its deadline.
    pub exit_code: Option<i32>,
    /// What it wrote, plain.
    pub stdout: String,
    /// Its complaints, plain.
    pub stderr: String,
}

/// A shell of the owner's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellRow {
    /// Its name.
    pub id: String,
    /// Which shell.
    pub shell: String,
    /// Where it began, if that was asked for.
    pub cwd: Option<String>,
    /// When, ms.
    pub created_ms: u64,
    /// Whether it has not ended.
    pub is_alive: bool,
}

/// How a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobProgress {
    /// Not over.
    Running,
    /// Over by itself.
    Ended(CommandOutcome),
    /// Killed at its deadline, with what it had written.
    TimedOut(CommandOutcome),
    /// Killed by the owner.
    Killed,
    /// It never ran, or was lost; why.
    Failed(String),
}

/// A command in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// Its name.
    pub id: String,
    /// What was asked for.
    pub command: String,
    /// When, ms.
    pub started_ms: u64,
    /// How it is.
    pub progress: JobProgress,
}

/// Shells and commands of the owner's. Dropping the future of a command kills it.
#[async_trait]
pub trait Console: Send + Sync {
    /// Runs one command to its end or its deadline. At most so many characters of each stream.
    async fn exec(&self, command: &str, wall: Duration, max_output: usize) -> Result<CommandOutcome, TerminalError>;
    /// Starts a shell; gives its name.
    async fn create(&self, shell: Option<&str>, cwd: Option<&str>, size: (u16, u16)) -> Result<String, TerminalError>;
    /// Types into one.
    async fn write(&self, id: &str, input: &str) -> Result<(), TerminalError>;
    /// What it said since the last time.
    async fn read(&self, id: &str) -> Result<ShellSaid, TerminalError>;
    /// Sets its size.
    async fn resize(&self, id: &str, columns: u16, rows: u16) -> Result<(), TerminalError>;
    /// Kills it, with all that it started.
    async fn kill(&self, id: &str) -> Result<(), TerminalError>;
    /// All of them.
    async fn list(&self) -> Vec<ShellRow>;
    /// Starts a command in the background; gives its name.
    async fn begin(&self, command: &str) -> Result<String, TerminalError>;
    /// One of those.
    async fn job(&self, id: &str) -> Result<JobRow, TerminalError>;
    /// All of them.
    async fn jobs(&self) -> Vec<JobRow>;
    /// Kills one, with all that it started.
    async fn kill_job(&self, id: &str) -> Result<(), TerminalError>;
}
