//! Scripts of plugins: the launcher that runs them outside of the host's wall, and what it may give.
//!
//! Owns the bounds of `skynet.toml`, which the launcher hears before the wall goes up and no request
//! exceeds, and the words in which plugins and their owner hear how a run ended. Refuses each script, with
//! the reason, where this machine cannot confine them or the owner wants none.

mod seats;

use crate::home::Home;
use crate::limits::{KEPT_CPU, KEPT_LIFE, KEPT_LINE};
use crate::terminals::command_limits;
use crate::wire;
use async_trait::async_trait;
use seats::Seats;
use serde_json::Value;
use skynet_core::config::{Config, ScriptsConfig};
use skynet_core::neighbours::{Caller, Holds, KeptScript, Script, ScriptError, ScriptOutcome, Scripts, Talk};
use skynet_plugins::trees;
use skynet_policy::naming::plain_line;
use skynet_scripts::sandbox::{Ceiling, Confinement, Contract, Launcher, Said, ScriptError as Broken, ScriptLimits, ScriptRoot, serve};
use skynet_scripts::wall::{Layer, State};
use skynet_scripts::worker::End;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// The argument that makes this binary the launcher.
pub(crate) const LAUNCHER: &str = "__launch-scripts";

/// Where scripts have their scratch folders on machines without namespaces, within the private folder.
const SCRATCH: &str = "scratch";

/// Words of a script that wait to be heard; it waits when there are more.
const WORDS: usize = 64;

/// Characters of one line that a script writes into the host's log.
const LOG_LINE: usize = 1000;

/// Lines that one run may write there.
const LOG_LINES: usize = 100;

/// The launcher, as its own process. First in `main`: it must have one thread.
pub(crate) fn launcher_main() -> ExitCode {
    // A list of processes would show it as `exe`, after the link it was started by.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"skynet-scripts");
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "{refusal}");
            ExitCode::from(71)
        }
    }
}

/// Scripts, as far as this machine and its owner allow.
pub(crate) struct HostScripts {
    launcher: Result<Arc<Launcher>, String>,
    limits: ScriptLimits,
    /// Names of those that the launcher knows.
    roots: BTreeSet<String>,
    seats: Seats,
}

impl HostScripts {
    /// Starts the launcher. Before the wall; what goes wrong keeps scripts from running and not the host.
    pub(crate) fn start(home: &Home, config: &Config) -> Self {
        let limits = limits(&config.scripts);
        if !config.scripts.enabled {
            let off = "the owner switched scripts off; `skynet config set scripts.enabled true` and a restart switch them on";
            return Self { launcher: Err(off.into()), limits, roots: BTreeSet::new(), seats: Seats::default() };
        }
        let ceiling = Ceiling {
            plugins: trees::kept_in(&home.private()),
            scratch: home.private().join(SCRATCH),
            roots: roots(home, config),
            tools: config.scripts.tools.clone(),
            limits,
            commands: command_limits(limits),
            kept: kept_limits(limits),
            without_namespaces: config.scripts.without_namespaces,
        };
        let program = if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() };
        let started = program.and_then(|program| Launcher::start(&program, &[LAUNCHER], &ceiling)).map(Arc::new);
        let launcher = started.map_err(|error| format!("scripts are off: {error}. Restart skynet, and look into its log"));
        let scripts = Self { launcher, limits, roots: ceiling.roots.into_keys().collect(), seats: Seats::default() };
        for (name, layer) in scripts.layers() {
            match layer.state {
                State::Off => tracing::warn!("{name}: OFF: {}", layer.says),
                _ => tracing::info!("{name}: {}", layer.says),
            }
        }
        scripts
    }

    /// A host that runs none.
    pub(crate) fn off(why: &str) -> Self {
        Self { launcher: Err(why.to_owned()), limits: limits(&ScriptsConfig::default()), roots: BTreeSet::new(), seats: Seats::default() }
    }

    /// Their launcher, for what else runs in cells, or why there is none.
    pub(crate) fn launcher(&self) -> Result<Arc<Launcher>, String> {
        self.launcher.clone()
    }

    /// What one script may use.
    pub(crate) fn limits(&self) -> ScriptLimits {
        self.limits
    }

    /// Names of the roots that scripts can be given.
    pub(crate) fn open_roots(&self) -> BTreeSet<String> {
        self.roots.clone()
    }

    /// What confines them here, for people.
    pub(crate) fn layers(&self) -> Vec<(String, Layer)> {
        match &self.launcher {
            Ok(launcher) => launcher.abilities().named().into_iter().map(|(name, layer)| (name.to_owned(), layer)).collect(),
            Err(why) => vec![("scripts".to_owned(), Layer::new(State::Off, why.as_str()))],
        }
    }

    fn confinement(&self, script: &Script) -> Confinement {
        Confinement {
            plugin: script.tree.clone(),
            program: script.program.clone(),
            sha256: None,
            options: script.options.clone(),
            script: script.file.clone(),
            contract: if script.speaks_lines { Contract::Lines } else { Contract::Environment },
            variables: BTreeMap::new(),
            roots: script.roots.keys().cloned().collect(),
            unchanged: unchanged(&script.roots),
            limits: ScriptLimits { wall: script.wall.min(self.limits.wall), ..self.limits },
        }
    }

    fn confinement_of(&self, kept: &KeptScript) -> Confinement {
        Confinement {
            plugin: kept.tree.clone(),
            program: kept.program.clone(),
            sha256: Some(kept.sha256.clone()),
            options: kept.arguments.clone(),
            script: String::new(),
            contract: Contract::Kept,
            variables: kept.environment.clone(),
            roots: kept.roots.keys().cloned().collect(),
            unchanged: unchanged(&kept.roots),
            limits: kept_limits(self.limits),
        }
    }
}

