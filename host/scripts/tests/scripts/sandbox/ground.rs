//! The ground of these tests: a folder of plugins, two roots, what belongs to others, and a launcher.

use seccompiler::{SeccompAction, SeccompFilter};
use skynet_scripts::sandbox::{
    Ceiling, Confinement, Contract, Launcher, Outcome, Refusal, Said, ScriptError, ScriptLimits, ScriptRoot, serve,
};
use skynet_scripts::wall::{State, WallSpec, raise};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// What begins the argument that makes this program the launcher.
pub(crate) const ROLE: &str = "--play-the-launcher=";

pub(crate) const MIB: u64 = 1024 * 1024;

/// Enough for any script here on a loaded machine.
pub(crate) fn limits() -> ScriptLimits {
    ScriptLimits {
        wall: crate::lifeline::PATIENCE,
        cpu_seconds: 30,
        address_space: 1024 * MIB,
        processes: 16,
        open_files: 64,
        file_size: 8 * MIB,
        scratch: 16 * MIB,
        output: MIB,
    }
}

/// The machines on which a script runs, in which the same must hold: as whoever runs the tests, as an
/// ordinary user, and as one whom the machine gives no namespaces.
const MACHINES: [&str; 3] = ["rich", "user", "no namespaces"];

/// One ground on each of them that this machine can be.
pub(crate) fn grounds() -> impl Iterator<Item = (&'static str, Ground)> {
    MACHINES.into_iter().filter_map(|machine| Some((machine, Ground::confined(machine)?)))
}

/// The launcher's part, on a machine that lacks what the role names.
pub(crate) fn play(role: &str) -> Result<(), Refusal> {
    match role {
        "rich" => {}
        "user" => become_nobody(),
        "no landlock" => hide(&[libc::SYS_landlock_create_ruleset], libc::ENOSYS),
        "no seccomp" => hide(&[libc::SYS_seccomp], libc::ENOSYS),
        // As the filter of container engines has it.
        "no namespaces" => {
            become_nobody();
            hide(&[libc::SYS_unshare], libc::EPERM);
        }
        "no namespaces for root" => hide(&[libc::SYS_unshare], libc::EPERM),
        // As where users may have namespaces, and no rights in them.
        "no mounts" => {
            become_nobody();
            hide(&[libc::SYS_open_tree, libc::SYS_fsopen, libc::SYS_mount], libc::EPERM);
        }
        "threads" => {
            let (ready, wait) = std::sync::mpsc::channel();
            std::thread::spawn(move || ready.send(()).map(|()| std::thread::park()));
            wait.recv().unwrap();
        }
        "host behind its wall" => {
            behind_the_wall();
            return Ok(());
        }
        other => panic!("no role {other}"),
    }
    serve()
}

/// Not the launcher's part but the host's: starts it, raises the wall, and runs a script from behind that.
fn behind_the_wall() {
    let Some(ground) = Ground::full() else { return };
    let spec = WallSpec { write: vec![ground.at("")], landlock: true, seccomp: true, ..WallSpec::default() };
    let layers = raise(&spec).unwrap();
    assert!(layers.landlock.state == State::On && layers.seccomp.state == State::On, "{layers:?}");
    assert!(std::process::Command::new("/bin/sh").arg("-c").arg(":").status().is_err(), "the wall stops programs");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(ground.prints(&ground.script("sh", "echo ran"))), "ran\n");
    let mut slow = ground.script("sh", "sleep 1000");
    slow.limits.wall = Duration::from_millis(100);
    assert!(matches!(runtime.block_on(ground.run(&slow)), Err(ScriptError::Deadline { .. })));
}

/// Whom the kernel exempts from nothing. Does nothing for who is not root.
fn become_nobody() {
    if rustix::process::geteuid().is_root() {
        // SAFETY: numbers only, in a process with one thread.
        assert!(unsafe { libc::setgroups(0, std::ptr::null()) == 0 && libc::setgid(65534) == 0 && libc::setuid(65534) == 0 });
        // As it would be had that user started it.
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable).unwrap();
    }
}

fn hide(calls: &[libc::c_long], errno: i32) {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno.unsigned_abs()), arch).unwrap();
    let program: seccompiler::BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

/// On a machine without namespaces the processes of all tests that run at this time count together.
fn limits_on(machine: &str) -> ScriptLimits {
    let processes = if machine.starts_with("no ") { 1000 } else { limits().processes };
    ScriptLimits { processes, ..limits() }
}

pub(crate) struct Ground {
    pub(crate) limits: ScriptLimits,
    folder: tempfile::TempDir,
    pub(crate) launcher: Launcher,
}

impl Ground {
    /// On a machine that gives the full cell; says why there is none where it does not.
    pub(crate) fn full() -> Option<Self> {
        Self::full_as("rich")
    }

    /// The same, for one of the roles with all of a machine.
    pub(crate) fn full_as(machine: &str) -> Option<Self> {
        Self::on(machine, false).if_confined(machine)
    }

