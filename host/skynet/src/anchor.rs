//! Checkpoints of the audit log, kept where the owner says: a file, a program, or both.
//!
//! The host is behind its wall, where no program of the system can be started. So the
//! owner's program is run by a keeper: this binary again, started ahead of the wall, which
//! reads checkpoints on its input and ends with it.

use crate::exit::{Kind, fail};
use crate::home::Home;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_core::config::AuditConfig;
use skynet_scripts::early::Early;
use skynet_scripts::system::feed_tool;
use skynet_store::Store;
use std::io::{BufRead as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The first argument of a keeper.
pub(crate) const KEEPER: &str = "__keep-checkpoints";

/// For a program that sends a checkpoint somewhere.
const COMMAND: Duration = Duration::from_secs(60);

/// The file of anchors, if the owner named one.
pub(crate) fn file(home: &Home, config: &AuditConfig) -> Option<PathBuf> {
    config.anchor_file.as_ref().map(|file| home.root().join(file))
}

/// Hands a checkpoint to everything that the owner named.
pub(crate) async fn keep(home: &Home, config: &AuditConfig, note: &str) -> Result<()> {
    if let Some(path) = file(home, config) {
        append(&path, note)?;
    }
    run(&config.anchor_command, note).await
}

async fn run(command: &[String], note: &str) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = feed_tool(program, &arguments, note.as_bytes(), COMMAND).await.context("audit.anchor_command took no checkpoint")?;
    anyhow::ensure!(output.code == 0, "audit.anchor_command ended with {}: {}", output.code, output.stderr.trim());
    Ok(())
}

fn open(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Appends a note unless it is the last one there already.
fn append(path: &Path, note: &str) -> Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|text| text.trim_end().ends_with(note.trim_end())) {
        return Ok(());
    }
    let put = || {
        let mut file = open(path)?;
        file.write_all(format!("{note}\n").as_bytes())?;
        file.sync_all()
    };
    put().with_context(|| format!("audit.anchor_file {} took no checkpoint", path.display()))
}

/// What keeps the checkpoints of a running host.
pub(crate) struct Anchor {
    config: AuditConfig,
    keeper: Option<Mutex<Early>>,
    /// The last one that was kept.
    kept: Mutex<String>,
}

impl Anchor {
    /// Starts the keeper, and makes the file if it is absent: both before the wall is up.
    pub(crate) fn start(home: &Home, config: &AuditConfig) -> Result<Self> {
        if let Some(path) = file(home, config) {
            let bad = |error: std::io::Error| fail(Kind::BadConfig, format!("audit.anchor_file {}: {error}", path.display()));
            open(&path).map_err(bad)?;
        }
        let keeper = match config.anchor_command.is_empty() {
            true => None,
            false => {
                let program = std::env::current_exe().context("the path of this program")?;
                let command = serde_json::to_string(&config.anchor_command)?;
                Some(Mutex::new(Early::start(&program, &[KEEPER, &command]).context("the keeper of audit checkpoints")?))
            }
        };
        Ok(Self { config: config.clone(), keeper, kept: Mutex::default() })
    }

    /// Signs and keeps checkpoints from time to time, for as long as it is polled.
    pub(crate) async fn tend(self: Arc<Self>, home: Home, store: Store) {
        let every = Duration::from_secs(self.config.checkpoint_interval_s);
        loop {
            tokio::time::sleep(every).await;
            self.sign(&home, &store).await;
        }
    }

    /// Signs what is new and keeps it; a failure is told and tried again the next time.
    pub(crate) async fn sign(&self, home: &Home, store: &Store) {
        let note = match store.checkpoint().await {
            Ok(Some(note)) => note,
            Ok(None) => return,
            Err(error) => return tracing::error!(%error, "the audit log was not signed"),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if *kept == note {
            return;
        }
        match self.hand_over(home, &note) {
            Ok(()) => *kept = note,
            Err(error) => tracing::error!("an audit checkpoint was not kept: {error:#}"),
        }
    }

    fn hand_over(&self, home: &Home, note: &str) -> Result<()> {
        if let Some(path) = file(home, &self.config) {
            append(&path, note)?;
        }
        if let Some(keeper) = &self.keeper {
            let line = format!("{}\n", json!(note));
            let mut keeper = keeper.lock().unwrap_or_else(PoisonError::into_inner);
            keeper.write(line.as_bytes()).context("the keeper of audit checkpoints has ended")?;
        }
        Ok(())
    }
}

/// What a keeper does: runs the owner's program for each checkpoint until its input ends.
pub(crate) fn keeper_main() -> ExitCode {
    let Some(command) = std::env::args().nth(2).and_then(|text| serde_json::from_str::<Vec<String>>(&text).ok()) else {
        return ExitCode::from(2);
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return ExitCode::FAILURE };
    for line in std::io::stdin().lock().lines() {
        let Ok(Ok(note)) = line.map(|line| serde_json::from_str::<String>(&line)) else { break };
        if let Err(error) = runtime.block_on(run(&command, &note)) {
            // The host's own log; nobody waits for an answer.
            let _ = writeln!(std::io::stderr(), "skynet: an audit checkpoint was not kept: {error:#}");
        }
    }
    ExitCode::SUCCESS
}
