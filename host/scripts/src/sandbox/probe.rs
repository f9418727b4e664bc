//! What this machine can do for scripts, found out by trying it once.
//!
//! The launcher tries each layer in a child of its own, which dies with it: no version number
//! and no file of settings is believed. Owns the judgement how strong a cell can be, and the words
//! for `status` and `doctor`. Refuses all scripts where even the weaker cell cannot be had.

use super::{Part, Refusal};
use crate::wall::{Layer, State};
use serde::{Deserialize, Serialize};

/// How strong the cells of this machine are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strength {
    /// Namespaces, landlock, seccomp, limits.
    Full,
    /// The same without namespaces, by the owner's leave: landlock guards signals (ABI 6), more system
    /// calls are refused, nobody leaves the process group. The scratch folder as a whole has no size,
    /// and the number of processes is counted together with the user's other ones.
    Plain,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// The version of the kernel's landlock interface, and why it is not to be had.
    pub landlock: Result<u8, String>,
    /// Whether system calls can be refused.
    pub seccomp: Result<(), String>,
    /// Whether a cell with its own users, network, processes, mounts, IPC and host name can be made.
    pub namespaces: Result<(), String>,
    /// How scripts run here, or why they do not.
    pub strength: Result<Strength, String>,
}

/// The first landlock that guards against signals to processes outside.
const GUARDS_SIGNALS: u8 = 6;

impl Abilities {
    /// Judges what was found. Root is bounded by namespaces only: the kernel exempts it from the limit on processes.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is tried elsewhere"))]
    pub(super) fn judge(
        landlock: Result<u8, String>,
        seccomp: Result<(), String>,
        namespaces: Result<(), String>,
        is_root: bool,
        without_namespaces: bool,
    ) -> Self {
        let strength = strength(&landlock, &seccomp, &namespaces, is_root, without_namespaces);
        Self { landlock, seccomp, namespaces, strength }
    }

    /// Why scripts do not run here, if they do not.
    pub fn refusal(&self) -> Option<Refusal> {
        self.strength.as_ref().err().map(|reason| Refusal::new(Part::Machine, reason))
    }

    /// Each layer with its name for people.
    pub fn named(&self) -> [(&'static str, Layer); 4] {
        let layer = |found: Result<String, &String>| match found {
            Ok(says) => Layer::new(State::On, says),
            Err(reason) => Layer::new(State::Off, reason.as_str()),
        };
        let scripts = match &self.strength {
            Ok(Strength::Full) => Layer::new(State::On, "they run with all layers"),
            Ok(Strength::Plain) => Layer::new(State::Partly, "they run without namespaces, by the owner's leave"),
            Err(reason) => Layer::new(State::Off, reason.as_str()),
        };
        [
            ("scripts", scripts),
            ("landlock for scripts", layer(self.landlock.as_ref().map(|abi| format!("ABI {abi}")))),
            ("seccomp for scripts", layer(self.seccomp.as_ref().map(|()| "system calls are refused".into()))),
            ("namespaces for scripts", layer(self.namespaces.as_ref().map(|()| "users, network, processes, mounts, IPC, name".into()))),
        ]
    }
}

fn strength(
    landlock: &Result<u8, String>,
    seccomp: &Result<(), String>,
    namespaces: &Result<(), String>,
    is_root: bool,
    without_namespaces: bool,
) -> Result<Strength, String> {
    let abi = landlock.as_ref().map_err(|why| format!("scripts need landlock, and it is not to be had here: {why}. Use a newer kernel"))?;
    seccomp.as_ref().map_err(|why| format!("scripts need seccomp, and it is not to be had here: {why}. Use a kernel with it"))?;
    let Err(why) = namespaces else { return Ok(Strength::Full) };
    let lacks = format!("scripts cannot have namespaces here: {why}");
    if is_root {
        return Err(format!("{lacks}. Run skynet as an ordinary user, or allow namespaces"));
    }
    if *abi < GUARDS_SIGNALS {
        return Err(format!(
            "{lacks}; and without them landlock ABI {GUARDS_SIGNALS} is needed, where this kernel has {abi}. Allow unprivileged user namespaces, or use a newer kernel"
        ));
    }
    if !without_namespaces {
        return Err(format!("{lacks}. Allow unprivileged user namespaces, or allow scripts to run without them"));
    }
    Ok(Strength::Plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(landlock: Option<u8>, seccomp: bool, namespaces: bool, is_root: bool, allowed: bool, expected: &str) {
        let no = || "no".to_owned();
        let found = strength(
            &landlock.ok_or_else(no),
            &seccomp.then_some(()).ok_or_else(no),
            &namespaces.then_some(()).ok_or_else(no),
            is_root,
            allowed,
        );
        let said = found.map_or_else(|why| why, |strength| format!("{strength:?}"));
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn landlock_and_seccomp_are_never_done_without() {
        check(None, true, true, false, true, "need landlock");
        check(Some(7), false, true, false, true, "need seccomp");
        check(Some(1), true, true, false, false, "Full");
    }

    #[test]
    fn namespaces_are_done_without_only_by_leave_and_where_the_rest_is_enough() {
        check(Some(7), true, false, false, false, "or allow scripts to run without");
        check(Some(7), true, false, false, true, "Plain");
        check(Some(5), true, false, false, true, "ABI 6 is needed");
        check(Some(7), true, false, true, true, "ordinary user");
        check(Some(7), true, true, true, false, "Full");
    }
}
