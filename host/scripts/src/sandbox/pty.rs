//! The terminal of a cell: made outside of it, one end for the host, the other for the shell.
//!
//! Made ahead of the namespaces, where the system's own terminals are. The host gets its end over the
//! call's own socket, when the request was found good and before anything of the shell runs. Owns how a
//! terminal begins. Refuses, with the reason, where the system gives none.

use super::command::Window;
use super::last::Streams;
use super::{Part, Refusal, failed, frame};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{InputModes, LocalModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

/// Makes one; gives the inner end for the shell, and the outer one.
pub(super) fn open(window: Window) -> Result<(Streams, OwnedFd), Refusal> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).map_err(failed(Part::Terminal, "the system gives none"))?;
    unlockpt(&master).map_err(failed(Part::Terminal, "it stays locked"))?;
    let slave = ioctl_tiocgptpeer(&master, flags).map_err(failed(Part::Terminal, "its inner end cannot be opened"))?;
    let mut modes = tcgetattr(&slave).map_err(failed(Part::Terminal, "its modes cannot be read"))?;
    modes.input_modes.insert(InputModes::IUTF8);
    modes.local_modes.set(LocalModes::ECHO, window.echo);
    tcsetattr(&slave, OptionalActions::Now, &modes).map_err(failed(Part::Terminal, "its modes cannot be set"))?;
    tcsetwinsize(&slave, size(window.columns, window.rows)).map_err(failed(Part::Terminal, "its size cannot be set"))?;
    let again = |fd: &OwnedFd| fd.try_clone().map_err(failed(Part::Terminal, "its inner end cannot be shared"));
    Ok((Streams { input: again(&slave)?, output: again(&slave)?, errors: slave, proxy: None }, master))
}

/// Hands the outer end over: from then on the host takes the shell for one that begins.
pub(super) fn hand(control: &UnixStream, master: OwnedFd) -> Result<(), Refusal> {
    frame::hand(control.as_fd(), &[master.as_fd()]).map_err(failed(Part::Terminal, "the host does not take it"))
}

/// A size as the kernel takes it.
pub(super) fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
