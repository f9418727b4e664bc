//! A tool call on the full path — schema, snapshot, fresh store, limits, grant,
//! audit — beside a bare call of the same component, a static C program and Python.

use super::cores;
use super::report::{Bound, Report, best, median, micros};
use super::{Bed, TOOL};
use crate::clock::SystemClock;
use crate::scripts::HostScripts;
use crate::vault::Places;
use crate::wire;
use anyhow::{Context, Result};
use async_trait::async_trait;
use serde_json::json;
use skynet_agent::{Agent, Ports, Settings};
use skynet_core::ports::{Audit, AuditRow};
use skynet_core::{PluginId, SessionKey, StoreError, UserId};
use skynet_plugins::{Bare, PluginHost};
use skynet_policy::scrub::Known;
use skynet_scripts::system::run_tool;
use skynet_store::Store;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SPAWN: Duration = Duration::from_secs(30);
const TOOL_CALL: &str = "time__now";

/// One call of the time tool, on the full path.
pub(crate) async fn full(agent: &Agent) -> Result<()> {
    let result = agent.invoke(TOOL_CALL, &json!({}), SessionKey::main(), UserId::owner()).await?;
    anyhow::ensure!(!result.is_error, "the tool failed: {}", result.to_text());
    Ok(())
}

/// An audit log that keeps nothing: what the real one adds is measured beside it.
struct Nothing;

#[async_trait]
impl Audit for Nothing {
    async fn record(&self, _: AuditRow) -> Result<(), StoreError> {
        Ok(())
    }

    async fn tail(&self, _: usize) -> Result<Vec<(u64, u64, AuditRow)>, StoreError> {
        Ok(Vec::new())
    }
}

/// The same turn loop over the same plugins, unaudited.
fn unaudited(bed: &Bed, host: &PluginHost, memory: Arc<Store>) -> Result<Agent> {
    let config = crate::config_file::load(&bed.home)?;
    let ports =
        Ports { registry: Arc::new(host.clone()), facts: memory.clone(), memory, audit: Arc::new(Nothing), clock: Arc::new(SystemClock) };
    Ok(Agent::new(ports, Settings { agent: config.agent, prompt: Arc::new(wire::workspace(&bed.home)?) }))
}

async fn bare(bare: &Bare) -> Result<()> {
    bare.call("now", "{}").await?;
    Ok(())
}

/// A static C program that does nothing, if this machine can make one.
async fn c_program(bed: &Bed) -> Option<PathBuf> {
    let (source, program) = (bed.home.workspace().join("nothing.c"), bed.home.workspace().join("nothing"));
    std::fs::write(&source, "int main(void) { return 0; }\n").ok()?;
    let arguments = ["-O2", "-static", "-o", program.to_str()?, source.to_str()?];
    let made = run_tool("cc", &arguments, SPAWN).await.ok()?;
    (made.code == 0).then_some(program)
}

async fn spawn(program: &str, arguments: &[&str]) -> Result<()> {
    let output = run_tool(program, arguments, SPAWN).await?;
    anyhow::ensure!(output.code == 0, "{program} failed: {}", output.stderr);
    Ok(())
}

