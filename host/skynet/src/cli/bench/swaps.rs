//! Hot swap: how soon a dropped file serves, and whether any call fails by it.

use super::report::{Bound, Report, median};
use super::{Bed, TOOL};
use crate::compiler::ChildCompiler;
use crate::scripts::HostScripts;
use crate::vault::Places;
use crate::wire;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_agent::Agent;
use skynet_core::{PluginId, SessionKey, UserId};
use skynet_plugins::PluginHost;
use skynet_plugins::compile::Compiler;
use skynet_policy::release::{self, Release};
use skynet_policy::scrub::Known;
use skynet_policy::signature::{self, SecretKey};
use skynet_policy::trust::Tier;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::time::Instant;

const CALLERS: usize = 20;

/// The same component as another version, signed by a key of this run.
fn version(file: &[u8], number: u64, key: &SecretKey) -> Result<Vec<u8>> {
    let parts = release::split(file)?;
    let mut release = Release::parse(parts.release_json)?;
    release.version = semver::Version::new(1, number, 0);
    let json = release.to_bytes();
    Ok(release::join(parts.component, &json, &signature::sign_release(key, &json).to_bytes()))
}

fn put(bed: &Bed, bytes: &[u8]) -> Result<()> {
    put_as(bed, TOOL, bytes)
}

/// Drops a file whole, as a good installer does.
pub(super) fn put_as(bed: &Bed, name: &str, bytes: &[u8]) -> Result<()> {
    let folder = bed.home.plugins();
    let hidden = folder.join(".bench.tmp");
    std::fs::write(&hidden, bytes)?;
    Ok(std::fs::rename(hidden, folder.join(format!("{name}.wasm")))?)
}

async fn until_serves(host: &PluginHost, number: u64) -> Result<()> {
    use skynet_core::admin::PluginAdmin;
    let id = format!("skynet/{TOOL}");
    loop {
        host.settled().await;
        let list = host.list().await;
        let line = list.iter().find(|line| line.name == id).context("the tool is gone")?;
        if line.serving.as_ref().is_some_and(|serving| serving.version.minor == number) {
            return Ok(());
        }
        let refused = list.iter().find(|line| line.name.ends_with(".wasm"));
        anyhow::ensure!(refused.is_none(), "the new version was refused: {refused:?}");
    }
}

async fn call_until(agent: Agent, stop: Arc<AtomicBool>, calls: Arc<AtomicU64>, failed: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        let answer = agent.invoke("time__now", &json!({}), SessionKey::main(), UserId::owner()).await;
        calls.fetch_add(1, Ordering::Relaxed);
        if !answer.is_ok_and(|result| !result.is_error) {
            failed.fetch_add(1, Ordering::Relaxed);
        }
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn run(bed: &Bed, tool: &Path, quick: bool, report: &mut Report<'_>) -> Result<()> {
    let file = std::fs::read(tool)?;
    let key = SecretKey::generate()?;
    crate::keys::trust(&bed.home, &key.public(), "bench", vec!["skynet".into()], Tier::Local)?;
    let component = release::strip(&file).to_vec();
    let begun = Instant::now();
    ChildCompiler::new()?.compile(component).await?;
    let compile_ms = begun.elapsed().as_secs_f64() * 1e3;

    let wired = wire::wire(
        &bed.home,
        wire::open_store(&bed.home).await?,
        Known::default(),
        Places::of(&bed.home)?,
        HostScripts::off("not measured here"),
    )
    .await?;
    let (host, agent) = (wired.host.clone(), wired.agent.clone());
    let plugins = tokio::spawn(wired.runner.run(std::future::pending()));
    host.settled().await;
    host.bare(&PluginId::new(&format!("skynet/{TOOL}"))?).await?;

    let mut waits = Vec::new();
    for number in 1..=if quick { 2 } else { 7 } {
        let bytes = version(&file, number, &key)?;
        let begun = Instant::now();
        put(bed, &bytes)?;
        until_serves(&host, number).await?;
        waits.push(begun.elapsed().as_secs_f64());
    }
    report.figure("compiling the tool in its child process", compile_ms, "ms");
    report.held("file dropped to new version serving, code in the cache", median(&mut waits), "s", Bound::AtMost(1.0));

    let (stop, calls, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let callers: Vec<_> =
        (0..CALLERS).map(|_| tokio::spawn(call_until(agent.clone(), Arc::clone(&stop), Arc::clone(&calls), Arc::clone(&failed)))).collect();
    let swaps: u64 = if quick { 5 } else { 200 };
    for number in 100..100 + swaps {
        put(bed, &version(&file, number, &key)?)?;
        until_serves(&host, number).await?;
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await?;
    }
    report.figure(&format!("calls during {swaps} swaps under {CALLERS} callers"), calls.load(Ordering::Relaxed) as f64, "calls");
    report.held("calls that failed", failed.load(Ordering::Relaxed) as f64, "calls", Bound::AtMost(0.0));
    plugins.abort();
    Ok(())
}
