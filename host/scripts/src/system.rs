//! Runs a tool of the system for the CLI, such as `systemctl`.
//!
//! It inherits the five variables that such tools need to find themselves, their
//! user and the session bus, and nothing else; bounded output, a deadline.
//! Refuses to judge: an exit code other than 0 is the caller's to understand.

use crate::child::{Bounds, Broken, run};
use crate::limits::TOOL_OUTPUT_BYTES;
use crate::worker::End;
use std::io;
use std::time::Duration;
use tokio::process::Command;

const INHERITED: [&str; 5] = ["PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "LANG"];

/// What a tool gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolOutput {
    /// Its exit code.
    pub code: i32,
    /// What it printed; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// The last 64 KiB of its complaints.
    pub stderr: String,
}

/// Why a tool gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It is not there.
    #[error("`{0}` is not installed, or not in PATH. Install it, or do without the command that needs it")]
    NotInstalled(String),
    /// It could not be started.
    #[error("`{program}` could not be started: {source}")]
    Spawn {
        /// Its name.
        program: String,
        /// The system's reason.
        source: io::Error,
    },
    /// It took too long and was killed.
    #[error("`{program}` did not end within {after:?} and was killed. Run it by hand to see what it waits for")]
    Deadline {
        /// Its name.
        program: String,
        /// The deadline.
        after: Duration,
    },
    /// It printed too much and was killed.
    #[error("`{program}` printed more than {TOOL_OUTPUT_BYTES} bytes and was killed")]
    OutputTooLarge {
        /// Its name.
        program: String,
    },
    /// A signal ended it.
    #[error("`{program}` was ended {end}. Try again")]
    Killed {
        /// Its name.
        program: String,
        /// Which signal.
        end: End,
    },
    /// The system lost it.
    #[error("`{program}` could not be followed: {source}. Try again")]
    Lost {
        /// Its name.
        program: String,
        /// The system's reason.
        source: io::Error,
    },
}

/// Runs a tool to its end, without input.
pub async fn run_tool(program: &str, args: &[&str], deadline: Duration) -> Result<ToolOutput, ToolError> {
    feed_tool(program, args, &[], deadline).await
}

/// Runs a tool to its end; it reads `input`.
pub async fn feed_tool(program: &str, args: &[&str], input: &[u8], deadline: Duration) -> Result<ToolOutput, ToolError> {
    let mut command = Command::new(program);
    let kept = INHERITED.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value)));
    command.args(args).env_clear().envs(kept).current_dir("/");
    let bounds = Bounds { deadline, max_output: TOOL_OUTPUT_BYTES };
    let name = || program.to_owned();
    let finished = run(&mut command, input, bounds).await.map_err(|broken| match broken {
        Broken::Spawn(source) if source.kind() == io::ErrorKind::NotFound => ToolError::NotInstalled(name()),
        Broken::Spawn(source) => ToolError::Spawn { program: name(), source },
        Broken::Deadline { .. } => ToolError::Deadline { program: name(), after: deadline },
        Broken::OutputTooLarge => ToolError::OutputTooLarge { program: name() },
        Broken::Lost(source) => ToolError::Lost { program: name(), source },
    })?;
    match End::from(finished.status) {
        End::Code(code) => Ok(ToolOutput { code, stdout: String::from_utf8_lossy(&finished.stdout).into_owned(), stderr: finished.stderr }),
        end @ End::Signal(_) => Err(ToolError::Killed { program: name(), end }),
    }
}
