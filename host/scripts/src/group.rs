//! A child's process group, killed as a whole.
//!
//! Owns the group's id as long as its leader is not reaped: until then the kernel
//! gives that number to nobody else, so the kill cannot hit a stranger. Refuses to
//! wait in a way that reaps; `finish` kills first and reaps after.

use crate::limits::REAP_TIMEOUT;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io;
use std::process::ExitStatus;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::time::timeout;

/// A running child and whatever it started in its group. Dropping it kills them.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    leader: Pid,
    /// Listened to since before the start, so that no end goes unseen.
    ends: Signals,
}

impl Group {
    /// Starts the command as the leader of a new group.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let ends = signal(SignalKind::child())?;
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let leader = id.ok_or_else(|| io::Error::other("the started process has no id"))?;
        Ok(Self { child, leader, ends })
    }

    /// The pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until the leader has ended, then kills what is left of the group, so
    /// that nobody holds the pipes open. Leaves the leader to be reaped.
    pub(crate) async fn ended(leader: Pid, ends: &mut Signals) -> io::Result<()> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(leader), look)?.is_none() {
            ends.recv().await;
        }
        kill(leader);
        Ok(())
    }

    /// What `ended` needs, apart from the child, whose pipes are read meanwhile.
    pub(crate) fn watch(&mut self) -> (Pid, &mut Signals) {
        (self.leader, &mut self.ends)
    }

    /// Kills the group and reaps its leader.
    pub(crate) async fn finish(mut self) -> io::Result<ExitStatus> {
        kill(self.leader);
        let gone = timeout(REAP_TIMEOUT, self.child.wait()).await;
        gone.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it was killed, but the kernel does not let it go")))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // `None` once it was reaped: then the number may be a stranger's.
        if self.child.id().is_some() {
            kill(self.leader);
        }
    }
}

fn kill(group: Pid) {
    // The one failure is that nobody is left in it.
    let _ = kill_process_group(group, Signal::KILL);
}
