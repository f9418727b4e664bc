//! The host's end of the launcher: started ahead of the wall, asked from behind it.
//!
//! Owns the socket, over which go descriptors and nothing else. It cannot be started again behind
//! the wall: when it is gone, scripts are off until the host starts anew.

use super::{Abilities, Ceiling, frame};
use crate::ending::wait_or_kill;
use crate::limits::LAUNCHER_TIMEOUT;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// It, as long as the host lives.
#[derive(Debug)]
pub struct Launcher {
    socket: UnixStream,
    child: Child,
    abilities: Abilities,
}

impl Launcher {
    /// Starts it: a program whose `main` calls `serve`. Waits until it has tried what this machine can
    /// do. Where that is too little, `run` refuses each script with the reason.
    pub fn start(program: &Path, arguments: &[&str], ceiling: &Ceiling) -> io::Result<Self> {
        let (mut socket, theirs) = UnixStream::pair()?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().current_dir("/");
        // A Ctrl-C at the host's terminal is not for it: it ends with its socket.
        command.process_group(0).stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null());
        let mut child = command.spawn()?;
        // It holds the other end of the socket.
        drop(command);
        match greet(&mut socket, ceiling) {
            Ok(abilities) => Ok(Self { socket, child, abilities }),
            Err(error) => {
                drop(child.kill());
                drop(child.wait());
                Err(io::Error::new(error.kind(), format!("the launcher of scripts ended before it was ready, or was too slow: {error}")))
            }
        }
    }

    /// What this machine can do for scripts.
    pub fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    /// Hands the descriptors of one call over.
    pub(super) fn hand(&self, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        frame::hand(self.socket.as_fd(), descriptors)
    }
}

fn greet(socket: &mut UnixStream, ceiling: &Ceiling) -> io::Result<Abilities> {
    socket.set_read_timeout(Some(LAUNCHER_TIMEOUT))?;
    frame::write(socket, ceiling)?;
    frame::read(socket)
}

impl Drop for Launcher {
    /// Ends its input and waits, within bounds; scripts that still run die with it.
    fn drop(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        wait_or_kill(&mut self.child, "the launcher of scripts");
    }
}
