//! The file wall: landlock, as much of it as this kernel knows.
//!
//! Owns which rights a folder gets: all of an ordinary user's for what may be
//! changed, reading for what may be read, executing for the system's libraries and
//! for this very program alone. Devices, sockets and pipes cannot be made anywhere.
//! Beside files: one port to listen on, no signals and no abstract sockets outward.
//! Where the plugins connect to is the egress door's matter; landlock knows no addresses.

use super::{Layer, State, WallSpec, needs};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};
use std::path::Path;

/// The kernel interface that the rights here were chosen from. A later one may bring
/// rights whose refusal would break what works today.
const CHOSEN: ABI = ABI::V6;

/// What each version of the kernel's interface added: where a kernel stops, this is missing.
const ADDED: [(i32, &str); 5] = [
    (2, "moving files between folders"),
    (3, "guarding files against truncation"),
    (4, "holding it to one port"),
    (5, "device controls"),
    (6, "signals and abstract sockets"),
];

/// Raises it; says how far, or why not.
pub(super) fn confine(spec: &WallSpec) -> Layer {
    match restrict(spec) {
        Ok(status) => layer(&status.landlock, status.ruleset != RulesetStatus::NotEnforced),
        Err(error) => Layer::new(State::Off, format!("the kernel refused the rules: {error}")),
    }
}

fn restrict(spec: &WallSpec) -> Result<RestrictionStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let special = make_bitflags!(AccessFs::{Execute | MakeChar | MakeBlock | MakeSock | MakeFifo | IoctlDev});
    let change = AccessFs::from_all(CHOSEN) & !special;
    // What is asked beyond a kernel's knowledge is left out, and told by `layer`.
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(CHOSEN))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(CHOSEN))?
        .create()?
        .add_rule(NetPort::new(spec.listen, AccessNet::BindTcp))?;
    for path in &spec.write {
        rules = allow(rules, path, change)?;
    }
    for path in spec.read.iter().chain(&needs::readable()) {
        rules = allow(rules, path, read)?;
    }
    for path in needs::files_by_name() {
        rules = allow(rules, &path, AccessFs::ReadFile.into())?;
    }
    for path in needs::executable() {
        rules = allow(rules, &path, read | AccessFs::Execute)?;
    }
    rules = allow(rules, Path::new("/dev/null"), AccessFs::ReadFile | AccessFs::WriteFile)?;
    rules.restrict_self()
}

/// Adds a path that is there; one that is not can be made by nobody inside the wall.
fn allow(rules: RulesetCreated, path: &Path, rights: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else { return Ok(rules) };
    // Rights of folders on a file are a fault to the kernel.
    let rights = if path.is_dir() { rights } else { rights & AccessFs::from_file(CHOSEN) };
    rules.add_rule(PathBeneath::new(opened, rights))
}

fn layer(landlock: &LandlockStatus, enforced: bool) -> Layer {
    match landlock {
        LandlockStatus::NotImplemented => Layer::new(State::Off, "this kernel is built without it, or something hides it"),
        LandlockStatus::NotEnabled => Layer::new(State::Off, "this kernel has it, but was started without it (boot parameter lsm=)"),
        LandlockStatus::Available { .. } if !enforced => Layer::new(State::Off, "the kernel took the rules and does not enforce them"),
        LandlockStatus::Available { effective_abi, kernel_abi } => known(kernel_abi.unwrap_or(*effective_abi as i32)),
    }
}

/// How far a kernel with this version of the interface holds.
fn known(abi: i32) -> Layer {
    let missing: Vec<&str> = ADDED.iter().filter(|(since, _)| abi < *since).map(|(_, what)| *what).collect();
    if missing.is_empty() {
        Layer::new(State::On, format!("ABI {abi}"))
    } else {
        Layer::new(State::Partly, format!("ABI {abi}; this kernel lacks: {}", missing.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(abi: i32, state: State, says: &str) {
        let layer = known(abi);
        assert_eq!(layer.state, state, "{layer:?}");
        assert!(layer.says.contains(says), "{layer:?}");
    }

    #[test]
    fn an_older_kernel_is_told_what_it_lacks() {
        check(1, State::Partly, "ABI 1; this kernel lacks: moving files between folders, guarding");
        check(3, State::Partly, "ABI 3; this kernel lacks: holding it to one port, device controls, signals");
        check(5, State::Partly, "lacks: signals and abstract sockets");
        check(6, State::On, "ABI 6");
        check(9, State::On, "ABI 9");
    }

    #[test]
    fn a_kernel_without_it_is_told_why() {
        assert!(layer(&LandlockStatus::NotImplemented, false).says.contains("built without"));
        assert!(layer(&LandlockStatus::NotEnabled, false).says.contains("lsm="));
        let silent = LandlockStatus::Available { effective_abi: ABI::V6, kernel_abi: None };
        assert_eq!(layer(&silent, false).state, State::Off);
        assert_eq!(layer(&silent, true).state, State::On);
    }
}
