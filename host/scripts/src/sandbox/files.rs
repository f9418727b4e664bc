//! The file wall of a script: landlock, in the full or it does not run.
//!
//! System, plugin and the roots to be read may be read; the scratch folder and writable roots
//! changed; devices of the list used. No TCP, no signal and no abstract socket leads out of the cell.
//! Owns these rights. Refuses when a path is not there or the kernel takes less than this cell needs.

use super::check::Job;
use super::last::Place;
use super::system::{DEVICES, Seen, System};
use super::{Part, Refusal, Strength, failed};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};
use std::os::fd::AsFd;
use std::path::Path;

/// The interface that the rights were chosen from. With namespaces an older one will do, as mounts
/// guard there what it does not know; without them all of it is needed.
const CHOSEN: ABI = ABI::V6;

const NOT_TAKEN: &str = "the kernel does not take the rules";

/// Sets it for this process and all that it starts.
pub(super) fn confine(job: &Job, system: &System, place: &Place<'_>) -> Result<(), Refusal> {
    let status = restrict(job, system, place)?;
    match (status.ruleset, place.strength) {
        (RulesetStatus::FullyEnforced, _) | (RulesetStatus::PartiallyEnforced, Strength::Full) => Ok(()),
        (other, _) => Err(Refusal::new(Part::Files, format!("the kernel enforces too little of the rules ({other:?}). Use a newer one"))),
    }
}

/// The version of the kernel's interface. Confines this process, so it is asked in a child.
pub(super) fn version() -> Result<u8, String> {
    let status = ruleset().and_then(RulesetCreated::restrict_self).map_err(|error| error.to_string())?;
    match status.landlock {
        LandlockStatus::NotImplemented => Err("this kernel is built without it, or something hides it".into()),
        LandlockStatus::NotEnabled => Err("this kernel has it, but was started without it (boot parameter lsm=)".into()),
        LandlockStatus::Available { .. } if status.ruleset == RulesetStatus::NotEnforced => {
            Err("the kernel takes the rules and does not enforce them".into())
        }
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            Ok(u8::try_from(kernel_abi.unwrap_or(effective_abi as i32)).unwrap_or(u8::MAX))
        }
    }
}

fn ruleset() -> Result<RulesetCreated, RulesetError> {
    let all = Ruleset::default().handle_access(AccessFs::from_all(CHOSEN))?;
    all.handle_access(AccessNet::from_all(CHOSEN))?.scope(Scope::from_all(CHOSEN))?.create()
}

fn restrict(job: &Job, system: &System, place: &Place<'_>) -> Result<RestrictionStatus, Refusal> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let run = read | AccessFs::Execute;
    let special = make_bitflags!(AccessFs::{Execute | MakeChar | MakeBlock | MakeSock | IoctlDev});
    let change = AccessFs::from_all(CHOSEN) & !special;
    let mut rules = ruleset().map_err(failed(Part::Files, NOT_TAKEN))?;
    for path in system.seen.iter().filter_map(|seen| if let Seen::Tree(path) = seen { Some(path) } else { None }) {
        rules = allow(rules, path, run)?;
    }
    for device in DEVICES.iter().map(Path::new).filter(|path| path.exists()) {
        rules = allow(rules, device, AccessFs::ReadFile | AccessFs::WriteFile)?;
    }
    if place.proc {
        rules = allow(rules, Path::new("/proc"), read)?;
    }
    // What was looked at, and not what a name may lead to by now.
    if let Some(plugin) = &job.plugin {
        rules = beneath(rules, &plugin.opened, run)?;
    }
    for root in &job.roots {
        rules = beneath(rules, &root.opened, if root.writable { change } else { read })?;
    }
    beneath(rules, place.opened, change)?.restrict_self().map_err(failed(Part::Files, NOT_TAKEN))
}

fn allow(rules: RulesetCreated, path: &Path, rights: BitFlags<AccessFs>) -> Result<RulesetCreated, Refusal> {
    let opened = PathFd::new(path).map_err(failed(Part::Files, &path.display().to_string()))?;
    // Rights of folders on a file are a fault to the kernel.
    let rights = if path.is_dir() { rights } else { rights & AccessFs::from_file(CHOSEN) };
    beneath(rules, opened, rights)
}

fn beneath(rules: RulesetCreated, opened: impl AsFd, rights: BitFlags<AccessFs>) -> Result<RulesetCreated, Refusal> {
    rules.add_rule(PathBeneath::new(opened, rights)).map_err(failed(Part::Files, NOT_TAKEN))
}
