//! Runs our own binary as a worker on input that is not trusted.
//!
//! A worker sees its arguments and its stdin and nothing else: no environment, no
//! working folder, no pipe but its three. It confines itself first (`confine`).
//! Refuses to run longer or say more than the spec allows; a worker that does, or
//! whose caller goes away, dies with all that it started.

use crate::child::{Bounds, Broken, run};
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::Command;

/// What to run and within which bounds.
#[derive(Debug, Clone)]
pub struct WorkerSpec {
    /// Absolute path of our binary.
    pub program: PathBuf,
    /// Its arguments. Any user of this machine can read them: no secrets.
    pub args: Vec<String>,
    /// Its stdin.
    pub input: Vec<u8>,
    /// For the whole run, start and end included.
    pub deadline: Duration,
    /// Bytes of stdout.
    pub max_output: usize,
}

/// What a worker gave that ended with code 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerOutput {
    /// All of it.
    pub stdout: Vec<u8>,
    /// Its last 64 KiB.
    pub stderr: String,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => write!(f, "with code {code}"),
            Self::Signal(signal) => {
                let name = match signal {
                    6 => ": it aborted, out of memory perhaps",
                    9 => ": killed",
                    11 => ": it crashed",
                    n if n == rustix::process::Signal::XCPU.as_raw() => ": its CPU time was used up",
                    n if n == rustix::process::Signal::XFSZ.as_raw() => ": it wrote too large a file",
                    _ => "",
                };
                write!(f, "by signal {signal}{name}")
            }
        }
    }
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

/// Why a worker gave nothing. In each case it is dead.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It could not be started.
    #[error("the worker {program} could not be started: {source}. Check that the file is there and executable, and the limit on processes")]
    Spawn {
        /// Its path.
        program: String,
        /// The system's reason.
        source: io::Error,
    },
    /// It took too long.
    #[error("the worker was killed after {after:?}, its deadline. The input is too large or made to be slow")]
    Deadline {
        /// The deadline.
        after: Duration,
        /// What it said last.
        stderr: String,
    },
    /// It said too much.
    #[error("the worker was killed when it wrote more than {max} bytes, its limit. The input is too large or made to be large")]
    OutputTooLarge {
        /// The limit.
        max: usize,
    },
    /// It failed.
    #[error("the worker ended {end}; it said: {}", last_line(stderr))]
    Exited {
        /// How.
        end: End,
        /// Its last 64 KiB.
        stderr: String,
    },
    /// The system lost it.
    #[error("the worker could not be followed: {0}. This points at the system, not at the input; try again")]
    Lost(io::Error),
}

/// Runs a worker to its end.
pub async fn run_worker(spec: WorkerSpec) -> Result<WorkerOutput, WorkerError> {
    let mut command = Command::new(&spec.program);
    command.args(&spec.args).env_clear().current_dir("/");
    let bounds = Bounds { deadline: spec.deadline, max_output: spec.max_output };
    let finished = run(&mut command, &spec.input, bounds).await.map_err(|broken| match broken {
        Broken::Spawn(source) => WorkerError::Spawn { program: spec.program.display().to_string(), source },
        Broken::Deadline { stderr } => WorkerError::Deadline { after: spec.deadline, stderr },
        Broken::OutputTooLarge => WorkerError::OutputTooLarge { max: spec.max_output },
        Broken::Lost(error) => WorkerError::Lost(error),
    })?;
    if finished.status.success() {
        Ok(WorkerOutput { stdout: finished.stdout, stderr: finished.stderr })
    } else {
        Err(WorkerError::Exited { end: finished.status.into(), stderr: finished.stderr })
    }
}

/// Enough for one line of a log; the whole is in the field.
pub(crate) fn last_line(stderr: &str) -> String {
    let line = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}
