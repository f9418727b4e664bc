//! What a cell costs: a script in it beside a bare start of the same interpreter.
//!
//! The figure is the ratio of the medians of pairs that ran in turn, so a slow machine or moment
//! counts for both. `cargo bench -p skynet-scripts`. Not a test: it decides nothing.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic, reason = "a bench prints, and ends where it cannot go on")]

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("scripts are off here; there is nothing to measure");
}

#[cfg(target_os = "linux")]
fn main() {
    let role = std::env::args().nth(1);
    if role.as_deref() == Some(linux::LAUNCHER) { skynet_scripts::sandbox::serve().unwrap() } else { linux::measure() }
}

#[cfg(target_os = "linux")]
mod linux {
    use skynet_scripts::sandbox::{Ceiling, Confinement, Contract, Launcher, ScriptLimits};
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;
    use std::process::Command;
    use std::time::{Duration, Instant};
    use tokio::runtime::Runtime;
    use tokio::sync::mpsc;

    pub(crate) const LAUNCHER: &str = "launcher";

    const PAIRS: usize = 60;

    pub(crate) fn measure() {
        let folder = tempfile::tempdir().unwrap();
        let plugin = folder.path().join("plugins/p");
        std::fs::create_dir_all(&plugin).unwrap();
        let mib = 1024 * 1024;
        let limits = ScriptLimits {
            wall: Duration::from_secs(20),
            cpu_seconds: 10,
            address_space: 1024 * mib,
            processes: 16,
            open_files: 64,
            file_size: mib,
            scratch: mib,
            output: mib,
        };
        let (plugins, scratch) = (folder.path().join("plugins"), folder.path().join("scratch"));
        let ceiling = Ceiling {
            plugins,
            scratch,
            roots: BTreeMap::new(),
            tools: Vec::new(),
            limits,
            commands: limits,
            kept: limits,
            without_namespaces: true,
        };
        let launcher = Launcher::start(&std::env::current_exe().unwrap(), &[LAUNCHER], &ceiling).unwrap();
        println!("strength: {:?}", launcher.abilities().strength);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let contract = "import json, sys; print(json.dumps({'result': json.load(sys.stdin)}))";
        for (what, program, text) in [
            ("a shell that does nothing", "sh", ":"),
            ("python that does nothing", "python3", "pass"),
            ("python that reads and answers JSON", "python3", contract),
        ] {
            std::fs::write(plugin.join("main"), text).unwrap();
            let asked = Confinement {
                plugin: "p".into(),
                program: program.into(),
                sha256: None,
                options: Vec::new(),
                script: "main".into(),
                contract: Contract::Lines,
                variables: BTreeMap::new(),
                roots: BTreeSet::new(),
                unchanged: BTreeSet::new(),
                limits,
            };
            pairs(&runtime, &launcher, what, &asked, &plugin.join("main"));
        }
    }

    fn pairs(runtime: &Runtime, launcher: &Launcher, what: &str, asked: &Confinement, script: &Path) {
        let (mut bare, mut cells) = (Vec::new(), Vec::new());
        // The same file: the first of that name in the launcher's own search path.
        let folders = ["/usr/local/bin", "/usr/bin", "/bin"].map(Path::new);
        let program = folders.iter().map(|folder| folder.join(&asked.program)).find(|path| path.exists()).unwrap();
        for _ in 0..PAIRS {
            let begun = Instant::now();
            let mut child = Command::new(&program)
                .arg(script)
                .env_clear()
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"{}").ok();
            child.wait_with_output().unwrap();
            bare.push(begun.elapsed());
            let begun = Instant::now();
            let ended = runtime.block_on(launcher.run(asked, b"{}", None, mpsc::channel(1).0));
            // Those that say nothing have no result, which is no matter here.
            assert!(matches!(ended, Ok(_) | Err(skynet_scripts::sandbox::ScriptError::NoResult { .. })), "{ended:?}");
            cells.push(begun.elapsed());
        }
        let (bare, cell) = (median(bare), median(cells));
        let extra = cell.saturating_sub(bare);
        println!("{what}: bare {bare:.2?}, in a cell {cell:.2?}, {extra:.2?} more, ratio {:.2}", cell.as_secs_f64() / bare.as_secs_f64());
    }

    fn median(mut times: Vec<Duration>) -> Duration {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }
}
