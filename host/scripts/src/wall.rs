//! The second wall: what this process gives up for good before it runs any plugin.
//!
//! An escape from the engine finds itself here: without rights to gain, with the
//! files and the port that the host needs and no others, and without the system
//! calls that no host needs. Owns the order of the layers and the words about each.
//! Refuses to be raised while a second thread runs, which would stay outside. A
//! layer that the kernel lacks is reported, never passed over.
//!
//! Layers stack: a child may add its own landlock and seccomp on top. It cannot make
//! namespaces or run programs of the system; what must, such as the starter of
//! scripts, is a process of its own, started before the wall (decision 0011).

#[cfg(target_os = "linux")]
pub(crate) mod calls;
#[cfg(target_os = "linux")]
pub(crate) mod denied;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod needs;

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What stays possible, and which layers are wanted.
#[derive(Debug, Clone, Default)]
pub struct WallSpec {
    /// Files and folders that may be changed.
    pub write: Vec<PathBuf>,
    /// Files and folders that may be read.
    pub read: Vec<PathBuf>,
    /// The TCP port to listen on; 0 is one that the system chooses.
    pub listen: u16,
    /// Whether the file wall is wanted.
    pub landlock: bool,
    /// Whether the list of refused system calls is wanted.
    pub seccomp: bool,
}

/// Whether a layer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It holds.
    On,
    /// It holds as far as this kernel knows it.
    Partly,
    /// It does not hold.
    Off,
    /// Nobody could say.
    Unknown,
}

/// One layer as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Whether it holds.
    pub state: State,
    /// How far, or why not.
    pub says: String,
}

impl Layer {
    /// A layer in this state.
    pub fn new(state: State, says: impl Into<String>) -> Self {
        Self { state, says: says.into() }
    }
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layers {
    /// No setuid program gives rights.
    pub no_new_privileges: Layer,
    /// Files and ports.
    pub landlock: Layer,
    /// System calls.
    pub seccomp: Layer,
    /// Memory is neither dumped nor read by others.
    pub no_core_dumps: Layer,
}

impl Layers {
    /// Each with its name for people.
    pub fn named(&self) -> [(&'static str, &Layer); 4] {
        [
            ("no new privileges", &self.no_new_privileges),
            ("landlock", &self.landlock),
            ("seccomp", &self.seccomp),
            ("no core dumps", &self.no_core_dumps),
        ]
    }
}

/// Why the wall was not raised at all.
#[derive(Debug, thiserror::Error)]
pub enum WallError {
    /// Threads that run already would stay outside.
    #[error("the wall was not raised: {0} threads run already, and those would stay outside. This is a fault of skynet; please report it")]
    Threads(usize),
    /// Not even the baseline can be had.
    #[error("the wall was not raised: {what} could not be set: {reason}. Run skynet where prctl and setrlimit are allowed")]
    Baseline {
        /// Which part.
        what: &'static str,
        /// The system's reason.
        reason: String,
    },
}

#[cfg(target_os = "linux")]
const SWITCHED_OFF: &str = "switched off by the owner";

/// Raises it, for this process and all it will start. Call it with one thread.
#[cfg(target_os = "linux")]
pub fn raise(spec: &WallSpec) -> Result<Layers, WallError> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > 1 {
        return Err(WallError::Threads(threads));
    }
    let failed = |what| move |error: rustix::io::Errno| WallError::Baseline { what, reason: error.to_string() };
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(rustix::process::Resource::Core, none).map_err(failed("the limit on core dumps"))?;
    rustix::thread::set_no_new_privs(true).map_err(failed("no_new_privs"))?;
    let off = || Layer::new(State::Off, SWITCHED_OFF);
    Ok(Layers {
        no_new_privileges: Layer::new(State::On, "no setuid program gives it rights"),
        landlock: if spec.landlock { files::confine(spec) } else { off() },
        // The last one, so that it need not allow what raises the others.
        seccomp: if spec.seccomp { calls::confine() } else { off() },
        no_core_dumps: Layer::new(State::Partly, "the limit is 0; a dump program of the system may still be called"),
    })
}

/// Elsewhere nothing like it exists.
#[cfg(not(target_os = "linux"))]
pub fn raise(_: &WallSpec) -> Result<Layers, WallError> {
    let none = || Layer::new(State::Off, "this system has nothing like it");
    Ok(Layers { no_new_privileges: none(), landlock: none(), seccomp: none(), no_core_dumps: none() })
}

/// Closes this process's memory to dump programs, debuggers and other processes of
/// the same user. Counts for all threads at once. From here on files such as
/// `/proc/self/pagemap` belong to root, so whoever needs one has opened it before.
#[cfg(target_os = "linux")]
pub fn close_memory(layers: &mut Layers) {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    layers.no_core_dumps = match set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        Ok(()) => Layer::new(State::On, "memory is not dumped, and closed to other processes of this user"),
        Err(error) => Layer::new(State::Partly, format!("the limit is 0, but memory stays open to other processes: {error}")),
    };
}

/// Elsewhere nothing like it exists.
#[cfg(not(target_os = "linux"))]
pub fn close_memory(_: &mut Layers) {}
