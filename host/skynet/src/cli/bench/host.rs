//! The host as a process, with all built-in plugins granted and serving: start, memory
//! at rest, connections, turns. CPU is what the scheduler charged to its threads.

use super::report::{Bound, Report, median};
use super::{Bed, cores};
use crate::cli::start::STARTED;
use crate::client::Client;
use crate::lock;
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, WaitOptions, waitpid};
use serde_json::json;
use skynet_core::PluginId;
use skynet_scripts::detach::{DetachSpec, start_detached};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

const READY: Duration = Duration::from_secs(60);
const TURN: Duration = Duration::from_secs(30);

/// A host that is let go without being ended gets so long after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks at whether a process ended.
const LOOK: Duration = Duration::from_millis(20);

/// A host process of ours; ended when dropped, so that nothing of a bench that was stopped goes on.
pub(super) struct Process {
    /// Our child, and the leader of its group; gone once it was waited for.
    pid: Option<Pid>,
    patience: Duration,
}

impl Process {
    pub(super) async fn start(bed: &Bed) -> Result<Self> {
        let program = std::env::current_exe()?;
        let home = bed.home.root().to_str().context("the folder's path is no text")?.to_owned();
        let spec = DetachSpec { program, args: vec!["--home".into(), home, "start".into()], log: bed.home.log() };
        let mut process = Self::of(&spec, PATIENCE)?;
        let begun = Instant::now();
        while begun.elapsed() < READY && !process.has_ended() {
            if lock::address(&bed.home).is_some() {
                return Ok(process);
            }
            sleep(Duration::from_millis(2)).await;
        }
        anyhow::bail!("the measured host did not start; its log: {}", std::fs::read_to_string(bed.home.log()).unwrap_or_default())
    }

    fn of(spec: &DetachSpec, patience: Duration) -> Result<Self> {
        let pid = start_detached(spec)?.id();
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("the system gave a number that is no process")?;
        Ok(Self { pid: Some(pid), patience })
    }

    fn number(&self) -> String {
        self.pid.map(|pid| pid.as_raw_nonzero().to_string()).unwrap_or_default()
    }

    /// Milliseconds of CPU so far.
    pub(super) fn cpu_ms(&self) -> Result<f64> {
        Ok(cores::cpu_seconds(&self.number())? * 1e3)
    }

    pub(super) fn rss_mib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.number()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }

    pub(super) async fn end(mut self) {
        self.ask();
        let begun = Instant::now();
        while !self.has_ended() && begun.elapsed() < READY {
            sleep(LOOK).await;
        }
    }

    fn ask(&self) {
        if let Some(pid) = self.pid {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }

    /// Whether it is gone. Its number is another's from then on, and forgotten here.
    fn has_ended(&mut self) -> bool {
        if let Some(pid) = self.pid
            && !matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(None))
        {
            self.pid = None;
        }
        self.pid.is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.ask();
        let begun = Instant::now();
        while !self.has_ended() {
            if begun.elapsed() >= self.patience {
                break;
            }
            std::thread::sleep(LOOK);
        }
        if let Some(pid) = self.pid.take() {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
    }
}

/// One turn; gives the final frame as text.
pub(super) async fn turn(client: &mut Client, message: &str, number: usize) -> Result<String> {
    let params = json!({ "sessionKey": "bench", "message": message, "idempotencyKey": format!("bench-{number}") });
    client.send("chat.send", params).await?;
    loop {
        let frame = timeout(TURN, client.frame()).await.context("a turn took too long")??;
        if frame["event"] == "chat" && frame["payload"]["state"] != "delta" {
            anyhow::ensure!(frame["payload"]["state"] == "final", "a turn failed: {frame}");
            return Ok(frame.to_string());
        }
    }
}

