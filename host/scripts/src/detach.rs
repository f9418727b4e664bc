//! Starts our binary in the background where no service manager does.
//!
//! The daemon gets a process group of its own, so that neither Ctrl-C nor the end
//! of the terminal reaches it; no input; and a log file for both outputs, which only
//! its owner can read. Refuses to follow a link at the log's place. Nobody restarts
//! it and nobody watches it: that is what a service manager is for.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What to start.
#[derive(Debug, Clone)]
pub struct DetachSpec {
    /// Absolute path of our binary.
    pub program: PathBuf,
    /// Its arguments, which keep it in the foreground of its own process.
    pub args: Vec<String>,
    /// Where its outputs are appended; made if absent.
    pub log: PathBuf,
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum DetachError {
    /// Its log cannot be written.
    #[error("the log file {path} could not be opened: {source}. Check its folder, and that it is a plain file of yours")]
    Log {
        /// Which file.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// It could not be started.
    #[error("{program} could not be started in the background: {source}")]
    Spawn {
        /// Its path.
        program: String,
        /// The system's reason.
        source: io::Error,
    },
}

/// Starts it and gives the process, which outlives its handle. That it runs well is for
/// the caller to ask of it; a daemon that dies at once says why in its log. Its environment is the
/// caller's: both are programs of the same owner. Does not wait.
pub fn start_detached(spec: &DetachSpec) -> Result<Child, DetachError> {
    let log_failed = |source| DetachError::Log { path: spec.log.display().to_string(), source };
    let log = open_log(&spec.log).map_err(log_failed)?;
    let errors = log.try_clone().map_err(log_failed)?;
    let mut command = Command::new(&spec.program);
    command.args(&spec.args).current_dir("/").process_group(0);
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    match command.spawn() {
        Ok(child) => Ok(child),
        Err(source) => Err(DetachError::Spawn { program: spec.program.display().to_string(), source }),
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    let no_link = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(no_link).open(path)
}
