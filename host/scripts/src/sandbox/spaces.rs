//! The namespaces of a cell: users, mounts, processes, network, IPC and host name of its own.
//!
//! Owns the way in and the bound on processes. Inside there is one user, who is not root, so
//! that no program gets rights by being started. The network has not even a loopback that is up.
//! Refuses to bound root's processes by the limit, from which the kernel exempts it: their numbers
//! are bounded instead, or the script does not run.

use super::{Part, Refusal, bare, failed};
use crate::limits::RESERVED_IDS;
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen};
use rustix::process::{getgid, getuid};
use rustix::thread::UnshareFlags;
use std::os::fd::{AsFd, OwnedFd};

/// Who a script is inside of its cell.
const INSIDE: u32 = 1000;

/// The first kernel in which each namespace of processes has a `pid_max` of its own. Before, root
/// would change the machine's.
const OWN_PID_MAX: (u32, u32) = (6, 14);

/// Enters all of them. Those of processes count for the children.
pub(super) fn enter() -> Result<(), Refusal> {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    let all = UnshareFlags::NEWUSER
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWNET
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS;
    bare::unshare(all).map_err(failed(Part::Namespaces, "the system does not give them"))?;
    let write = |path: &str, text: String| std::fs::write(path, text).map_err(failed(Part::Namespaces, path));
    write("/proc/self/setgroups", "deny".into())?;
    write("/proc/self/uid_map", format!("{INSIDE} {user} 1"))?;
    write("/proc/self/gid_map", format!("{INSIDE} {group} 1"))
}

/// A `/proc` of this namespace that shows processes and nothing of the machine. Where the one around
/// is covered in part, as in containers, the kernel gives none, and the cell goes without.
pub(super) fn processes_only() -> Option<OwnedFd> {
    let proc = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC).ok()?;
    fsconfig_set_string(proc.as_fd(), "subset", "pid").ok()?;
    fsconfig_create(proc.as_fd()).ok()?;
    let flags = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(proc.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags).ok()
}

/// Leaves room for so many processes beside this first one. Needed for root alone.
pub(super) fn bound_processes(most: u64) -> Result<(), Refusal> {
    let cannot =
        |why: String| Refusal::new(Part::Limits, format!("root's processes cannot be counted here: {why}. Run skynet as an ordinary user"));
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    if !has_own_pid_max(&release) {
        return Err(cannot(format!("kernel {} shares one pid_max", release.trim())));
    }
    let proc = whole_proc().map_err(|error| cannot(format!("no /proc of its own: {error}")))?;
    let write = |path: &str, number: u64| {
        let file = openat(&proc, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        rustix::io::write(file, number.to_string().as_bytes()).map(drop)
    };
    // Numbers from here on are given anew when they are free; those below were the first ones'.
    let set = write("sys/kernel/ns_last_pid", RESERVED_IDS).and_then(|()| write("sys/kernel/pid_max", RESERVED_IDS.saturating_add(most)));
    set.map_err(|error| cannot(error.to_string()))
}

fn whole_proc() -> Result<OwnedFd, Errno> {
    let proc = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(proc.as_fd())?;
    fsmount(proc.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_NOSUID)
}

fn has_own_pid_max(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= OWN_PID_MAX
}

#[cfg(test)]
mod tests {
    use super::has_own_pid_max;

    #[test]
    fn a_kernel_is_known_by_its_release() {
        for (release, has) in
            [("6.14.0-29-generic\n", true), ("7.0", true), ("6.18.44-x", true), ("6.1.0-9", false), ("5.15.0", false), ("", false)]
        {
            assert_eq!(has_own_pid_max(release), has, "{release}");
        }
    }
}
