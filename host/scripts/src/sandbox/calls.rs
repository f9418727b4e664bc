//! The system calls that a script never makes: what the host may not, and more.
//!
//! No sockets but connected pairs among its own processes: the network is behind the proxy, and the sockets of
//! other programs lie beyond landlock's reach; a pair for datagrams could be pointed at one. No shared
//! memory that outlives it. Without namespaces, further calls would reach past landlock, which guards the
//! content of files and not their mode, owner or times; they are refused there. Owns these lists.

use super::{Part, Refusal, Strength, failed};
use crate::wall::calls::{Rules, bits, second_convention, shared_rules, when};
use crate::wall::denied::ANSWERED;
use libc::{self as sys, c_long};
use seccompiler::{BpfProgram, Error, SeccompAction, SeccompCmpOp, SeccompFilter, SeccompRule, TargetArch, apply_filter};

/// Refused to every script beside what is refused to the host.
const REFUSED: &[c_long] = &[
    // Moves memory of other processes between nodes, which tells where it lies.
    sys::SYS_move_pages,
    sys::SYS_migrate_pages,
];

/// Answered as by a kernel that does not know them, so that programs take the way without: memory
/// that no limit on files or addresses counts, or that stays when its maker is dead.
const UNKNOWN: &[c_long] = &[
    sys::SYS_memfd_create,
    sys::SYS_memfd_secret,
    sys::SYS_shmget,
    sys::SYS_shmat,
    sys::SYS_shmctl,
    sys::SYS_semget,
    sys::SYS_semctl,
    sys::SYS_semop,
    sys::SYS_semtimedop,
    sys::SYS_msgget,
    sys::SYS_msgsnd,
    sys::SYS_msgrcv,
    sys::SYS_msgctl,
    sys::SYS_mq_open,
    sys::SYS_mq_unlink,
];

/// Refused where there are no namespaces.
const PLAIN: &[c_long] = &[
    // A group is killed as a whole, in one step that no fork escapes. So nobody may leave it.
    sys::SYS_setsid,
    sys::SYS_setpgid,
    // Mode, owner, times and attributes of any file of this user: landlock lets them pass.
    #[cfg(target_arch = "x86_64")]
    sys::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    sys::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    sys::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    sys::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    sys::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    sys::SYS_futimesat,
    // A descriptor to read with does for these.
    sys::SYS_fchmod,
    sys::SYS_fchown,
    sys::SYS_fsetxattr,
    sys::SYS_fremovexattr,
    sys::SYS_fchmodat,
    FCHMODAT2,
    sys::SYS_fchownat,
    sys::SYS_utimensat,
    sys::SYS_setxattr,
    sys::SYS_lsetxattr,
    sys::SYS_removexattr,
    sys::SYS_lremovexattr,
    SETXATTRAT,
    REMOVEXATTRAT,
    FILE_SETATTR,
    // Tells of every change to a folder that can be named, read or not.
    sys::SYS_inotify_add_watch,
    // The share of the processor that other processes of this user get.
    sys::SYS_setpriority,
    sys::SYS_ioprio_set,
    sys::SYS_sched_setaffinity,
    sys::SYS_sched_setscheduler,
    sys::SYS_sched_setparam,
    sys::SYS_sched_setattr,
];

/// Numbers that are the same on every processor, and that the crate does not name for each.
const FCHMODAT2: c_long = 452;
const SETXATTRAT: c_long = 463;
const REMOVEXATTRAT: c_long = 466;
const FILE_SETATTR: c_long = 469;

/// Kinds of local sockets that send to any address, also when they were made as one of a pair: the kernel takes
/// the second for the first.
const RE_AIMED: [i32; 2] = [sys::SOCK_DGRAM, sys::SOCK_RAW];

/// The bits of a socket's kind that are not flags.
const SOCKET_KIND: u64 = 0xf;

/// The filters, made once for all scripts.
pub(super) struct Programs(Vec<BpfProgram>);

impl Programs {
    /// For cells of this strength.
    pub(super) fn new(strength: Strength) -> Result<Self, Refusal> {
        make(strength).map(Self).map_err(failed(Part::Calls, "the filter could not be made"))
    }

    /// Sets them for this process and all that it starts.
    pub(super) fn apply(&self) -> Result<(), Refusal> {
        self.0.iter().try_for_each(|program| apply_filter(program)).map_err(failed(Part::Calls, "the kernel does not take the filter"))
    }
}

fn make(strength: Strength) -> Result<Vec<BpfProgram>, Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = |rules, errno: i32| -> Result<BpfProgram, Error> {
        Ok(SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno.unsigned_abs()), arch)?.try_into()?)
    };
    let unknown: Rules = ANSWERED.iter().chain(UNKNOWN).map(|call| (*call, Vec::new())).collect();
    let mut programs = vec![filter(unknown, libc::ENOSYS)?, filter(rules(strength)?, libc::EPERM)?];
    programs.extend(second_convention());
    Ok(programs)
}

fn rules(strength: Strength) -> Result<Rules, Error> {
    let plain = if strength == Strength::Plain { PLAIN } else { &[] };
    let mut rules = shared_rules()?;
    rules.extend(REFUSED.iter().chain(plain).chain(&[sys::SYS_socket]).map(|call| (*call, Vec::new())));
    let one = |condition| SeccompRule::new(vec![condition]);
    let mut pairs = vec![one(when(0, SeccompCmpOp::Ne, bits(sys::AF_UNIX))?)?];
    for kind in RE_AIMED {
        pairs.push(one(when(1, SeccompCmpOp::MaskedEq(SOCKET_KIND), bits(kind))?)?);
    }
    rules.insert(sys::SYS_socketpair, pairs);
    // Limits of other processes. Of itself it can only lower them.
    rules.insert(sys::SYS_prlimit64, vec![one(when(0, SeccompCmpOp::Ne, 0)?)?]);
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wall::denied::DENIED;

    #[test]
    fn the_programs_fit_into_what_the_kernel_takes() {
        for strength in [Strength::Full, Strength::Plain] {
            assert!(make(strength).unwrap().iter().all(|program| program.len() < 4096), "the kernel takes 4096 steps");
        }
    }

    #[test]
    fn no_call_is_listed_twice() {
        let rules = rules(Strength::Plain).unwrap();
        assert_eq!(rules.len(), DENIED.len() + REFUSED.len() + PLAIN.len() + 5);
        assert!(UNKNOWN.iter().all(|call| !rules.contains_key(call)));
    }
}
