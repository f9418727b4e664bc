//! The launcher: a process of our binary, outside of the host's wall, with one thread.
//!
//! Hears the ceiling once, tries what the machine can do, and then forks a keeper for each call. It
//! parses nothing that comes later: that is the keeper's, which dies with its call. Owns the count
//! of calls. Refuses to work beside a second thread, and ends with the host.

use super::calls::Programs;
use super::cell::{self, Ready};
use super::frame::{self, Report};
use super::system::System;
use super::{Abilities, Ceiling, Part, Refusal, Strength, bare, build, check, failed, files, spaces};
use crate::limits::MAX_CELLS;
use bare::Forked;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{PidfdFlags, WaitOptions, geteuid, getpid, pidfd_open, waitpid};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;

/// Serves until the host is gone. Call it first in `main`, before any thread is started; its stdin is
/// what `Launcher::start` made.
pub fn serve() -> Result<(), Refusal> {
    let threads = std::fs::read_dir("/proc/self/task").map_err(failed(Part::Start, "/proc"))?.count();
    if threads > 1 {
        return Err(Refusal::new(Part::Start, format!("the launcher has {threads} threads. This is a fault of skynet; please report it")));
    }
    bare::inherit_nothing().map_err(failed(Part::Start, "open files would be inherited"))?;
    rustix::thread::set_no_new_privs(true).map_err(failed(Part::Privileges, "no_new_privs"))?;
    let socket = io::stdin().as_fd().try_clone_to_owned().map_err(failed(Part::Start, "stdin"))?;
    let mut socket = UnixStream::from(socket);
    let mut ceiling: Ceiling = frame::read(&mut socket).map_err(failed(Part::Start, "the ceiling cannot be read"))?;
    settle(&mut ceiling)?;
    let system = System::look(&ceiling.tools);
    let abilities = abilities(&ceiling, &system);
    let strength = abilities.strength.clone();
    frame::write(&mut socket, &abilities).map_err(failed(Part::Start, "the host does not listen"))?;
    // Nothing is to be served; what asks all the same is told why by its own side.
    let Ok(strength) = strength else { return Ok(()) };
    let launcher = pidfd_open(getpid(), PidfdFlags::empty()).map_err(failed(Part::Start, "a descriptor of itself"))?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let scratch = open(&ceiling.scratch, flags, Mode::empty()).map_err(failed(Part::Scratch, "the folder for scratch folders"))?;
    let ready = Ready { ceiling, system, calls: Programs::new(strength)?, strength, is_root: geteuid().is_root(), scratch, launcher };
    hear(&ready, socket).map_err(failed(Part::Start, "the host cannot be heard"))
}

/// Paths as they really are, so that opening them need follow no link.
fn settle(ceiling: &mut Ceiling) -> Result<(), Refusal> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&ceiling.plugins);
    let real = made.and_then(|()| ceiling.plugins.canonicalize());
    ceiling.plugins = real.map_err(failed(Part::Request, "the folder of script plugins"))?;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&ceiling.scratch);
    let real = made.and_then(|()| ceiling.scratch.canonicalize());
    ceiling.scratch = real.map_err(failed(Part::Scratch, "the folder for scratch folders"))?;
    // One that is not there stays as it is, and is refused by name when a script asks for it.
    for root in ceiling.roots.values_mut() {
        root.path = root.path.canonicalize().unwrap_or_else(|_| root.path.clone());
    }
    Ok(())
}

fn hear(ready: &Ready, socket: UnixStream) -> io::Result<()> {
    let mut cells: usize = 0;
    while let Some(handed) = frame::take(&socket)? {
        while let Ok(Some(_)) = waitpid(None, WaitOptions::NOHANG) {
            cells = cells.saturating_sub(1);
        }
        if cells >= MAX_CELLS {
            refuse(handed, &format!("{MAX_CELLS} scripts run already. Try again when one has ended"));
            continue;
        }
        match bare::fork() {
            Ok(Forked::Child) => {
                drop(socket);
                cell::play(ready, handed);
                std::process::exit(0)
            }
            Ok(Forked::Parent(_)) => cells += 1,
            Err(error) => refuse(handed, &format!("no process can be started: {error}")),
        }
    }
    Ok(())
}

fn refuse(handed: Vec<OwnedFd>, reason: &str) {
    if let Some(control) = handed.into_iter().next() {
        // A few bytes into an empty socket; who does not listen misses them.
        let _ = frame::write(&mut UnixStream::from(control), &Report::Refused(Refusal::new(Part::Start, reason)));
    }
}

fn abilities(ceiling: &Ceiling, system: &System) -> Abilities {
    let landlock = tried(files::version);
    let seccomp = tried(|| Programs::new(Strength::Full).and_then(|calls| calls.apply()).map(|()| 0).map_err(|refusal| refusal.reason));
    let namespaces = tried(|| cell_of_nothing(ceiling, system).map_err(|refusal| refusal.reason));
    Abilities::judge(landlock, seccomp.map(drop), namespaces.map(drop), geteuid().is_root(), ceiling.without_namespaces)
}

/// All of a cell but its script.
fn cell_of_nothing(ceiling: &Ceiling, system: &System) -> Result<u8, Refusal> {
    let is_root = geteuid().is_root();
    spaces::enter()?;
    let job = check::trial(ceiling)?;
    let inside = tried(|| {
        if is_root {
            spaces::bound_processes(job.limits.processes).map_err(|refusal| refusal.reason)?;
        }
        build::root(&job, system).map(|_| 0).map_err(|refusal| refusal.reason)
    });
    inside.map_err(|reason| Refusal::new(Part::Namespaces, reason))
}

/// Does it in a child; gives the child's number or reason.
fn tried(what: impl FnOnce() -> Result<u8, String>) -> Result<u8, String> {
    /// No layer has a number as high.
    const FAILED: u8 = u8::MAX;
    let text = |error: io::Error| error.to_string();
    let (mut hears, mut says) = io::pipe().map_err(text)?;
    let child = match bare::fork().map_err(text)? {
        Forked::Child => {
            let code = what().unwrap_or_else(|reason| {
                let _ = says.write_all(reason.as_bytes());
                FAILED
            });
            std::process::exit(code.into())
        }
        Forked::Parent(child) => child,
    };
    drop(says);
    let mut reason = String::new();
    hears.read_to_string(&mut reason).map_err(text)?;
    let (_, status) = waitpid(Some(child), WaitOptions::empty()).map_err(|error| text(error.into()))?.ok_or("it did not end")?;
    match status.exit_status().and_then(|code| u8::try_from(code).ok()) {
        Some(number) if number != FAILED => Ok(number),
        _ if reason.is_empty() => Err(format!("the trial ended by signal {}", status.terminating_signal().unwrap_or_default())),
        _ => Err(reason),
    }
}
