//! From a request to a job: every name in it becomes a path or an open folder, or is refused.
//!
//! Runs outside of the host's wall on words that an escaped guest may have written. So it goes by
//! the ceiling alone, opens folders without following links, and hands the opened ones on:
//! what was looked at is what is mounted. Refuses whatever is over the ceiling.

use super::command::{Asked, Command, STARTUP};
use super::system::System;
use super::{Ceiling, Confinement, Contract, Part, Refusal, ScriptLimits, ScriptRoot, Strength, failed, program};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, openat2};
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// A folder of the owner's, opened.
pub(super) struct Granted {
    pub(super) path: PathBuf,
    pub(super) opened: OwnedFd,
    pub(super) writable: bool,
}

/// A request in which everything is settled.
pub(super) struct Job {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) variables: BTreeMap<String, String>,
    /// The plugin's folder, which is never writable. A command has none.
    pub(super) plugin: Option<Granted>,
    /// A folder that is there for certain, where the cell's own root is put.
    pub(super) place: OwnedFd,
    pub(super) roots: Vec<Granted>,
    /// Whether it runs in the plugin's folder and not in its scratch folder.
    pub(super) in_plugin: bool,
    /// What is written into its scratch folder first.
    pub(super) startup: Option<String>,
    /// Whether its input is a terminal, which it is to command.
    pub(super) terminal: bool,
    /// Whether it stays between calls.
    pub(super) kept: bool,
    pub(super) limits: ScriptLimits,
}

pub(super) fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(Part::Request, reason))
}

/// Settles a request.
pub(super) fn job(asked: Asked, ceiling: &Ceiling, system: &System, strength: Strength) -> Result<Job, Refusal> {
    match asked {
        Asked::Script(request) => script_job(request, ceiling, system, strength),
        Asked::Command(request) => command_job(request, ceiling, system, strength),
    }
}

/// What a root is called in the variable that says where it is: SKYNET_ROOT_WORKSPACE.
const ROOT: &str = "SKYNET_ROOT_";

fn script_job(request: Confinement, ceiling: &Ceiling, system: &System, strength: Strength) -> Result<Job, Refusal> {
    let kept = request.contract == Contract::Kept;
    within(&request.limits, if kept { &ceiling.kept } else { &ceiling.limits })?;
    let plugin = plugin(&request.plugin, ceiling)?;
    let script = if kept { None } else { Some(script(&request.script, &plugin)?) };
    let roots = roots(&request.roots, &request.unchanged, ceiling)?;
    if strength == Strength::Plain {
        separable(&roots, Some(&plugin))?;
    }
    let program = if kept { program::find(&request.program, &plugin, system)? } else { system.find(&request.program)? };
    if let Some(wanted) = &request.sha256 {
        program::same(&program, wanted)?;
    }
    let in_plugin = request.contract != Contract::Lines;
    // As the first of these contracts had it, a script there knows itself by its name in its folder.
    let script = script.map(|script| if in_plugin { script } else { plugin.path.join(script) });
    let script = script.map(|script| script.into_os_string().into_string()).transpose();
    let Ok(script) = script else { return refuse("the plugin lies in a folder whose name is not UTF-8") };
    let arguments: Vec<String> = request.options.into_iter().chain(script).collect();
    let own = with_roots(request.variables, &request.roots, ceiling);
    Ok(Job { in_plugin, kept, plugin: Some(plugin), roots, ..bare_job(program, arguments, own, request.limits, ceiling)? })
}

fn command_job(request: Command, ceiling: &Ceiling, system: &System, strength: Strength) -> Result<Job, Refusal> {
    within(&request.limits, &ceiling.commands)?;
    let roots = roots(&request.roots, &request.unchanged, ceiling)?;
    if strength == Strength::Plain {
        separable(&roots, None)?;
    }
    let program = system.find(&request.program)?;
    let (startup, terminal) = (request.startup, request.window.is_some());
    let own = with_roots(request.variables, &request.roots, ceiling);
    Ok(Job { startup, terminal, roots, ..bare_job(program, request.arguments, own, request.limits, ceiling)? })
}

fn within(limits: &ScriptLimits, ceiling: &ScriptLimits) -> Result<(), Refusal> {
    if let Some(name) = limits.above(ceiling) {
        return refuse(format!("it asks for more {name} than the owner allows scripts. Ask for less"));
    }
    if limits.processes == 0 || limits.scratch == 0 {
        return refuse("it asks for no process or no scratch folder at all. Ask for at least one");
    }
    Ok(())
}

/// What all have, with nothing of the owner's.
fn bare_job(
    program: PathBuf,
    arguments: Vec<String>,
    own: BTreeMap<String, String>,
    limits: ScriptLimits,
    ceiling: &Ceiling,
) -> Result<Job, Refusal> {
    if arguments.iter().any(|argument| argument.contains('\0')) {
        return refuse("an argument has a zero in it");
    }
    variables(&own)?;
    let place = open(&ceiling.plugins, ResolveFlags::NO_SYMLINKS);
    let place = place.map_err(failed(Part::Request, "the folder of script plugins cannot be opened"))?;
    let (plugin, roots, startup) = (None, Vec::new(), None);
    Ok(Job { program, arguments, variables: own, plugin, place, roots, in_plugin: false, startup, terminal: false, kept: false, limits })
}

