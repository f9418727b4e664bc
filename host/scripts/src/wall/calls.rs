//! The system calls that the host never makes: seccomp, for all threads at once.
//!
//! Owns the filter programs: the list in `denied`, each answered with EPERM, which
//! a caller can handle, where a kill would take down what a mere probe touched.
//! `clone3` is answered as an old kernel would, because a filter cannot look at its
//! flags; the C library then takes `clone`, whose flags are checked. Refuses the
//! second calling convention of 64-bit PCs, which would lead around the list.

use super::denied::{ANSWERED, DENIED, FAMILIES, NAMESPACES, TERMINAL_INPUT};
use super::{Layer, State};
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    apply_filter_all_threads,
};
use std::collections::BTreeMap;

pub(crate) type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Raises it; says how much, or why not.
pub(super) fn confine() -> Layer {
    match install() {
        Ok(calls) => Layer::new(State::On, format!("{calls} system calls are refused")),
        Err(error) => Layer::new(State::Off, format!("the filter could not be set: {error}")),
    }
}

/// Gives the number of calls that it refuses always.
fn install() -> Result<usize, Error> {
    for program in programs()? {
        apply_filter_all_threads(&program)?;
    }
    Ok(DENIED.len())
}

fn programs() -> Result<Vec<BpfProgram>, Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let answers = |errno: i32| SeccompAction::Errno(errno.unsigned_abs());
    let missing: Rules = ANSWERED.iter().map(|call| (*call, Vec::new())).collect();
    let filter = |rules, errno| SeccompFilter::new(rules, SeccompAction::Allow, answers(errno), arch)?.try_into();
    let mut programs = vec![filter(missing, libc::ENOSYS)?, filter(rules()?, libc::EPERM)?];
    programs.extend(second_convention());
    Ok(programs)
}

fn rules() -> Result<Rules, Error> {
    let mut rules = shared_rules()?;
    let mut others = Vec::new();
    for family in FAMILIES {
        others.push(when(0, SeccompCmpOp::Ne, bits(family))?);
    }
    // All conditions of one rule must hold: none of the families that are used.
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(others)?]);
    Ok(rules)
}

/// What neither the host nor a script may.
pub(crate) fn shared_rules() -> Result<Rules, Error> {
    let mut rules: Rules = DENIED.iter().map(|call| (*call, Vec::new())).collect();
    let mut spaces = Vec::new();
    for flag in NAMESPACES {
        spaces.push(SeccompRule::new(vec![when(0, SeccompCmpOp::MaskedEq(bits(flag)), bits(flag))?])?);
    }
    rules.insert(libc::SYS_clone, spaces);
    let mut typing = Vec::new();
    for request in TERMINAL_INPUT {
        typing.push(SeccompRule::new(vec![when(1, SeccompCmpOp::Eq, request)?])?);
    }
    rules.insert(libc::SYS_ioctl, typing);
    Ok(rules)
}

/// That an argument compares so with a value, in 32 bits.
pub(crate) fn when(argument: u8, comparison: SeccompCmpOp, value: u64) -> Result<SeccompCondition, Error> {
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Dword, comparison, value)?)
}

/// A number of the C library as the kernel compares it.
pub(crate) fn bits(flag: i32) -> u64 {
    u64::from(flag.cast_unsigned())
}

/// Refuses calls numbered from 0x4000_0000 (x32), which reach the same kernel functions
/// under numbers that no list above has. Four instructions: load the number; if it is
/// as large, skip to the refusal; allow; refuse.
#[cfg(target_arch = "x86_64")]
pub(crate) fn second_convention() -> Option<BpfProgram> {
    use seccompiler::sock_filter;
    const LOAD: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    let step = |code, jt, k| sock_filter { code, jt, jf: 0, k };
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
    Some(vec![step(LOAD, 0, 0), step(JUMP_IF_AT_LEAST, 1, 0x4000_0000), step(RETURN, 0, libc::SECCOMP_RET_ALLOW), step(RETURN, 0, refuse)])
}

/// Other processors have one convention.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn second_convention() -> Option<BpfProgram> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_fit_into_what_the_kernel_takes() {
        let programs = programs().unwrap();
        assert!(programs.iter().all(|program| program.len() < 4096), "the kernel takes 4096 steps");
    }

    #[test]
    fn no_call_is_listed_twice_and_none_that_is_checked_by_its_arguments() {
        let rules = rules().unwrap();
        assert_eq!(rules.len(), DENIED.len() + 3);
    }
}
