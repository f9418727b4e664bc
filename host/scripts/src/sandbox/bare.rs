//! The four system calls of the launcher that no safe interface offers.
//!
//! Each stands here with its proof and in no other file. Refuses nothing by itself: whoever
//! calls `fork` has one thread, which `serve` looks after before it begins.
#![allow(unsafe_code, reason = "decision 0016: no crate in use offers these calls safely")]

use rustix::mount::MountAttrFlags;
use rustix::process::Pid;
use rustix::thread::UnshareFlags;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

/// Which of the two a process is after `fork`.
pub(super) enum Forked {
    /// The new one.
    Child,
    /// The old one, with the id of the new.
    Parent(Pid),
}

/// Splits this process. Only for a process with one thread.
pub(super) fn fork() -> io::Result<Forked> {
    // SAFETY: the one danger of `fork` is a lock that another thread holds and the child waits for.
    // `serve` has checked that there is one thread, and no code of the launcher starts another.
    match unsafe { libc::fork() } {
        0 => Ok(Forked::Child),
        id => Pid::from_raw(id).filter(|_| id > 0).map(Forked::Parent).ok_or_else(io::Error::last_os_error),
    }
}

/// Leaves these namespaces for new ones.
pub(super) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    // SAFETY: the danger is `FILES`, by which threads come to have different descriptors under one
    // number. It is never asked for, and there is one thread.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(Into::into)
}

/// Sets flags on a mounted tree and all that is mounted in it.
pub(super) fn set_mount_flags(tree: impl AsFd, flags: MountAttrFlags) -> io::Result<()> {
    set_flags(tree, flags, libc::AT_EMPTY_PATH | libc::AT_RECURSIVE)
}

/// Sets flags on one mount and on nothing that is mounted in it.
pub(super) fn set_mount_flags_here(tree: impl AsFd, flags: MountAttrFlags) -> io::Result<()> {
    set_flags(tree, flags, libc::AT_EMPTY_PATH)
}

fn set_flags(tree: impl AsFd, flags: MountAttrFlags, at: libc::c_int) -> io::Result<()> {
    let attributes = libc::mount_attr { attr_set: flags.bits().into(), attr_clr: 0, propagation: 0, userns_fd: 0 };
    let (number, tree) = (libc::SYS_mount_setattr, tree.as_fd().as_raw_fd());
    // SAFETY: the path is an empty text that ends with 0, the structure outlives the call, and its
    // size is its own. The kernel only reads both.
    let result = unsafe { libc::syscall(number, tree, c"".as_ptr(), at, &raw const attributes, size_of::<libc::mount_attr>()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Marks every descriptor but the three standard ones as one that no program started later inherits,
/// those included that whoever started us left open.
pub(super) fn inherit_nothing() -> io::Result<()> {
    // SAFETY: closes nothing and changes no memory; a flag of descriptors says what `exec` does with them.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
