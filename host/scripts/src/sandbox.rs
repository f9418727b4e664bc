//! Where scripts of plugins run: programs of any language that get next to nothing.
//!
//! The host asks by name (`Confinement`), within bounds that were set before its wall went up
//! (`Ceiling`); a launcher outside of that wall builds the cell: namespaces, limits, landlock,
//! seccomp, in that order, all of them before the first instruction of the interpreter. Owns the
//! words of both sides. Refuses rather than confines less; decision 0016 has the reasons.

// In tests everywhere: what is built on other systems alone would rot unseen.
#[cfg(any(not(target_os = "linux"), test))]
#[cfg_attr(target_os = "linux", allow(dead_code, unreachable_pub, reason = "it is for other systems"))]
mod absent;
#[cfg(target_os = "linux")]
mod bare;
#[cfg(target_os = "linux")]
mod build;
#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod cell;
#[cfg(target_os = "linux")]
mod check;
mod command;
#[cfg(target_os = "linux")]
mod execute;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod frame;
#[cfg(target_os = "linux")]
mod kept;
#[cfg(target_os = "linux")]
mod last;
#[cfg(target_os = "linux")]
mod launcher;
mod lines;
mod probe;
#[cfg(target_os = "linux")]
mod program;
#[cfg(target_os = "linux")]
mod pty;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod scratch;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod spaces;
#[cfg(target_os = "linux")]
mod system;
#[cfg(target_os = "linux")]
mod tty;

#[cfg(not(target_os = "linux"))]
pub use absent::{Kept, Launcher, Tty, serve};
pub(crate) use command::STARTUP;
pub use command::{Command, Executed, Window};
#[cfg(target_os = "linux")]
pub use kept::Kept;
#[cfg(target_os = "linux")]
pub use launcher::Launcher;
pub use lines::Said;
pub use probe::{Abilities, Strength};
#[cfg(target_os = "linux")]
pub use serve::serve;
#[cfg(target_os = "linux")]
pub use tty::Tty;

use crate::worker::End;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What a script asks for. Names only: what they stand for was fixed in the `Ceiling`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// The plugin's folder, by its name within `Ceiling::plugins`. It may be read and executed.
    pub plugin: String,
    /// The interpreter, such as `python3`: a name, looked up in fixed folders. `Contract::Kept` takes a whole path
    /// within those trees too, or one that begins with `./`: a file of the plugin's folder.
    pub program: String,
    /// SHA-256 of the program's file, hex; another file is refused. None: whichever is there.
    pub sha256: Option<String>,
    /// The interpreter's own arguments, ahead of the script.
    pub options: Vec<String>,
    /// The script's file, relative to the plugin's folder; empty with `Contract::Kept`, which has arguments alone.
    pub script: String,
    /// Where it runs, and how it is spoken to.
    pub contract: Contract,
    /// Variables beside those that every script has. Capitals, digits and `_`.
    pub variables: BTreeMap<String, String>,
    /// Named roots that it may reach.
    pub roots: BTreeSet<String>,
    /// Those of them that it may only read, also where the owner's configuration lets them be changed.
    pub unchanged: BTreeSet<String>,
    /// What it may use; never above the ceiling's.
    pub limits: ScriptLimits,
}

/// How a script is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contract {
    /// JSON on stdin; JSON Lines on stdout; it runs in its scratch folder.
    Lines,
    /// JSON in `SKYNET_INPUT`; text on stdout; it runs in the plugin's folder, which it cannot change.
    Environment,
    /// Lines on stdin and stdout, which stay open between calls; it runs in the plugin's folder.
    Kept,
}

/// What a script may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptLimits {
    /// From the request to the death of the last process.
    pub wall: Duration,
    /// Seconds of CPU time of each process.
    pub cpu_seconds: u64,
    /// Bytes of address space of each process.
    pub address_space: u64,
    /// Processes and threads at one time.
    pub processes: u64,
    /// Open files of each process.
    pub open_files: u64,
    /// Bytes of each file it writes.
    pub file_size: u64,
    /// Bytes of all files in the scratch folder together.
    pub scratch: u64,
    /// Bytes of stdout.
    pub output: u64,
}

impl ScriptLimits {
    /// What the first of these asks above the second, by name.
    fn above(&self, ceiling: &Self) -> Option<&'static str> {
        let pairs = [
            ("cpu_seconds", self.cpu_seconds, ceiling.cpu_seconds),
            ("address_space", self.address_space, ceiling.address_space),
            ("processes", self.processes, ceiling.processes),
            ("open_files", self.open_files, ceiling.open_files),
            ("file_size", self.file_size, ceiling.file_size),
            ("scratch", self.scratch, ceiling.scratch),
            ("output", self.output, ceiling.output),
        ];
        if self.wall > ceiling.wall {
            return Some("wall");
        }
        pairs.into_iter().find(|(_, asked, most)| asked > most).map(|(name, ..)| name)
    }
}