/// Waits until all of these plugins serve, and grants what they ask for.
async fn until_all_serve(client: &mut Client, plugins: usize) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < READY {
        let answer = timeout(TURN, client.call("plugins.list", json!({}))).await??;
        let list = answer["plugins"].as_array().cloned().unwrap_or_default();
        let in_state = |state: &str| list.iter().filter(|plugin| plugin["state"] == state).cloned().collect::<Vec<_>>();
        if in_state("serving").len() == plugins {
            return Ok(());
        }
        for plugin in in_state("pending") {
            timeout(TURN, client.call("plugins.grant", json!({ "id": plugin["name"] }))).await??;
        }
        sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("not all of {plugins} plugins serve in the measured host")
}

/// Waits until this plugin asks, and grants it, also where its settings name a server on this machine.
pub(super) async fn grant_when_asked(client: &mut Client, id: &PluginId) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < READY {
        if let Ok(mut info) = timeout(TURN, client.call("plugins.info", json!({ "id": id }))).await?
            && info["waiting"].is_object()
        {
            let mut asked = info["waiting"]["request"].take();
            for rule in asked["net"].as_array_mut().into_iter().flatten() {
                rule["private"] = json!(true);
            }
            timeout(TURN, client.call("plugins.grant", json!({ "id": id, "permissions": asked }))).await??;
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{id} does not ask for its grant in the measured host")
}

pub(super) async fn until_model(client: &mut Client) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < READY {
        let model = timeout(TURN, client.call("agent.model", json!({}))).await??;
        if model["model"].is_string() {
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("no model serves in the measured host")
}

pub(crate) async fn run(bed: &Bed, plugins: usize, quick: bool, report: &mut Report<'_>) -> Result<()> {
    // The first start compiles and fills the cache; it is not measured.
    let first = Process::start(bed).await?;
    until_all_serve(&mut Client::connect(&bed.home).await?, plugins).await?;
    first.end().await;

    let mut starts = Vec::new();
    for _ in 0..if quick { 2 } else { 7 } {
        let process = Process::start(bed).await?;
        let cpu = process.cpu_ms()?;
        until_all_serve(&mut Client::connect(&bed.home).await?, plugins).await?;
        starts.push(cpu);
        process.end().await;
    }
    let name = format!("CPU from start to listening, {plugins} plugins serving from the cache");
    report.held(&name, median(&mut starts), "ms", Bound::AtMost(100.0));

    let process = Process::start(bed).await?;
    // At rest: once what only the start needed was given back, before any call.
    sleep(STARTED + Duration::from_secs(2)).await;
    report.held("resident memory at rest", process.rss_mib()?, "MiB", Bound::AtMost(30.0));

    let connects = if quick { 50 } else { 500 };
    let before = process.cpu_ms()?;
    for _ in 0..connects {
        drop(Client::connect(&bed.home).await?);
    }
    report.held("CPU of the host for a WebSocket connect", (process.cpu_ms()? - before) / f64::from(connects), "ms", Bound::AtMost(2.0));

    let mut client = Client::connect(&bed.home).await?;
    until_model(&mut client).await?;
    let turns = if quick { 20 } else { 200 };
    let before = process.cpu_ms()?;
    for number in 0..turns {
        turn(&mut client, "hello", number).await?;
    }
    let each = (process.cpu_ms()? - before) / turns as f64;
    report.figure("CPU of the host for a turn, offline provider without HTTP (baseline)", each, "ms");
    process.end().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_let_go_ends_also_when_it_does_not_listen() {
        let folder = tempfile::tempdir().unwrap();
        for (script, patience) in [("exec sleep 1000", PATIENCE), ("trap '' TERM; sleep 1000; sleep 1000", Duration::ZERO)] {
            let spec = DetachSpec { program: "/bin/sh".into(), args: vec!["-c".into(), script.into()], log: folder.path().join("log") };
            let process = Process::of(&spec, patience).unwrap();
            let pid = process.pid.unwrap();
            drop(process);
            assert!(waitpid(Some(pid), WaitOptions::NOHANG).is_err_and(|error| error == rustix::io::Errno::CHILD), "{script}");
        }
    }
}
