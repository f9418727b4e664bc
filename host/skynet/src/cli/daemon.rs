//! `skynet daemon`: the host in the background, by the system's service manager
//! where there is one, else as a detached process of this binary.

pub(crate) mod service;
mod unit;

use crate::args::Daemon;
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::lock;
use crate::output::Out;
use crate::vault::{self, Ask, Places};
use anyhow::{Context, Result};
use serde_json::json;
use service::Manager;
use skynet_scripts::detach::{DetachSpec, start_detached};
use std::process::{Child, ExitStatus};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// From start to ready: migrations and a cold disk, no compiling.
const READY: Duration = Duration::from_secs(30);
/// From SIGTERM to the end: the drain of `start` and a little more.
const STOPPED: Duration = Duration::from_secs(75);
const STEP: Duration = Duration::from_millis(50);
/// Between two questions to the service manager, each of which is a process.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) async fn run(home: &Home, verb: Daemon, out: &Out) -> Result<()> {
    if let Daemon::Install { print: true, plain } = verb {
        return service::print(home, plain, out).await;
    }
    home.must_exist()?;
    let manager = Manager::find(home).await;
    match verb {
        Daemon::Install { plain, .. } => service::install(home, &manager, plain, out).await,
        Daemon::Start => start(home, &manager, out).await,
        Daemon::Stop => stop(home, &manager, out).await,
        Daemon::Restart => {
            if lock::holder(home).is_some() {
                stop(home, &manager, out).await?;
            }
            start(home, &manager, out).await
        }
        Daemon::Status => status(home, &manager, out),
    }
}

async fn start(home: &Home, manager: &Manager, out: &Out) -> Result<()> {
    if let Some(pid) = lock::holder(home) {
        out.both(&format!("the host runs already, process {pid}"), &json!({ "running": true, "pid": pid, "started": false }));
        return Ok(());
    }
    // A configuration that would stop it should be told here, not in a log.
    crate::config_file::load(home)?;
    if !manager.is_installed() {
        unlocks(home).await?;
    }
    // What earlier hosts wrote there says nothing about this one.
    let logged = std::fs::metadata(home.log()).map_or(0, |meta| meta.len());
    let mut child: Option<Child> = None;
    if manager.is_installed() {
        manager.start().await?;
    } else {
        let program = std::env::current_exe().context("the path of this program")?;
        // The folder that was asked for, whatever SKYNET_HOME says.
        let args = vec!["--home".into(), home.root().display().to_string(), "start".into()];
        child = Some(start_detached(&DetachSpec { program, args, log: home.log() })?);
    }
    let begun = Instant::now();
    let mut looked = begun;
    while begun.elapsed() < READY {
        // Before it says where it listens, whatever listens on the configured port is something else.
        if let (Some(pid), true) = (lock::holder(home), lock::address(home).is_some() && client::Client::connect(home).await.is_ok()) {
            out.both(&format!("the host runs, process {pid}"), &json!({ "running": true, "pid": pid, "started": true }));
            return Ok(());
        }
        if let Some(ended) = child.as_mut().map(Child::try_wait).transpose().context("the host cannot be waited for")?.flatten() {
            return Err(died(home, logged, ended));
        }
        if child.is_none() && looked.elapsed() >= LOOK {
            looked = Instant::now();
            if manager.has_failed().await {
                return Err(fail(Kind::NotRunning, format!("the host ended before it was ready; {}", manager.log_hint())));
            }
        }
        sleep(STEP).await;
    }
    let log = std::fs::read_to_string(home.log()).unwrap_or_default();
    let last = log.lines().rev().take(5).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n  ");
    let hint = if manager.is_installed() { manager.log_hint() } else { format!("{} ends with:\n  {last}", home.log().display()) };
    Err(fail(Kind::NotRunning, format!("the host was not ready after {} s; {hint}", READY.as_secs())))
}

/// Why a host ended before it was ready: its own last word, under its own exit code.
fn died(home: &Home, logged: u64, ended: ExitStatus) -> anyhow::Error {
    let log = std::fs::read(home.log()).unwrap_or_default();
    let new = log.get(usize::try_from(logged).unwrap_or(usize::MAX)..).unwrap_or(&log);
    let text = match last_error(&String::from_utf8_lossy(new)) {
        Some(error) => format!("the host ended before it was ready: {error}"),
        None => format!("the host ended before it was ready ({ended}) and said no reason; its log: {}", home.log().display()),
    };
    match ended.code().map(Kind::of) {
        Some(Some(kind)) => fail(kind, text),
        // By a signal, or with a status that says no more than that it failed.
        _ => anyhow::Error::msg(text),
    }
}

/// What follows the last `error:` at the beginning of a line.
fn last_error(log: &str) -> Option<String> {
    log.lines().rev().find_map(|line| line.strip_prefix("error:")).map(|error| error.trim().to_owned())
}

/// A host in the background has nobody to ask for a passphrase.
async fn unlocks(home: &Home) -> Result<()> {
    let store = crate::wire::open_store(home).await?;
    if store.vault_changes().await?.is_some() {
        vault::unlock(&store, &Places::of(home)?, Ask::Nobody).await?;
    }
    Ok(())
}

async fn stop(home: &Home, manager: &Manager, out: &Out) -> Result<()> {
    let Some(pid) = lock::holder(home) else {
        out.both("the host does not run", &json!({ "running": false }));
        return Ok(());
    };
    if manager.is_installed() && manager.is_active().await {
        manager.stop().await?;
    } else {
        let process = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).context("the lock file holds no process id")?;
        rustix::process::kill_process(process, rustix::process::Signal::TERM).context("the host cannot be signalled")?;
    }
    let begun = Instant::now();
    while begun.elapsed() < STOPPED {
        if lock::holder(home).is_none() {
            out.both(&format!("the host is stopped, it was process {pid}"), &json!({ "running": false, "pid": pid }));
            return Ok(());
        }
        sleep(STEP).await;
    }
    Err(fail(Kind::TryLater, format!("process {pid} still finishes turns after {} s; a second stop ends it at once", STOPPED.as_secs())))
}

fn status(home: &Home, manager: &Manager, out: &Out) -> Result<()> {
    let pid = lock::holder(home);
    let installed = manager.is_installed();
    let value = json!({ "running": pid.is_some(), "pid": pid, "service": manager.name(), "installed": installed });
    let by = if installed {
        format!("service file installed ({})", manager.name())
    } else {
        "no service file; `skynet daemon install` writes one".to_owned()
    };
    match pid {
        Some(pid) => {
            out.both(&format!("the host runs, process {pid}; {by}"), &value);
            Ok(())
        }
        None => {
            out.both(&format!("the host does not run; {by}"), &value);
            Err(fail(Kind::NotRunning, "not running; start it with: skynet daemon start"))
        }
    }
}