/// Calls in a second from this many tasks, each of which makes `calls` of them.
async fn rate<F>(tasks: usize, calls: usize, call: impl Fn() -> F + Clone + Send + 'static) -> Result<f64>
where
    F: Future<Output = Result<()>> + Send,
{
    let begun = Instant::now();
    let mut running = Vec::new();
    for _ in 0..tasks {
        let call = call.clone();
        running.push(tokio::spawn(async move {
            for _ in 0..calls {
                call().await?;
            }
            anyhow::Ok(())
        }));
    }
    for task in running {
        task.await??;
    }
    Ok((tasks * calls) as f64 / begun.elapsed().as_secs_f64())
}

async fn full_rate(agent: &Agent, tasks: usize, calls: usize) -> Result<f64> {
    let agent = agent.clone();
    rate(tasks, calls, move || {
        let agent = agent.clone();
        async move { full(&agent).await }
    })
    .await
}

async fn bare_rate(baseline: &Arc<Bare>, tasks: usize, calls: usize) -> Result<f64> {
    let baseline = Arc::clone(baseline);
    rate(tasks, calls, move || {
        let baseline = Arc::clone(&baseline);
        async move { bare(&baseline).await }
    })
    .await
}

pub(crate) async fn run(bed: &Bed, quick: bool, report: &mut Report<'_>) -> Result<()> {
    let wired = wire::wire(
        &bed.home,
        wire::open_store(&bed.home).await?,
        Known::default(),
        Places::of(&bed.home)?,
        HostScripts::off("not measured here"),
    )
    .await?;
    let (host, agent) = (wired.host.clone(), wired.agent.clone());
    let silent = unaudited(bed, &host, Arc::clone(&wired.store))?;
    let plugins = tokio::spawn(wired.runner.run(std::future::pending()));
    host.settled().await;
    let id = PluginId::new(&format!("skynet/{TOOL}"))?;
    let baseline = Arc::new(host.bare(&id).await?);
    let (rounds, calls) = if quick { (3, 50) } else { (15, 400) };
    let c = c_program(bed).await;
    let c_path = c.as_ref().and_then(|path| path.to_str());
    let python = spawn("python3", &["-c", "pass"]).await.is_ok();
    let mut figures: [Vec<f64>; 5] = Default::default();
    for _ in 0..rounds {
        let [of_bare, of_full, of_silent, of_c, of_python] = &mut figures;
        for _ in 0..calls {
            of_bare.push(micros(bare(&baseline)).await.0);
        }
        for _ in 0..calls {
            let (took, done) = micros(full(&agent)).await;
            done.context("a call on the full path")?;
            of_full.push(took);
            let (took, done) = micros(full(&silent)).await;
            done.context("a call that is not audited")?;
            of_silent.push(took);
        }
        for _ in 0..5 {
            if let Some(path) = c_path {
                of_c.push(micros(spawn(path, &[])).await.0);
            }
            if python {
                of_python.push(micros(spawn("python3", &["-c", "pass"])).await.0);
            }
        }
    }
    let [of_bare, of_full, of_silent, of_c, of_python] = &mut figures;
    let (bare, full, quiet) = (median(of_bare), median(of_full), median(of_silent));
    report.figure("tool call, bare fresh instance (baseline), p50", bare, "us");
    report.figure("tool call, full path, p50", full, "us");
    report.held("full path over bare", full / bare, "times", Bound::AtMost(3.0));
    report.figure("tool call, full path without audit (baseline), p50", quiet, "us");
    report.held("audit adds to a tool call", (full / quiet - 1.0) * 100.0, "%", Bound::AtMost(10.0));
    if of_c.is_empty() {
        report.figure("spawning a static C program: no C compiler here", f64::NAN, "us");
    } else {
        let c = median(of_c);
        report.figure("spawning a static C program (baseline), p50", c, "us");
        report.held("static C program over full path", c / full, "times", Bound::AtLeast(8.0));
    }
    if of_python.is_empty() {
        report.figure("spawning python3: not installed here", f64::NAN, "us");
    } else {
        let python = median(of_python);
        report.figure("spawning python3 (baseline), p50", python, "us");
        report.held("python3 over full path", python / full, "times", Bound::AtLeast(500.0));
    }
    scaling([&agent, &silent], &baseline, if quick { 2 } else { 9 }, calls * 100, report).await?;
    plugins.abort();
    Ok(())
}

/// What a second core is worth. All threads of the process, those that write the audit
/// log too, have the one core or both: else the first figure would use the second core.
async fn scaling([agent, silent]: [&Agent; 2], baseline: &Arc<Bare>, rounds: usize, calls: usize, report: &mut Report<'_>) -> Result<()> {
    let mut free = Vec::new();
    for _ in 0..rounds {
        free.push(full_rate(agent, 1, calls).await?);
    }
    report.figure("full-path calls a second, one task, best round", best(&free), "1/s");
    let Some((one_core, two_cores)) = cores::one_and_two() else {
        report.figure("scaling over cores: not measured, fewer than two cores that threads can be bound to", f64::NAN, "times");
        return Ok(());
    };
    let (mut one, mut unaudited, mut two, mut bare_one, mut bare_two) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // Many short rounds: a core that another machine borrows for a moment spoils the round
    // that it falls into. The best of each say what two cores are worth, to both alike.
    let calls = calls / 4;
    for _ in 0..rounds * 4 {
        // After a change of cores the system takes a moment to spread the threads.
        cores::bind(&one_core)?;
        full_rate(agent, 1, calls / 8).await?;
        one.push(full_rate(agent, 1, calls).await?);
        unaudited.push(full_rate(silent, 1, calls).await?);
        bare_one.push(bare_rate(baseline, 1, calls).await?);
        cores::bind(&two_cores)?;
        full_rate(agent, 2, calls / 8).await?;
        two.push(full_rate(agent, 2, calls).await?);
        bare_two.push(bare_rate(baseline, 2, calls).await?);
    }
    cores::release()?;
    let (one, unaudited, two) = (best(&one), best(&unaudited), best(&two));
    report.figure("two cores over one, bare fresh instances (baseline)", best(&bare_two) / best(&bare_one), "times");
    report.figure("full-path calls a second, one core and one task, best round", one, "1/s");
    report.figure("full-path calls a second, two cores and two tasks, best round", two, "1/s");
    // The thread that writes the log has to be somewhere: here it takes from the one core.
    report.figure("audit adds to a tool call when one core does it all", (unaudited / one - 1.0) * 100.0, "%");
    report.held("two cores over one", two / one, "times", Bound::AtLeast(1.7));
    Ok(())
}
