//! Checks of a component in a child of this very binary, behind the second wall.
//!
//! A build needs the machine's compilers and a review the registry's files; what runs a
//! component needs neither. So that part is a process of its own, which gives up everything but
//! one empty folder before it has a second thread: an escape from the engine finds itself there.
//! Owns that folder and the words between the two. A layer that the kernel lacks is said.

use super::checks::{Check, Report};
use super::golden;
use super::subject::Subject;
use super::test::{self, CALLS, TAPE};
use crate::compiler::own_program;
use crate::exit::{self, Kind, fail};
use crate::limits::{CHECKS_BYTES, CHECKS_GRACE};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use skynet_scripts::wall::{self, Layers, State, WallSpec};
use skynet_scripts::worker::{WorkerError, WorkerSpec, run_worker};
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::timeout;

/// The argument that makes this binary the child; the folder, the plugin's name for people and the seconds follow.
pub(crate) const CHECKER: &str = "--check-worker";

/// The plugin in the child's folder.
const PLUGIN: &str = "plugin.wasm";

/// What is to be checked.
pub(super) struct Work<'a> {
    /// For people.
    pub(super) name: &'a str,
    /// The plugin file, whoever signed it.
    pub(super) packed: &'a [u8],
    /// Its author's calls, and what servers answered, as their files hold them.
    pub(super) calls: Option<&'a [u8]>,
    pub(super) tape: Option<&'a [u8]>,
    /// For all checks and calls together.
    pub(super) most: Duration,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Checked {
    pub(super) report: Report,
    /// Layers of the wall that were not to be had, each with the reason.
    pub(super) gaps: Vec<String>,
}

/// What the child says last.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Checked(Checked),
    /// It was refused, or something failed.
    Refused(String),
    Failed(String),
}

/// Runs the child to its end.
pub(super) async fn checked(work: Work<'_>) -> Result<Checked> {
    let folder = tempfile::Builder::new().prefix("skynet-checks-").tempdir()?;
    let files = [(PLUGIN, Some(work.packed)), (CALLS, work.calls), (TAPE, work.tape)];
    for (name, bytes) in files.into_iter().filter_map(|(name, bytes)| Some((name, bytes?))) {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let folder_name = folder.path().to_str().context("the folder of temporary files has no name in UTF-8")?.to_owned();
    let spec = WorkerSpec {
        program: own_program().context("the path of this program")?,
        args: vec![CHECKER.into(), folder_name, work.name.into(), work.most.as_secs().to_string()],
        input: Vec::new(),
        deadline: work.most + CHECKS_GRACE,
        max_output: CHECKS_BYTES,
    };
    let output = match run_worker(spec).await {
        Ok(output) => output,
        Err(WorkerError::Deadline { .. }) => return Err(late(work.most)),
        // Whatever ended the child was done by what it ran.
        Err(error) => return Err(fail(Kind::Refused, format!("the process that ran its checks came to nothing: {error}"))),
    };
    match serde_json::from_slice(&output.stdout).context("what the process that ran its checks said")? {
        Said::Checked(checked) => Ok(checked),
        Said::Refused(why) => Err(fail(Kind::Refused, why)),
        Said::Failed(why) => Err(anyhow::anyhow!(why)),
    }
}

fn late(most: Duration) -> anyhow::Error {
    fail(Kind::Refused, format!("its checks and calls took more than {} s together", most.as_secs()))
}

/// The child, while it has one thread.
pub(crate) fn worker_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let said = match behind_the_wall(arguments) {
        Ok(checked) => Said::Checked(checked),
        Err(error) if exit::kind(&error) == Some(Kind::Refused) => Said::Refused(format!("{error:#}")),
        Err(error) => Said::Failed(format!("{error:#}")),
    };
    let told = serde_json::to_vec(&said).is_ok_and(|said| std::io::stdout().write_all(&said).is_ok());
    if told { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn behind_the_wall(arguments: impl IntoIterator<Item = OsString>) -> Result<Checked> {
    let mut arguments = arguments.into_iter().map(|word| word.into_string().ok());
    let mut next = || arguments.next().flatten().context("this is started by `skynet plugin test` and `skynet registry review` alone");
    let (folder, name, seconds) = (next()?, next()?, next()?);
    let (folder, most) = (Path::new(&folder), Duration::from_secs(seconds.parse()?));
    let spec = WallSpec { write: vec![folder.to_owned()], landlock: true, seccomp: true, ..WallSpec::default() };
    let layers = wall::raise(&spec)?;
    // The hosts that are made here have nowhere else to lie.
    let _ = tempfile::env::override_temp_dir(folder);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads for the checks")?;
    let report = runtime.block_on(async { timeout(most, all(folder, &name)).await.map_err(|_| late(most))? });
    runtime.shutdown_background();
    Ok(Checked { report: report?, gaps: gaps(&layers) })
}

async fn all(folder: &Path, name: &str) -> Result<Report> {
    let packed = std::fs::read(folder.join(PLUGIN)).context("the plugin to check")?;
    let (golden, tape) = (golden::read(&folder.join(CALLS))?, golden::read(&folder.join(TAPE))?);
    test::test(&Subject::handed_in(Path::new(name), &packed)?, &golden, tape).await
}

fn gaps(layers: &Layers) -> Vec<String> {
    let missing = [("landlock", &layers.landlock), ("seccomp", &layers.seccomp)].into_iter().filter(|(_, layer)| layer.state == State::Off);
    missing.map(|(name, layer)| format!("{name} is off: {}", layer.says)).collect()
}

impl Checked {
    /// Where it ran, for people.
    pub(super) fn place(&self) -> String {
        match self.gaps.as_slice() {
            [] => "in the sandbox, behind the second wall".into(),
            gaps => format!("in the sandbox, WITHOUT all of the second wall ({})", gaps.join("; ")),
        }
    }
}

impl Report {
    /// Those that failed, each with its reason.
    pub(super) fn faults(&self) -> Vec<String> {
        let fault = |check: &Check| check.fault.as_ref().map(|fault| format!("{}: {fault}", check.name));
        self.0.iter().filter_map(fault).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_scripts::wall::Layer;

    #[test]
    fn a_layer_that_was_not_to_be_had_is_said_with_its_reason() {
        let layer = |state| Layer::new(state, "an old kernel");
        let layers = |landlock, seccomp| Layers {
            no_new_privileges: layer(State::On),
            landlock: layer(landlock),
            seccomp: layer(seccomp),
            no_core_dumps: layer(State::Partly),
        };
        let place = |layers: &Layers| Checked { report: Report::default(), gaps: gaps(layers) }.place();
        assert_eq!(place(&layers(State::Partly, State::On)), "in the sandbox, behind the second wall");
        let told = place(&layers(State::Off, State::On));
        assert!(told.contains("WITHOUT") && told.contains("landlock is off: an old kernel") && !told.contains("seccomp"), "{told}");
    }
}
