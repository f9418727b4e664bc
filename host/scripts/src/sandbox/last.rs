//! The last steps before the interpreter: what the script's first process does to itself.
//!
//! Own session and group, limits, no rights to keep or to gain, landlock, seccomp, and then the
//! program, with an environment made for it. Owns the order: each step still allows the next one.
//! Comes back only with the reason why the program did not start.

use super::calls::Programs;
use super::check::{self, Job};
use super::system::System;
use super::{Part, Refusal, Strength, failed, files};
use crate::limits::{CPU_GRACE_SECONDS, KEPT_RESERVES, NICE};
use crate::rlimit;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Resource, ioctl_tiocsctty, nice, setsid};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};
use std::convert::Infallible;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The variable with the number of the descriptor behind which the proxy listens.
pub(super) const PROXY_FD: &str = "SKYNET_PROXY_FD";

/// Our own processes in the cell's namespace, which the kernel counts too.
const OURS: u64 = 2;

/// What the script inherits.
pub(super) struct Streams {
    pub(super) input: OwnedFd,
    pub(super) output: OwnedFd,
    pub(super) errors: OwnedFd,
    pub(super) proxy: Option<OwnedFd>,
}

/// Where it starts.
pub(super) struct Place<'a> {
    pub(super) scratch: &'a Path,
    /// The same, opened.
    pub(super) opened: &'a OwnedFd,
    /// Whether it has its own `/proc`.
    pub(super) proc: bool,
    pub(super) strength: Strength,
}

/// Turns this process into the script.
pub(super) fn become_script(
    job: &Job,
    system: &System,
    calls: &Programs,
    place: Place<'_>,
    streams: Streams,
) -> Result<Infallible, Refusal> {
    setsid().map_err(failed(Part::Start, "it gets no session of its own"))?;
    nice(NICE).map_err(failed(Part::Limits, "priority"))?;
    if job.terminal {
        ioctl_tiocsctty(&streams.input).map_err(failed(Part::Terminal, "the shell cannot command it"))?;
    }
    if let Some(startup) = &job.startup {
        std::fs::write(check::startup_in(place.scratch), startup).map_err(failed(Part::Scratch, "its first file cannot be written"))?;
    }
    limit(job, place.strength)?;
    give_up_rights()?;
    let mut command = command(job, system, place.scratch);
    command.stdin(Stdio::from(streams.input)).stdout(Stdio::from(streams.output)).stderr(Stdio::from(streams.errors));
    if let Some(proxy) = &streams.proxy {
        fcntl_setfd(proxy, FdFlags::empty()).map_err(failed(Part::Start, "the proxy cannot be handed on"))?;
        command.env(PROXY_FD, proxy.as_raw_fd().to_string());
    }
    files::confine(job, system, &place)?;
    calls.apply()?;
    Err(failed(Part::Program, &job.program.display().to_string())(command.exec()))
}

fn command(job: &Job, system: &System, scratch: &Path) -> Command {
    let mut command = Command::new(&job.program);
    command.args(&job.arguments).env_clear().envs(&job.variables);
    command.env("PATH", system.search_path()).env("LANG", "C.UTF-8").env("HOME", scratch).env("TMPDIR", scratch);
    command.current_dir(job.plugin.as_ref().filter(|_| job.in_plugin).map_or(scratch, |plugin| &plugin.path));
    command
}

fn limit(job: &Job, strength: Strength) -> Result<(), Refusal> {
    let limits = &job.limits;
    // Without a namespace the kernel counts all processes of this user.
    let others = if strength == Strength::Full { OURS } else { running().map_err(failed(Part::Limits, "processes"))? };
    lower(Resource::Nproc, "processes", limits.processes.saturating_add(others), 0)?;
    // Engines with a compiler set gigabytes of addresses aside and use little of them. What stays gets them, and is
    // held to what it may write to.
    let addresses = if job.kept { limits.address_space.saturating_mul(KEPT_RESERVES) } else { limits.address_space };
    lower(Resource::As, "address space", addresses, 0)?;
    if job.kept {
        lower(Resource::Data, "memory", limits.address_space, 0)?;
    }
    lower(Resource::Cpu, "CPU time", limits.cpu_seconds, CPU_GRACE_SECONDS)?;
    lower(Resource::Fsize, "file size", limits.file_size, 0)?;
    lower(Resource::Nofile, "open files", limits.open_files, 0)?;
    lower(Resource::Core, "core dumps", 0, 0)?;
    lower(Resource::Msgqueue, "message queues", 0, 0)
}

fn lower(resource: Resource, what: &str, wanted: u64, grace: u64) -> Result<(), Refusal> {
    rlimit::lower(resource, wanted, grace).map_err(failed(Part::Limits, what))
}

/// Threads of this user that can be seen. Where more of them run out of sight, the script gets fewer.
fn running() -> io::Result<u64> {
    let mine = rustix::process::getuid().as_raw();
    let mut threads = 0;
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let is_process = entry.file_name().to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        let status = if is_process { std::fs::read_to_string(entry.path().join("status")).unwrap_or_default() } else { String::new() };
        let number = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse::<u64>().ok());
        if number("Uid:") == Some(mine.into()) {
            threads += number("Threads:").unwrap_or(0);
        }
    }
    Ok(threads)
}

fn give_up_rights() -> Result<(), Refusal> {
    let none = CapabilitySets { effective: CapabilitySet::empty(), permitted: CapabilitySet::empty(), inheritable: CapabilitySet::empty() };
    set_no_new_privs(true).map_err(failed(Part::Privileges, "no_new_privs"))?;
    set_capabilities(None, none).map_err(failed(Part::Privileges, "capabilities"))
}