/// Those that may be read alone.
fn unchanged(roots: &BTreeMap<String, bool>) -> BTreeSet<String> {
    roots.iter().filter(|(_, may_change)| !**may_change).map(|(name, _)| name.clone()).collect()
}

/// What a program may use that stays: the same at any time, and more over all of it.
fn kept_limits(limits: ScriptLimits) -> ScriptLimits {
    ScriptLimits { wall: KEPT_LIFE, cpu_seconds: limits.cpu_seconds.max(KEPT_CPU.as_secs()), output: KEPT_LINE, ..limits }
}

fn limits(config: &ScriptsConfig) -> ScriptLimits {
    let limits = &config.limits;
    ScriptLimits {
        wall: Duration::from_secs(limits.wall_s),
        cpu_seconds: limits.cpu_s,
        address_space: limits.memory_bytes,
        processes: limits.processes,
        open_files: limits.open_files,
        file_size: limits.file_bytes,
        scratch: limits.scratch_bytes,
        output: limits.output_bytes,
    }
}

fn roots(home: &Home, config: &Config) -> BTreeMap<String, ScriptRoot> {
    let open = |name: &String| config.scripts.roots.as_ref().is_none_or(|names| names.contains(name));
    let roots = wire::roots(home, config).into_iter().filter(|(name, _)| open(name));
    roots.map(|(name, root)| (name, ScriptRoot { path: root.path, writable: root.writable })).collect()
}

#[async_trait]
impl Scripts for HostScripts {
    async fn run(
        &self,
        caller: &Caller,
        name: &str,
        script: Option<&Script>,
        input: &Value,
        way_out: Option<OwnedFd>,
    ) -> Result<ScriptOutcome, ScriptError> {
        let script = script.ok_or_else(|| ScriptError::Unknown(name.to_owned()))?;
        let launcher = self.launcher.as_ref().map_err(|why| ScriptError::Denied(why.clone()))?;
        let (confinement, input) = (self.confinement(script), input.to_string());
        let (says, mut hears) = mpsc::channel(WORDS);
        let (mut pieces, mut lines) = (String::new(), 0);
        let listen = async {
            while let Some(word) = hears.recv().await {
                match word {
                    // Bounded by what it may write at all.
                    Said::Delta(piece) => {
                        caller.context.progress.say(&piece);
                        pieces.push_str(&piece);
                    }
                    Said::Log(line) if lines < LOG_LINES => {
                        lines += 1;
                        tracing::info!(plugin = %caller.plugin, script = true, "{}", plain_line(&line, LOG_LINE));
                    }
                    Said::Log(_) => {}
                }
            }
        };
        let (ended, ()) = tokio::join!(launcher.run(&confinement, input.as_bytes(), way_out, says), listen);
        match ended {
            Ok(outcome) => {
                complaints(caller, &outcome.stderr);
                Ok(ScriptOutcome { exit_code: 0, output: output(script, outcome.result, pieces), truncated: false })
            }
            Err(Broken::Failed { end: End::Code(exit_code), stdout, stderr }) => {
                Ok(ScriptOutcome { exit_code, output: [stdout, stderr].concat(), truncated: false })
            }
            Err(error) => Err(told(error)),
        }
    }

    async fn begin(&self, caller: &Caller, name: &str, kept: Option<&KeptScript>, holds: Holds) -> Result<Box<dyn Talk>, ScriptError> {
        let kept = kept.ok_or_else(|| ScriptError::Unknown(name.to_owned()))?;
        let launcher = self.launcher.as_ref().map_err(|why| ScriptError::Denied(why.clone()))?;
        let start = || async {
            let started = launcher.keep(&self.confinement_of(kept), None).await.map_err(told)?;
            tracing::info!(plugin = %caller.plugin, "its program was started and is kept");
            Ok(started)
        };
        self.seats.begin(&caller.plugin.id, kept, holds, start).await
    }
}

/// What the bridge reads: JSON of a script that speaks it, else its text.
fn output(script: &Script, result: Value, pieces: String) -> String {
    match (script.speaks_lines, result) {
        // The pieces were all it had to say.
        (true, Value::Null) if !pieces.is_empty() => Value::String(pieces).to_string(),
        (true, result) => result.to_string(),
        (false, Value::String(text)) => text,
        (false, other) => other.to_string(),
    }
}

/// What it said on stderr although all went well.
fn complaints(caller: &Caller, stderr: &str) {
    for line in stderr.lines().filter(|line| !line.trim().is_empty()).take(LOG_LINES) {
        tracing::debug!(plugin = %caller.plugin, script = true, "{}", plain_line(line, LOG_LINE));
    }
}

fn told(error: Broken) -> ScriptError {
    let why = plain_line(&error.to_string(), LOG_LINE);
    match error {
        Broken::Refused(_) => ScriptError::Denied(why),
        Broken::Deadline { .. } => ScriptError::TimedOut(why),
        _ => ScriptError::Failed(why),
    }
}
