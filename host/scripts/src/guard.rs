//! Between a build and who started it: when that one is gone, however it went, so is the build.
//!
//! A process of our own binary that leads the build's process group. Its input is a pipe that
//! only its starter holds and never writes to, so the pipe's end is the starter's: the kernel
//! sees to that also after a kill that nobody can catch. Owns the wait for it, and the kill of
//! the group. Refuses to be started as anything but the leader of a group.

use rustix::process::{Signal, getpgrp, getpid, kill_current_process_group, kill_process};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

/// The argument that makes our binary a guard; the program and its arguments follow.
pub const GUARD: &str = "--build-guard";

/// The code of shells for a program that could not be started.
const NOT_STARTED: u8 = 127;

/// The guard: runs what its arguments name, and ends as that ends.
pub fn guard_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let (Some(program), true) = (arguments.next(), getpgrp() == getpid()) else {
        complain("a build's guard is started by `skynet plugin build` alone");
        return ExitCode::from(NOT_STARTED);
    };
    let child = Command::new(&program).args(arguments).stdin(Stdio::null()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            complain(&format!("{} could not be started: {error}", program.to_string_lossy()));
            return ExitCode::from(NOT_STARTED);
        }
    };
    std::thread::spawn(|| {
        // Whatever ends the reading, nobody is there any more who wants the build.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = kill_current_process_group(Signal::KILL);
    });
    match child.wait() {
        Ok(status) => ended(status),
        Err(_) => ExitCode::FAILURE,
    }
}

/// As the program ended: who asks sees no difference.
fn ended(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        // One that kills; where it does not, the code below says the same.
        let _ = kill_process(getpid(), signal);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn complain(text: &str) {
    use io::Write as _;
    let _ = writeln!(io::stderr(), "skynet: {text}");
}
