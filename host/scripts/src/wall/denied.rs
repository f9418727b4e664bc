//! The system calls that are refused, each with its reason.
//!
//! A call is here when the host, its engine and its compiling child never make it,
//! and an escape would want it: to reach other processes, to leave the file wall, to
//! reach parts of the kernel where faults are often found, or to change the machine
//! where the host runs as root. The lists are data; `calls` makes filters of them.

use libc::{self as sys, c_long};

/// Refused whatever their arguments.
pub(crate) const DENIED: &[c_long] = &[
    // Other processes: read or change their memory, take their files.
    sys::SYS_ptrace,
    sys::SYS_process_vm_readv,
    sys::SYS_process_vm_writev,
    sys::SYS_process_madvise,
    sys::SYS_pidfd_getfd,
    // Tells addresses in the kernel apart, which defeats their randomisation.
    sys::SYS_kcmp,
    // The tree of files: what is mounted anew has no rules on it.
    sys::SYS_mount,
    sys::SYS_umount2,
    sys::SYS_pivot_root,
    sys::SYS_chroot,
    sys::SYS_open_tree,
    sys::SYS_move_mount,
    sys::SYS_fsopen,
    sys::SYS_fsconfig,
    sys::SYS_fsmount,
    sys::SYS_fspick,
    sys::SYS_mount_setattr,
    // Opens a file by number, past every folder on the way.
    sys::SYS_open_by_handle_at,
    // Sees and may hold up every access to a file system.
    sys::SYS_fanotify_init,
    // Namespaces: root inside one reaches kernel code that users otherwise cannot.
    sys::SYS_setns,
    sys::SYS_unshare,
    // Programs inside the kernel; the most fertile ground for faults of late.
    sys::SYS_bpf,
    // Counts what other processes and the kernel do; leaks and faults.
    sys::SYS_perf_event_open,
    // Does reads, writes and connects that no filter sees. The runtime does without.
    sys::SYS_io_uring_setup,
    sys::SYS_io_uring_enter,
    sys::SYS_io_uring_register,
    // Halts the kernel in the middle of a copy, the classic help of exploits. The engine's pool does without.
    sys::SYS_userfaultfd,
    // The kernel's key rings are the session's, not the host's: a key slot is opened before the wall.
    sys::SYS_add_key,
    sys::SYS_request_key,
    sys::SYS_keyctl,
    // Another kernel, or parts of one.
    sys::SYS_kexec_load,
    #[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_env = "gnu")))]
    sys::SYS_kexec_file_load,
    sys::SYS_init_module,
    sys::SYS_finit_module,
    sys::SYS_delete_module,
    // The machine: its power, swap, name, users' shares, journal of processes, log.
    sys::SYS_reboot,
    sys::SYS_swapon,
    sys::SYS_swapoff,
    sys::SYS_sethostname,
    sys::SYS_setdomainname,
    sys::SYS_quotactl,
    sys::SYS_quotactl_fd,
    sys::SYS_acct,
    sys::SYS_syslog,
    sys::SYS_vhangup,
    // Clocks: a grant that has ended would hold again.
    sys::SYS_settimeofday,
    sys::SYS_clock_settime,
    sys::SYS_clock_adjtime,
    sys::SYS_adjtimex,
    // Switches the randomisation of addresses off for what is started next.
    sys::SYS_personality,
    // Ancient, and in use by nobody.
    sys::SYS_lookup_dcookie,
    sys::SYS_nfsservctl,
    #[cfg(target_arch = "x86_64")]
    sys::SYS_uselib,
    #[cfg(target_arch = "x86_64")]
    sys::SYS__sysctl,
    #[cfg(target_arch = "x86_64")]
    sys::SYS_sysfs,
    // Ports of the processor, and segments by which 16-bit code runs.
    #[cfg(target_arch = "x86_64")]
    sys::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    sys::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    sys::SYS_modify_ldt,
];

/// Answered as by a kernel that does not know them: their flags cannot be looked at.
pub(crate) const ANSWERED: &[c_long] = &[sys::SYS_clone3];

/// Flags of `clone` that make namespaces; `unshare` by another name.
pub(crate) const NAMESPACES: [i32; 7] = [
    sys::CLONE_NEWNS,
    sys::CLONE_NEWUSER,
    sys::CLONE_NEWNET,
    sys::CLONE_NEWPID,
    sys::CLONE_NEWIPC,
    sys::CLONE_NEWUTS,
    sys::CLONE_NEWCGROUP,
];

/// The kinds of sockets that the host opens: local ones, the two internets, and the
/// kernel's list of addresses, which name lookups ask for. Others are little used and often faulty.
pub(crate) const FAMILIES: [i32; 4] = [sys::AF_UNIX, sys::AF_INET, sys::AF_INET6, sys::AF_NETLINK];

/// Requests that type into the terminal from which the host was started.
#[allow(clippy::unnecessary_cast, reason = "the C type differs between C libraries")]
pub(crate) const TERMINAL_INPUT: [u64; 2] = [sys::TIOCSTI as u64, sys::TIOCLINUX as u64];
