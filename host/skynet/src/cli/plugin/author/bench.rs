//! `skynet plugin bench`: what a call of a tool costs, beside the same component called bare.
//!
//! Calls and bare calls take turns in one run, so that a slow moment of the machine hits both:
//! the ratio counts, not the times. Memory is that of all running calls, looked at while calls run.

use super::bed::Bed;
use super::checks;
use super::console::Console;
use super::golden::{self, Ended, Golden};
use super::project::Project;
use super::sample;
use super::subject::Subject;
use crate::args::author::BenchPlugin;
use crate::exit::{Kind, fail};
use crate::output::Out;
use anyhow::Result;
use serde_json::{Value, json};
use skynet_plugins::{Bare, Exchange, Staged};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Calls of one round; rounds of each sort take turns.
const ROUND: usize = 50;

pub(super) async fn run(args: &BenchPlugin, out: &Out) -> Result<()> {
    let project = Project::open(&args.folder, args.lang.as_deref())?;
    let golden: Golden = golden::read(&project.folder.join("calls.json"))?;
    let tape: Vec<Exchange> = golden::read(&project.folder.join("exchanges.json"))?;
    let component = project.language.build(&project, &Console::new(out.json)).await?;
    let staged = Arc::new(Staged::playing(tape));
    staged.set(golden::NOON_OF_TESTS, 0);
    let subject = Subject::built(&project, &component)?;
    let bed = Bed::make(&subject, &subject.request, golden.settings.clone(), staged).await?;
    let (tool, arguments) = chosen(&bed, &golden, args.tool.as_deref())?;
    let bare = bed.host.bare(&bed.id).await?;
    let (mut full, mut alone, mut memory) = (Vec::new(), Vec::new(), 0);
    for _ in 0..args.calls.div_ceil(ROUND).max(1) {
        for _ in 0..ROUND {
            let begun = Instant::now();
            let calling = checks::call(&bed, &tool, &arguments);
            let (ended, seen) = watched(&bed, calling).await;
            full.push(begun.elapsed());
            memory = memory.max(seen);
            if let Ended::Fault(why) = ended {
                anyhow::bail!("{tool} failed while it was measured: {why}");
            }
        }
        for _ in 0..ROUND {
            alone.push(timed(&bare, &tool, &arguments).await);
        }
    }
    show(&tool, &mut full, &mut alone, memory, out);
    Ok(())
}

/// A call, and the most memory that was seen while it ran.
async fn watched(bed: &Bed, calling: impl Future<Output = Ended>) -> (Ended, u64) {
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

async fn timed(bare: &Bare, tool: &str, arguments: &Value) -> Duration {
    let begun = Instant::now();
    // An error of the tool costs what an answer does.
    let _ = bare.call(tool, &arguments.to_string()).await;
    begun.elapsed()
}

/// The tool that was named, or the first; with the author's own arguments where there are some.
fn chosen(bed: &Bed, golden: &Golden, wanted: Option<&str>) -> Result<(String, Value)> {
    let tools = checks::tools(bed);
    let tool = tools.iter().find(|tool| wanted.is_none_or(|name| name == tool.name));
    let tool =
        tool.ok_or_else(|| fail(Kind::NotFound, "there is no such tool to measure; a plugin without tools cannot be measured here"))?;
    let own = golden.calls.iter().find(|call| call.tool == tool.name).map(|call| call.arguments.clone());
    let made = own.or_else(|| sample::good(&tool.parameters));
    let arguments =
        made.ok_or_else(|| fail(Kind::NotFound, format!("no arguments for {}; write a call of it into calls.json", tool.name)))?;
    Ok((tool.name.clone(), arguments))
}

fn show(tool: &str, full: &mut [Duration], bare: &mut [Duration], memory: u64, out: &Out) {
    let micros = |times: &mut [Duration], part: f64| {
        times.sort_unstable();
        let at = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
        times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    let total: Duration = full.iter().sum();
    let rate = full.len() as f64 / total.as_secs_f64().max(f64::EPSILON);
    let (p50, p99, bare50, bare99) = (micros(full, 0.5), micros(full, 0.99), micros(bare, 0.5), micros(bare, 0.99));
    let ratio = p50 / bare50.max(f64::EPSILON);
    out.line(&format!("{tool}: {} calls one after the other, {rate:.0} a second", full.len()));
    out.line(&format!("  p50 {p50:.0} us, p99 {p99:.0} us"));
    out.line(&format!("  bare {bare50:.0} us, p99 {bare99:.0} us: the host's checks make it {ratio:.1} times that"));
    out.line(&format!("  memory of a running call: at most {} KiB seen", memory / 1024));
    out.value(&json!({
        "tool": tool, "calls": full.len(), "per_second": rate, "p50_us": p50, "p99_us": p99,
        "bare_p50_us": bare50, "bare_p99_us": bare99, "ratio": ratio, "memory_bytes": memory,
    }));
}
