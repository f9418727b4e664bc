//! One script from request to last breath: the keeper outside, the first process inside, the script.
//!
//! The keeper is forked by the launcher for one call. It makes the cell, waits for the script, for
//! the host to let go and for the deadline, kills all that is left, and ends when nothing lives.
//! In namespaces a first process of ours stands between: with its end the kernel kills the rest.
//! Refuses to run anything when a step before has failed.

use super::calls::Programs;
use super::check::Job;
use super::command::Asked;
use super::frame::{self, Report};
use super::last::{Place, Streams, become_script};
use super::scratch::Scratch;
use super::system::System;
use super::{Ceiling, Part, Refusal, Strength, bare, build, check, failed, pty, spaces};
use crate::limits::{LATE_KILL, REQUEST_TIMEOUT};
use bare::Forked;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group, pidfd_open,
    set_child_subreaper, set_dumpable_behavior, set_parent_process_death_signal, wait,
};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

/// What all cells share; made once.
pub(super) struct Ready {
    pub(super) ceiling: Ceiling,
    pub(super) system: System,
    pub(super) calls: Programs,
    pub(super) strength: Strength,
    /// Whether it runs as root, whose processes the kernel does not count.
    pub(super) is_root: bool,
    /// The folder in which scratch folders are made on disk.
    pub(super) scratch: OwnedFd,
    /// The launcher, whose end is the end of each cell.
    pub(super) launcher: OwnedFd,
}

/// Plays one call to its end, in a process forked for it.
pub(super) fn play(ready: &Ready, handed: Vec<OwnedFd>) {
    let mut handed = handed.into_iter();
    let Some(control) = handed.next() else { return };
    let mut control = UnixStream::from(control);
    if let Err(refusal) = keep(ready, &mut control, handed) {
        tell(&mut control, &Report::Refused(refusal));
    }
}

/// What the program inherits: what the host handed over, or a terminal made here, whose outer end is the host's.
fn streams(asked: &Asked, mut handed: impl Iterator<Item = OwnedFd>) -> Result<(Streams, Option<OwnedFd>), Refusal> {
    if let Asked::Command(command) = asked
        && let Some(window) = command.window
    {
        return pty::open(window).map(|(streams, master)| (streams, Some(master)));
    }
    match (handed.next(), handed.next(), handed.next()) {
        (Some(input), Some(output), Some(errors)) => Ok((Streams { input, output, errors, proxy: handed.next() }, None)),
        _ => Err(Refusal::new(Part::Request, "it came without its streams")),
    }
}

/// Tells the host, if it still listens.
fn tell(control: &mut UnixStream, report: &Report) {
    let _ = frame::write(control, report);
}

fn keep(ready: &Ready, control: &mut UnixStream, handed: impl Iterator<Item = OwnedFd>) -> Result<(), Refusal> {
    let begun = Instant::now();
    if ready.strength == Strength::Full {
        // Its end is then that of the namespace. Without one it must live to kill, and watches the launcher.
        die_with(&ready.launcher)?;
    }
    control.set_read_timeout(Some(REQUEST_TIMEOUT)).map_err(failed(Part::Start, "no deadline can be set"))?;
    let asked: Asked = frame::read(control).map_err(failed(Part::Request, "it cannot be read"))?;
    // Ahead of the namespaces, in which the system's terminals are not.
    let (streams, master) = streams(&asked, handed)?;
    if ready.strength == Strength::Full {
        // First, as folders that are opened outside cannot be mounted inside.
        spaces::enter()?;
    }
    let job = check::job(asked, &ready.ceiling, &ready.system, ready.strength)?;
    if let Some(master) = master {
        pty::hand(control, master)?;
    }
    // Orphans of the script come to this process, so that the last of them is seen to end.
    set_child_subreaper(Some(getpid())).map_err(failed(Part::Start, "orphans cannot be caught"))?;
    let keeper = pidfd_open(getpid(), PidfdFlags::empty()).map_err(failed(Part::Start, "its end cannot be tied to ours"))?;
    let deadline = begun.checked_add(job.limits.wall.saturating_add(LATE_KILL)).unwrap_or(begun);
    match ready.strength {
        Strength::Full => {
            let first = split(control, |control| first(ready, &job, streams, control, &keeper))?;
            // The first process has told how the script ended.
            watch(control, first, &ready.launcher, deadline).map(drop)
        }
        Strength::Plain => {
            let scratch = Scratch::make(&ready.ceiling.scratch, &ready.scratch)?;
            let place = Place { scratch: scratch.path(), opened: scratch.opened(), proc: false, strength: ready.strength };
            let script = split(control, |_| {
                die_with(&keeper)?;
                expendable()?;
                script(ready, &job, streams, place)
            });
            let ended = script.and_then(|script| watch(control, script, &ready.launcher, deadline));
            if let Err(error) = scratch.remove() {
                tracing::warn!(%error, "the scratch folder of a script was not removed");
            }
            tell(control, &ended?);
            Ok(())
        }
    }
}

