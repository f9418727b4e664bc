//! `skynet plugin bench`: what a call costs, beside an empty component of the same world, and
//! beside the same component called bare where it has tools.
//!
//! They take turns in one run, so that a slow moment of the machine hits all: ratios count, not
//! times. Against the empty one it is what the plugin itself does; against the bare one what the
//! host's checks cost. Memory is that of all running calls, looked at while calls run.

mod work;

use super::bed::Bed;
use super::componentize;
use super::console::Console;
use super::golden::{self, Golden};
use super::project::Project;
use crate::args::author::BenchPlugin;
use crate::output::Out;
use anyhow::Result;
use serde_json::json;
use skynet_plugins::{Exchange, Settings, Staged};
use skynet_policy::permission::Permissions;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use work::Work;

/// Calls of one round; rounds of each sort take turns.
const ROUND: usize = 50;

/// What was measured.
#[derive(Default)]
struct Times {
    own: Vec<Duration>,
    empty: Vec<Duration>,
    bare: Vec<Duration>,
    memory: u64,
}

pub(super) async fn run(args: &BenchPlugin, out: &Out) -> Result<()> {
    tokio::select! {
        measured = measure(args, out) => measured,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("stopped"),
    }
}

async fn measure(args: &BenchPlugin, out: &Out) -> Result<()> {
    let project = Project::open(&args.project)?;
    let golden: Golden = golden::read(&project.folder.join("calls.json"))?;
    let tape: Vec<Exchange> = golden::read(&project.folder.join("exchanges.json"))?;
    let component = project.language.build(&project, &Console::new(*out)).await?;
    let kinds = work::kinds(&component)?;
    let staged = Arc::new(Staged::playing(tape));
    staged.set(golden::NOON_OF_TESTS, 0);
    let bed = Bed::make(&project, &component, &project.manifest.permissions, golden.settings.clone(), staged).await?;
    let work = Work::chosen(&bed, &golden, &kinds, args.tool.as_deref())?;
    let empty = empty_bed(&project).await?;
    let times = measured(&bed, &empty, &work, args.calls).await?;
    show(&work, times, out);
    Ok(())
}

/// A host with a component of the same world that does nothing, and asks for nothing.
async fn empty_bed(project: &Project) -> Result<Bed> {
    let (resolve, world) = componentize::contract(project)?;
    let bytes = skynet_plugins::empty(&resolve, world)?;
    let mut manifest = project.manifest.clone();
    manifest.permissions = Permissions::default();
    let staged = Arc::new(Staged::playing(Vec::new()));
    Bed::of(manifest, (Path::new("empty.wasm"), &bytes), &Permissions::default(), Settings::default(), staged).await
}

async fn measured(bed: &Bed, empty: &Bed, work: &Work<'_>, calls: usize) -> Result<Times> {
    let bare = if work.is_a_tool() { Some(bed.host.bare(&bed.id).await?) } else { None };
    let idle = work.idle();
    let mut times = Times::default();
    for _ in 0..calls.div_ceil(ROUND).max(1) {
        for _ in 0..ROUND {
            let begun = Instant::now();
            let (fault, seen) = watched(bed, work.once(bed)).await;
            times.own.push(begun.elapsed());
            times.memory = times.memory.max(seen);
            if let Some(why) = fault {
                anyhow::bail!("{} failed while it was measured: {why}", work.name());
            }
        }
        for _ in 0..ROUND {
            let begun = Instant::now();
            let fault = idle.once(empty).await;
            times.empty.push(begun.elapsed());
            if let Some(why) = fault {
                anyhow::bail!("the empty component failed while it was measured: {why}");
            }
        }
        for _ in 0..if bare.is_some() { ROUND } else { 0 } {
            let begun = Instant::now();
            work.bare(bare.as_ref()).await;
            times.bare.push(begun.elapsed());
        }
    }
    Ok(times)
}

/// A call, and the most memory that was seen while it ran.
async fn watched<T>(bed: &Bed, calling: impl Future<Output = T>) -> (T, u64) {
    let mut most = 0;
    tokio::pin!(calling);
    let ended = std::future::poll_fn(|context| {
        let ended = calling.as_mut().poll(context);
        most = most.max(bed.host.memory_in_use());
        ended
    });
    let ended = ended.await;
    (ended, most)
}

fn micros(times: &mut [Duration], part: f64) -> f64 {
    times.sort_unstable();
    let at = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

fn show(work: &Work<'_>, mut times: Times, out: &Out) {
    let total: Duration = times.own.iter().sum();
    let (calls, name) = (times.own.len(), work.name());
    let rate = calls as f64 / total.as_secs_f64().max(f64::EPSILON);
    let (p50, p99) = (micros(&mut times.own, 0.5), micros(&mut times.own, 0.99));
    let (empty50, empty99) = (micros(&mut times.empty, 0.5), micros(&mut times.empty, 0.99));
    let beside = p50 / empty50.max(f64::EPSILON);
    out.line(&format!("{name}: {calls} calls one after the other, {rate:.0} a second"));
    out.line(&format!("  p50 {p50:.0} us, p99 {p99:.0} us"));
    out.line(&format!("  an empty component of this kind {empty50:.0} us, p99 {empty99:.0} us: yours takes {beside:.1} times that"));
    let mut value = json!({
        "kind": work.kind(), "measured": name, "calls": calls, "per_second": rate, "p50_us": p50, "p99_us": p99,
        "empty_p50_us": empty50, "empty_p99_us": empty99, "times_empty": beside, "memory_bytes": times.memory,
    });
    if work.is_a_tool() {
        let (bare50, bare99) = (micros(&mut times.bare, 0.5), micros(&mut times.bare, 0.99));
        let ratio = p50 / bare50.max(f64::EPSILON);
        out.line(&format!("  called bare {bare50:.0} us, p99 {bare99:.0} us: the host's checks make it {ratio:.1} times that"));
        value["tool"] = json!(name);
        (value["bare_p50_us"], value["bare_p99_us"], value["ratio"]) = (json!(bare50), json!(bare99), json!(ratio));
    }
    out.line(&format!("  memory of a running call: at most {} KiB seen", times.memory / 1024));
    out.value(&value);
}