    /// On a machine that has any cell, by leave of the owner.
    pub(crate) fn confined(machine: &str) -> Option<Self> {
        Self::on(machine, true).if_confined(machine)
    }

    fn if_confined(self, machine: &str) -> Option<Self> {
        match &self.launcher.abilities().strength {
            Ok(_) => Some(self),
            Err(why) => {
                eprintln!("not tested as `{machine}`: {why}");
                None
            }
        }
    }

    pub(crate) fn on(machine: &str, without_namespaces: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["plugins/p", "shown", "shared", "elsewhere", "scratch"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("file"), "text").unwrap();
        }
        fs::remove_file(folder.path().join("scratch/file")).unwrap();
        for name in [".", "plugins", "shared", "scratch"] {
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o777)).unwrap();
        }
        let at = |name: &str| folder.path().join(name);
        let roots = [("shown", "shown", false), ("shared", "shared", true), ("around", "plugins", true)];
        let roots = roots.into_iter().map(|(name, folder, writable)| (name.to_owned(), ScriptRoot { path: at(folder), writable }));
        let ceiling = Ceiling {
            plugins: at("plugins"),
            scratch: at("scratch"),
            roots: roots.collect(),
            tools: Vec::new(),
            limits: limits_on(machine),
            commands: limits_on(machine),
            kept: limits_on(machine),
            without_namespaces,
        };
        let role = format!("{ROLE}{machine}");
        // Two filters of which the second meets no test: a place for the role.
        let arguments = ["sandbox::the_launcher_itself", "--exact", "--nocapture", "--test-threads=1", "--", &role];
        let launcher = Launcher::start(&std::env::current_exe().unwrap(), &arguments, &ceiling).unwrap();
        Self { limits: limits_on(machine), folder, launcher }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// Puts a script into the plugin's folder; what to ask for to run it.
    pub(crate) fn script(&self, program: &str, text: &str) -> Confinement {
        self.named("main", program, text)
    }

    /// The same, for tests that need several scripts.
    pub(crate) fn named(&self, name: &str, program: &str, text: &str) -> Confinement {
        fs::write(self.at("plugins/p").join(name), text).unwrap();
        Confinement {
            plugin: "p".into(),
            program: program.into(),
            sha256: None,
            options: Vec::new(),
            script: name.into(),
            contract: Contract::Environment,
            variables: BTreeMap::new(),
            roots: BTreeSet::new(),
            unchanged: BTreeSet::new(),
            limits: self.limits,
        }
    }

    pub(crate) async fn run(&self, confinement: &Confinement) -> Result<Outcome, ScriptError> {
        let (said, _) = mpsc::channel::<Said>(16);
        self.launcher.run(confinement, b"{}", None, said).await
    }

    /// What a script in text prints.
    pub(crate) async fn prints(&self, confinement: &Confinement) -> String {
        match self.run(confinement).await {
            Ok(outcome) => outcome.result.as_str().unwrap().to_owned(),
            Err(ScriptError::Failed { end, stdout, stderr }) => panic!("it ended {end:?}: {stdout}\n{stderr}"),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn python(&self, text: &str) -> String {
        self.prints(&self.script("python3", &format!("{TRY}\n{text}"))).await
    }

    /// The same on each machine, with both roots; each line must be one of these, in which `|` parts what may be.
    pub(crate) async fn everywhere(text: &str, expected: &str) {
        for (machine, ground) in grounds() {
            let text = text.replace("GROUND", ground.at("").to_str().unwrap());
            let mut script = ground.script("python3", &format!("{TRY}\n{text}"));
            script.roots = ["shown".to_owned(), "shared".to_owned()].into();
            let printed = ground.prints(&script).await;
            let (found, expected): (Vec<_>, Vec<_>) = (printed.lines().collect(), expected.lines().map(str::trim).collect());
            assert_eq!(found.len(), expected.len(), "{machine}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                let (what, answers) = expected.split_once(' ').unwrap();
                let holds = found.split_once(' ').is_some_and(|(name, answer)| name == what && answers.split('|').any(|one| one == answer));
                assert!(holds, "{machine}: {found}, and not {expected}");
            }
            assert!(ground.is_swept(), "{machine}");
        }
    }

    /// Whether nothing was left where scripts have their scratch folders.
    pub(crate) fn is_swept(&self) -> bool {
        fs::read_dir(self.at("scratch")).map_or(true, |mut entries| entries.next().is_none())
    }
}

/// A C program in the plugin's folder, and a script that starts it.
pub(crate) fn compile(ground: &Ground, text: &str) -> bool {
    let (source, program) = (ground.at("program.c"), ground.at("plugins/p/program"));
    fs::write(&source, text).unwrap();
    let arguments = [Path::new("-O1"), Path::new("-o"), &program, &source];
    std::process::Command::new("cc").args(arguments).status().is_ok_and(|status| status.success())
}

/// Says in one word what the system answered.
pub(crate) const TRY: &str = "
import os, sys, socket, errno
def said(what, try_it):
    try:
        try_it()
        print(what, 'ok')
    except OSError as error:
        print(what, errno.errorcode.get(error.errno, error.errno))
";
