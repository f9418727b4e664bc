//! What a guest call and a delta cost, each beside a baseline of the same run.
//! `cargo bench -p skynet-plugins`; with `-- --test` each runs once, to see that it runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a bench fails by panicking")]
#![allow(dead_code, missing_docs, unreachable_pub, reason = "the tests' helpers, of which a bench needs some")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::StreamExt as _;
use serde_json::json;
use skynet_core::ports::Registry as _;
use skynet_core::{CompletionItem, CompletionRequest, Delta};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::package::id;
use support::world::{call, context};
use support::{Package, World, Worldly};
use tokio::runtime::Runtime;
use zoo::Guest;

#[allow(unused_imports, reason = "of the tests, which use all of it")]
#[path = "../tests"]
mod tests {
    pub(crate) mod support;
    pub(crate) mod zoo;
}
use tests::{support, zoo};

/// Deltas that are read before the clock starts.
const WARM: u64 = 1_000;
/// Deltas of one completion: its guest only ever takes memory.
const ROUND: u64 = 500_000;

fn unlimited() -> Worldly {
    let mut worldly = Worldly::default();
    worldly.rates.plugin_calls_per_minute = 0;
    worldly
}

/// A fresh instance for each call, with all that surrounds it, and with nothing.
fn calls(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(async {
        // What is measured is how fast it can, not how often it may.
        let world = World::with(unlimited()).await;
        world.drop_file("echo.wasm", &Package::new("echo", "1.0.0", &Guest::saying("hello")).file()).await;
        world.call("echo").await.unwrap();
        world
    });
    let bare = runtime.block_on(world.host.bare(&id("echo"))).unwrap();
    let snapshot = world.host.snapshot();
    let mut group = criterion.benchmark_group("call");
    group.bench_function("bare fresh instance (baseline)", |bench| {
        bench.iter(|| runtime.block_on(bare.call("go", "{}")).unwrap());
    });
    group.bench_function("through the host", |bench| {
        bench.iter(|| runtime.block_on(call(&*snapshot, "echo", &json!({}))).unwrap());
    });
    for tasks in [1, 2] {
        group.bench_function(format!("through the host, tasks side by side: {tasks}"), |bench| {
            bench.iter_custom(|count| {
                let begun = Instant::now();
                let many: Vec<_> = (0..tasks)
                    .map(|_| {
                        let snapshot = world.host.snapshot();
                        runtime.spawn(async move {
                            for _ in 0..count.div_ceil(tasks) {
                                call(&*snapshot, "echo", &json!({})).await.unwrap();
                            }
                        })
                    })
                    .collect();
                runtime.block_on(futures_util::future::join_all(many));
                begun.elapsed()
            });
        });
    }
    group.finish();
}

fn request() -> CompletionRequest {
    CompletionRequest {
        // The guest pushes text, one delta at a time, for as long as somebody reads.
        model: "forever".into(),
        system: Vec::new(),
        messages: Vec::new(),
        tools: Vec::new(),
        tool_choice: skynet_core::ToolChoice::Automatic,
        max_output: None,
        temperature: None,
        thinking: skynet_core::ThinkingLevel::Off,
        stop: Vec::new(),
        options: json!({}),
    }
}

/// One delta from a guest to whoever reads the completion, beside a task that sends
/// the same text over a channel of its own.
fn deltas(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (world, plugin) = runtime.block_on(async {
        let world = World::start().await;
        world.drop_file("model.wasm", &Package::new("provider-zoo", "1.0.0", &Guest::provider().says("parrot")).file()).await;
        let plugin = world.serving("provider-zoo").await.unwrap();
        (world, plugin)
    });
    let snapshot = world.host.snapshot();
    let mut group = criterion.benchmark_group("delta");
    group.throughput(Throughput::Elements(1));
    group.bench_function("task to task (baseline)", |bench| {
        bench.iter_custom(|count| {
            let (sender, mut receiver) = tokio::sync::mpsc::channel(64);
            runtime.spawn(async move { while sender.send(vec![Delta::Text("hello wide world".into())]).await.is_ok() {} });
            let read = async move {
                for _ in 0..WARM {
                    receiver.recv().await.unwrap();
                }
                let begun = Instant::now();
                for _ in 0..count {
                    receiver.recv().await.unwrap();
                }
                begun.elapsed()
            };
            runtime.block_on(runtime.spawn(read)).unwrap()
        });
    });
    group.bench_function("guest to turn", |bench| {
        bench.iter_custom(|count| {
            let (snapshot, plugin) = (Arc::clone(&snapshot), plugin.clone());
            // A task, as a turn is. A guest is given so much to say, then another begins.
            let read = async move {
                let (mut seen, mut took) = (0, Duration::ZERO);
                while seen < count {
                    let mut stream = snapshot.complete(&plugin, request(), context());
                    let (mut of_this, mut begun) = (0, None);
                    while begun.is_none() || (of_this < ROUND && seen + of_this < count) {
                        let Some(Ok(CompletionItem::Deltas(deltas))) = stream.next().await else { panic!("it ended") };
                        of_this += deltas.len() as u64;
                        if begun.is_none() && of_this >= WARM {
                            (of_this, begun) = (0, Some(Instant::now()));
                        }
                    }
                    if let Some(begun) = begun {
                        seen += of_this;
                        took += begun.elapsed();
                    }
                }
                took.mul_f64(count as f64 / seen as f64)
            };
            runtime.block_on(runtime.spawn(read)).unwrap()
        });
    });
    group.finish();
}

criterion_group!(guests, calls, deltas);
criterion_main!(guests);
