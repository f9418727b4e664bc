//! What a worker does before it looks at its input: it gives up what it must not use.
//!
//! Limits on memory, CPU time, file size and open files; no core dumps, which would
//! spill the input to disk; no new privileges through setuid programs. All of it
//! holds for the process from here on and for whatever it starts. Refuses to go on
//! when one of them cannot be set.

use crate::limits::CPU_GRACE_SECONDS;
use crate::rlimit;
use rustix::io::Errno;
use rustix::process::Resource;

/// What a worker may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerLimits {
    /// Bytes of address space.
    pub address_space: u64,
    /// Seconds of CPU time over all threads.
    pub cpu_seconds: u64,
    /// Bytes of any file it writes; pipes are not files.
    pub file_size: u64,
    /// Open files, the three pipes included.
    pub open_files: u64,
}

/// What could not be given up.
#[derive(Debug, thiserror::Error)]
#[error("the worker could not limit its {what}: {reason}. It does not go on without; run skynet where setrlimit and prctl are allowed")]
pub struct ConfineError {
    /// Which limit.
    pub what: &'static str,
    /// The system's reason.
    pub reason: String,
}

/// Confines this process. Call it first in `main`, before any thread is started:
/// `no_new_privs` holds for the calling thread and those that it starts later.
pub fn confine_worker(limits: WorkerLimits) -> Result<(), ConfineError> {
    // Not enforced by every system (macOS takes it and ignores it).
    lower(Resource::As, "address space", limits.address_space, 0)?;
    lower(Resource::Cpu, "CPU time", limits.cpu_seconds, CPU_GRACE_SECONDS)?;
    lower(Resource::Fsize, "file size", limits.file_size, 0)?;
    lower(Resource::Nofile, "open files", limits.open_files, 0)?;
    lower(Resource::Core, "core dumps", 0, 0)?;
    no_new_privileges()
}

fn lower(resource: Resource, what: &'static str, wanted: u64, grace: u64) -> Result<(), ConfineError> {
    rlimit::lower(resource, wanted, grace).map_err(|error| failed(what, error))
}

#[cfg(target_os = "linux")]
fn no_new_privileges() -> Result<(), ConfineError> {
    rustix::thread::set_no_new_privs(true).map_err(|error| failed("privileges", error))
}

/// Elsewhere nothing like it exists; the worker starts no programs.
#[cfg(not(target_os = "linux"))]
fn no_new_privileges() -> Result<(), ConfineError> {
    Ok(())
}

fn failed(what: &'static str, error: Errno) -> ConfineError {
    ConfineError { what, reason: error.to_string() }
}
