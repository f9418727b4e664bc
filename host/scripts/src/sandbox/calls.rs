//! The system calls that a script never makes: what the host may not, and more.
//!
//! No sockets but pairs among its own processes: the network is behind the proxy, and the sockets of
//! other programs lie beyond landlock's reach. No shared memory that outlives it. Without
//! namespaces, further calls would reach past landlock, which guards the content of files
//! and not their mode, owner or times; they are refused there. Owns these lists.

use super::{Part, Refusal, Strength, failed};
use crate::wall::calls::second_convention;
use crate::wall::denied::{ANSWERED, DENIED, NAMESPACES, TERMINAL_INPUT};
use libc::{self as sys, c_long};
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    apply_filter,
};
use std::collections::BTreeMap;

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

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

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
    let mut rules: Rules = DENIED.iter().chain(REFUSED).chain(plain).chain(&[sys::SYS_socket]).map(|call| (*call, Vec::new())).collect();
    let when = |argument, comparison, value: u64| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, comparison, value);
    let bits = |flag: i32| u64::from(flag.cast_unsigned());
    let one = |condition| SeccompRule::new(vec![condition]);
    let mut spaces = Vec::new();
    for flag in NAMESPACES {
        spaces.push(one(when(0, SeccompCmpOp::MaskedEq(bits(flag)), bits(flag))?)?);
    }
    rules.insert(sys::SYS_clone, spaces);
    rules.insert(sys::SYS_socketpair, vec![one(when(0, SeccompCmpOp::Ne, bits(sys::AF_UNIX))?)?]);
    // Limits of other processes. Of itself it can only lower them.
    rules.insert(sys::SYS_prlimit64, vec![one(when(0, SeccompCmpOp::Ne, 0)?)?]);
    let mut typing = Vec::new();
    for request in TERMINAL_INPUT {
        typing.push(one(when(1, SeccompCmpOp::Eq, request)?)?);
    }
    rules.insert(sys::SYS_ioctl, typing);
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

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