/// A folder of the owner's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptRoot {
    /// Where it is, outside and inside of the cell.
    pub path: PathBuf,
    /// Whether it may be changed.
    pub writable: bool,
}

/// What no request can exceed. The launcher hears it once, before the host's wall is up, so that
/// an escape from the engine gains no more by the launcher than a script has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// The folder in which the folders of script plugins lie.
    pub plugins: PathBuf,
    /// Where scratch folders are made when there are no namespaces; made if absent.
    pub scratch: PathBuf,
    /// The roots that scripts may name.
    pub roots: BTreeMap<String, ScriptRoot>,
    /// Further trees of programs, such as a version manager's; the `bin` of each is searched first.
    pub tools: Vec<PathBuf>,
    /// The most that any script may use.
    pub limits: ScriptLimits,
    /// The most that any command or shell may use.
    pub commands: ScriptLimits,
    /// The same for a program that is kept between calls; `output` is for one line.
    pub kept: ScriptLimits,
    /// Whether scripts may run where this machine allows no namespaces (`Strength::Plain`).
    pub without_namespaces: bool,
}

/// What of a cell could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// This machine cannot confine scripts, or the owner does not allow how it could.
    Machine,
    /// The request goes over the ceiling or makes no sense.
    Request,
    /// The interpreter.
    Program,
    /// Namespaces and what is visible in them.
    Namespaces,
    /// The scratch folder.
    Scratch,
    /// The terminal of a shell.
    Terminal,
    /// Limits on resources.
    Limits,
    /// Rights to give up.
    Privileges,
    /// Landlock.
    Files,
    /// Seccomp.
    Calls,
    /// A place among those that run, or the start itself.
    Start,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Machine => "this machine",
            Self::Request => "the request",
            Self::Program => "the interpreter",
            Self::Namespaces => "the namespaces",
            Self::Scratch => "the scratch folder",
            Self::Terminal => "the terminal",
            Self::Limits => "the limits",
            Self::Privileges => "giving up rights",
            Self::Files => "the file wall (landlock)",
            Self::Calls => "the list of refused system calls (seccomp)",
            Self::Start => "the start",
        })
    }
}

/// Why a script was not started. Nothing of it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the script was not started, because of {part}: {reason}")]
pub struct Refusal {
    /// Which part.
    pub part: Part,
    /// Why, and what to do.
    pub reason: String,
}

impl Refusal {
    pub(crate) fn new(part: Part, reason: impl Into<String>) -> Self {
        Self { part, reason: reason.into() }
    }
}

/// Makes a refusal of a failed step: which part, what was tried.
#[cfg(target_os = "linux")]
fn failed<E: fmt::Display>(part: Part, what: &str) -> impl FnOnce(E) -> Refusal + use<'_, E> {
    move |error: E| Refusal::new(part, format!("{what}: {error}"))
}

/// What a script gave that ended with code 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// `Contract::Lines`: the value of its `result` line. `Contract::Environment`: its whole stdout as a text.
    pub result: serde_json::Value,
    /// The last 64 KiB of its complaints.
    pub stderr: String,
}

/// Why there is no `Outcome`. In each case nothing of the script is alive, but for `Lost`.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It was never started.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The launcher is gone or hears nothing.
    #[error("the launcher of scripts does not answer: {0}. Restart skynet")]
    Launcher(io::Error),
    /// What it should read is too large for its contract.
    #[error("the script's input has {bytes} bytes; this contract takes {max}. Send less, or let the script read stdin")]
    InputTooLarge {
        /// Its size.
        bytes: usize,
        /// The most.
        max: usize,
    },
    /// It took too long and was killed.
    #[error("the script was killed after {after:?}, its deadline; it said: {}", last_line(stderr))]
    Deadline {
        /// The deadline.
        after: Duration,
        /// Its last 64 KiB.
        stderr: String,
    },
    /// It said too much and was killed.
    #[error("the script was killed when it wrote more than {max} bytes, its limit")]
    OutputTooLarge {
        /// The limit.
        max: u64,
    },
    /// It failed.
    #[error("the script ended {end}; it said: {}", last_line(stderr))]
    Failed {
        /// How.
        end: End,
        /// Its stdout, if it speaks in text.
        stdout: String,
        /// Its last 64 KiB.
        stderr: String,
    },
    /// It does not keep to JSON Lines.
    #[error(
        "the script wrote a line that is not understood (line {line}): {reason}. Each line is one of {{\"delta\": text}}, {{\"log\": text}}, {{\"result\": value}}"
    )]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// It ended well and without a result.
    #[error("the script ended without a result line; it said: {}", last_line(stderr))]
    NoResult {
        /// Its last 64 KiB.
        stderr: String,
    },
    /// The system lost it.
    #[error("the script could not be followed: {0}. This points at the system, not at the script; try again")]
    Lost(io::Error),
}

fn last_line(stderr: &str) -> String {
    crate::worker::last_line(stderr)
}

#[cfg(test)]
mod tests;