/// Where `Job::startup` goes.
pub(super) fn startup_in(scratch: &Path) -> PathBuf {
    scratch.join(STARTUP)
}

/// A job without a script, to try a cell with.
pub(super) fn trial(ceiling: &Ceiling) -> Result<Job, Refusal> {
    bare_job(PathBuf::new(), Vec::new(), BTreeMap::new(), ceiling.limits, ceiling)
}

fn open(path: &Path, resolve: ResolveFlags) -> rustix::io::Result<OwnedFd> {
    openat2(rustix::fs::CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty(), resolve)
}

fn plugin(name: &str, ceiling: &Ceiling) -> Result<Granted, Refusal> {
    let mut parts = Path::new(name).components();
    let (Some(Component::Normal(_)), None, false) = (parts.next(), parts.next(), name.contains('\0')) else {
        return refuse("the plugin's folder is not one name");
    };
    let path = ceiling.plugins.join(name);
    let opened = open(&path, ResolveFlags::NO_SYMLINKS);
    let opened = opened.map_err(failed(Part::Request, "the plugin's folder cannot be opened"))?;
    Ok(Granted { path, opened, writable: false })
}

pub(super) fn script(name: &str, plugin: &Granted) -> Result<PathBuf, Refusal> {
    let path = Path::new(name);
    let plain = |part| matches!(part, Component::Normal(_));
    // One that begins so would be read as an option.
    if name.is_empty() || name.starts_with('-') || name.contains('\0') || !path.components().all(plain) {
        return refuse("the script is not a file in the plugin's folder");
    }
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let opened = openat2(&plugin.opened, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), inside);
    let opened = opened.map_err(failed(Part::Request, "the script cannot be opened in the plugin's folder"))?;
    match kind(&opened)? {
        FileType::RegularFile => Ok(path.to_owned()),
        _ => refuse("the script is not a plain file"),
    }
}

fn kind(opened: impl AsFd) -> Result<FileType, Refusal> {
    let stat = rustix::fs::statat(opened, c"", AtFlags::EMPTY_PATH).map_err(failed(Part::Request, "the script cannot be looked at"))?;
    Ok(FileType::from_raw_mode(stat.st_mode))
}

fn roots(names: &BTreeSet<String>, unchanged: &BTreeSet<String>, ceiling: &Ceiling) -> Result<Vec<Granted>, Refusal> {
    names.iter().map(|name| root(name, unchanged.contains(name), ceiling)).collect()
}

/// The variables, with one for each root that says where it is.
fn with_roots(mut variables: BTreeMap<String, String>, names: &BTreeSet<String>, ceiling: &Ceiling) -> BTreeMap<String, String> {
    for name in names {
        // One whose path is no text has no variable; it is there all the same.
        let Some(path) = ceiling.roots.get(name).and_then(|root| root.path.to_str()) else { continue };
        let spelled = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
        variables.insert(ROOT.chars().chain(spelled).collect(), path.to_owned());
    }
    variables
}

fn root(name: &str, unchanged: bool, ceiling: &Ceiling) -> Result<Granted, Refusal> {
    let Some(ScriptRoot { path, writable }) = ceiling.roots.get(name) else {
        return refuse(format!("no root `{}` is open to scripts", name.escape_debug()));
    };
    let opened = open(path, ResolveFlags::NO_SYMLINKS).map_err(failed(Part::Request, &format!("the root `{name}` cannot be opened")))?;
    Ok(Granted { path: path.clone(), opened, writable: *writable && !unchanged })
}

/// Landlock cannot take from a folder what the one around it gives; mounts can.
fn separable(roots: &[Granted], plugin: Option<&Granted>) -> Result<(), Refusal> {
    let read_only = roots.iter().filter(|root| !root.writable).chain(plugin);
    for inner in read_only {
        if roots.iter().any(|outer| outer.writable && inner.path.starts_with(&outer.path)) {
            return refuse("a folder to be read lies in one that may be changed, which needs namespaces to tell apart");
        }
    }
    Ok(())
}

/// The variables that every script has are not the request's, nor are those that the loader goes by.
fn variables(variables: &BTreeMap<String, String>) -> Result<(), Refusal> {
    for (name, value) in variables {
        let spelled = name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        let taken = ["PATH", "HOME", "TMPDIR", "LANG", super::last::PROXY_FD].contains(&name.as_str()) || name.starts_with("LD_");
        if !spelled || taken || value.contains('\0') {
            return refuse(format!("the variable `{}` cannot be set", name.escape_debug()));
        }
    }
    Ok(())
}