/// Forks; the child does this, and tells what stopped it. What the child takes is closed here.
fn split(control: &mut UnixStream, child: impl FnOnce(&mut UnixStream) -> Result<(), Refusal>) -> Result<Pid, Refusal> {
    match bare::fork().map_err(failed(Part::Start, "no process can be started"))? {
        Forked::Parent(id) => Ok(id),
        Forked::Child => {
            if let Err(refusal) = child(control) {
                tell(control, &Report::Refused(refusal));
            }
            std::process::exit(1)
        }
    }
}

/// The first process of the namespaces: makes the files, starts the script, and waits. Its end, whatever
/// the cause, is the end of all others in there.
fn first(ready: &Ready, job: &Job, streams: Streams, control: &mut UnixStream, keeper: &OwnedFd) -> Result<(), Refusal> {
    die_with(keeper)?;
    expendable()?;
    rustix::system::sethostname(b"script").map_err(failed(Part::Namespaces, "the host name cannot be set"))?;
    if ready.is_root {
        spaces::bound_processes(job.limits.processes)?;
    }
    let proc = build::root(job, &ready.system)?;
    // Its memory and its open files are nobody's; those of the script become its own when it starts.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed(Part::Privileges, "its first process stays open"))?;
    let scratch = Path::new(build::SCRATCH);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = open(scratch, flags, Mode::empty()).map_err(failed(Part::Scratch, "it cannot be opened"))?;
    let place = Place { scratch, opened: &opened, proc, strength: ready.strength };
    let leader = split(control, |_| script(ready, job, streams, place))?;
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((id, status))) if id == leader => {
                tell(control, &report(status));
                return Ok(());
            }
            // Orphans that ended.
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(failed(Part::Start, "the script was lost")(error)),
        }
    }
}

fn script(ready: &Ready, job: &Job, streams: Streams, place: Place<'_>) -> Result<(), Refusal> {
    become_script(job, &ready.system, &ready.calls, place, streams).map(|never| match never {})
}

/// When memory runs out, this process and its children go before the host does.
fn expendable() -> Result<(), Refusal> {
    std::fs::write("/proc/self/oom_score_adj", "1000").map_err(failed(Part::Limits, "oom_score_adj"))
}

/// Ties this process's end to its parent's.
fn die_with(parent: &OwnedFd) -> Result<(), Refusal> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed(Part::Start, "its end cannot be tied to its starter's"))?;
    // A parent that ended before this call sends no signal any more.
    let mut parent = [PollFd::new(parent, PollFlags::IN)];
    match poll(&mut parent, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Refusal::new(Part::Start, "who started it is gone")),
        Err(error) => Err(failed(Part::Start, "its starter cannot be seen")(error)),
    }
}

/// Waits until the leader ends, the host lets go, the launcher is gone or time is up; then kills and
/// reaps all there is.
fn watch(control: &UnixStream, leader: Pid, launcher: &OwnedFd, deadline: Instant) -> Result<Report, Refusal> {
    let waited = pidfd_open(leader, PidfdFlags::empty()).and_then(|ends| wait_for_any(control, &ends, launcher, deadline));
    // The leader is not reaped before, so its number is nobody else's.
    let _ = kill_process(leader, Signal::KILL);
    let _ = kill_process_group(leader, Signal::KILL);
    let mut ended = None;
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((id, status))) if id == leader => ended = Some(status),
            Ok(_) | Err(Errno::INTR) => {}
            // Nobody is left.
            Err(_) => break,
        }
    }
    waited.map_err(failed(Part::Start, "the script cannot be waited for"))?;
    ended.map(report).ok_or_else(|| Refusal::new(Part::Start, "the script was lost"))
}

/// The host says nothing more on `control`, so whatever can be read there is its end.
fn wait_for_any(control: impl AsFd, ends: impl AsFd, launcher: impl AsFd, deadline: Instant) -> Result<(), Errno> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut any = [
            PollFd::new(&control, PollFlags::IN | PollFlags::RDHUP),
            PollFd::new(&ends, PollFlags::IN),
            PollFd::new(&launcher, PollFlags::IN),
        ];
        // A deadline too far away for the kernel's clock is none.
        let left = Timespec::try_from(left).ok();
        match poll(&mut any, left.as_ref()) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

fn report(status: WaitStatus) -> Report {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Report::Code(code),
        (None, signal) => Report::Signal(signal.unwrap_or_default()),
    }
}
