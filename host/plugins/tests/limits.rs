//! Hostile guests, through real tool calls: each ends in a typed fault within its
//! bounds, gives everything back, and leaves the next call of a good plugin alone.

use crate::support::package::{id, saying};
use crate::support::world::poll_once;
use crate::support::{Package, World};
use crate::zoo::{Guest, zoo};
use serde_json::json;
use skynet_core::admin::PluginAdmin as _;
use skynet_core::error::FaultKind;
use skynet_core::{GuestFault, PluginError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tracing::field::{Field, Visit};

/// A world with a good plugin and this guest as `acme/hostile`.
async fn world_with(guest: &Guest) -> World {
    let world = World::start().await;
    world.put("good.wasm", &saying("good", "1.0.0", "fine"));
    world.drop_file("hostile.wasm", &Package::new("hostile", "1.0.0", guest).file()).await;
    assert!(world.serving("hostile").await.is_some(), "{:?}", world.host.list().await);
    world
}

async fn all_is_well_after(world: &World) {
    assert_eq!(world.host.memory_in_use(), 0, "a store outlived its call");
    assert_eq!(world.call("good").await.unwrap(), "fine");
    assert_eq!(world.host.memory_in_use(), 0);
}

fn fault_of(result: Result<String, PluginError>) -> GuestFault {
    match result {
        Err(PluginError::Fault(fault)) => fault,
        other => panic!("not a fault: {other:?}"),
    }
}

/// Calls the guest once and looks at how that ended.
async fn check(guest: Guest, kind: FaultKind, reason: &str) -> GuestFault {
    let world = world_with(&guest).await;
    let fault = fault_of(world.call("hostile").await);
    assert_eq!(fault.kind, kind, "{fault}");
    assert!(fault.reason.contains(reason), "{fault}");
    all_is_well_after(&world).await;
    fault
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_guest_that_spins_is_stopped_by_its_cpu_budget_and_not_by_the_wall_clock() {
    let begun = Instant::now();
    let fault = check(Guest::tool(zoo!("spin")), FaultKind::CpuLimit, "2000 ms").await;
    assert!(begun.elapsed() < Duration::from_secs(15), "admission included, it took {:?}", begun.elapsed());
    assert!(fault.remedy.contains("limits.cpu_ms"), "{fault}");
}

#[tokio::test]
async fn a_spinning_guest_is_stopped_near_its_budget_and_lets_others_run_meanwhile() {
    let world = world_with(&Guest::tool(zoo!("spin"))).await;
    let begun = Instant::now();
    let spinning = world.call("hostile");
    let others = async {
        for _ in 0..20 {
            assert_eq!(world.call("good").await.unwrap(), "fine");
        }
        begun.elapsed()
    };
    let (spun, others) = tokio::join!(spinning, others);
    assert_eq!(fault_of(spun).kind, FaultKind::CpuLimit);
    let spent = begun.elapsed();
    assert!(spent > Duration::from_millis(1900) && spent < Duration::from_secs(5), "a budget of 2 s took {spent:?}");
    assert!(others < spent, "on one thread, the good plugin's calls came through first");
}

#[tokio::test]
async fn a_guest_that_spins_in_its_start_function_is_refused_at_admission() {
    let world = World::start().await;
    world.put("good.wasm", &saying("good", "1.0.0", "fine"));
    world.drop_file("hostile.wasm", &Package::new("hostile", "1.0.0", &Guest::tool(zoo!("spin_start"))).file()).await;
    let refusal = world.refusal("hostile.wasm").await;
    assert!(refusal.contains("(probe)") && refusal.contains("acme/hostile@1.0.0") && refusal.contains("CPU budget"), "{refusal}");
    all_is_well_after(&world).await;
}

#[tokio::test]
async fn a_guest_may_grow_its_memory_up_to_64_mib_and_no_further() {
    let before = resident_bytes();
    let fault = check(Guest::tool(zoo!("grow")), FaultKind::ResourceLimit, "may have 64 MiB").await;
    assert!(fault.remedy.contains("limits.memory_bytes"), "{fault}");
    assert!(resident_bytes() < before + 300 * 1024 * 1024);
}

#[tokio::test]
async fn a_table_cannot_grow_without_end() {
    check(Guest::tool(zoo!("table")), FaultKind::ResourceLimit, "may have 20000").await;
}

#[tokio::test]
async fn endless_recursion_ends_at_the_stack_limit() {
    check(Guest::tool(zoo!("recurse")), FaultKind::Trap, "stack").await;
}

#[tokio::test]
async fn a_trap_names_the_plugin_its_version_and_its_generation() {
    let fault = check(Guest::tool(zoo!("trap")), FaultKind::Trap, "unreachable").await;
    let generation = fault.plugin.generation.0;
    assert_eq!(fault.plugin.id, id("hostile"));
    let text = fault.to_string();
    assert!(text.starts_with(&format!("acme/hostile@1.0.0#{generation} failed in tool.call go: ")), "{text}");
    assert!(text.contains("skynet plugin rollback"), "{text}");
}

#[tokio::test]
async fn the_last_words_of_a_guest_are_part_of_the_fault() {
    let guest = Guest::tool(zoo!("last_words")).says("panicked at 'no bread'\u{1b}[2J");
    let guest = guest.importing("import wasi:cli/stderr@0.2.12; import wasi:io/streams@0.2.12;");
    let fault = check(guest, FaultKind::Trap, "it printed: panicked at 'no bread'").await;
    assert!(!fault.reason.contains('\u{1b}'), "{fault:?}");
}

#[tokio::test]
async fn an_answer_larger_than_a_host_call_may_copy_is_a_fault() {
    check(Guest::tool(zoo!("huge_answer")), FaultKind::ResourceLimit, "").await;
}

#[tokio::test]
async fn a_giant_request_for_random_numbers_is_a_fault() {
    let before = resident_bytes();
    check(Guest::tool(zoo!("random")), FaultKind::ResourceLimit, "").await;
    assert!(resident_bytes() < before + 300 * 1024 * 1024);
}

#[tokio::test]
async fn leaked_handles_end_at_the_handle_limit() {
    check(Guest::tool(zoo!("handles")), FaultKind::ResourceLimit, "").await;
}

#[tokio::test]
async fn a_guest_cannot_end_the_host_with_exit() {
    check(Guest::tool(zoo!("exit")).importing("import wasi:cli/exit@0.2.12;"), FaultKind::Trap, "exit code 1").await;
}

/// Counts what guests log, and how much of it.
#[derive(Default)]
struct GuestLines {
    lines: AtomicUsize,
    bytes: AtomicUsize,
    warnings: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Line {
    guest: bool,
    text: String,
}

impl Visit for Line {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.guest |= field.name() == "guest" && value;
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.text = format!("{value:?}");
        }
    }
}

struct Listener(Arc<GuestLines>);

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("skynet_plugins")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        if line.guest {
            self.0.lines.fetch_add(1, Ordering::Relaxed);
            self.0.bytes.fetch_add(line.text.len(), Ordering::Relaxed);
        } else if *event.metadata().level() == tracing::Level::WARN {
            self.0.warnings.lock().unwrap().push(line.text);
        }
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

fn listen() -> Arc<GuestLines> {
    let heard = Arc::<GuestLines>::default();
    // Each test is a process of its own, so nobody else listens.
    tracing::subscriber::set_global_default(Listener(Arc::clone(&heard))).unwrap();
    heard
}

#[tokio::test]
async fn a_million_log_lines_become_at_most_a_thousand() {
    let heard = listen();
    let world = world_with(&Guest::tool(zoo!("log")).says(&"x".repeat(10_000))).await;
    let begun = Instant::now();
    // Whether a million host calls fit the budget depends on the machine; both ends are fine.
    match world.call("hostile").await {
        Ok(text) => assert_eq!(text.len(), 10_000),
        Err(PluginError::Fault(fault)) => assert_eq!(fault.kind, FaultKind::CpuLimit, "{fault}"),
        Err(other) => panic!("{other}"),
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
    let lines = heard.lines.load(Ordering::Relaxed);
    assert!((900..=1000).contains(&lines), "{lines} lines");
    assert!(heard.bytes.load(Ordering::Relaxed) <= lines * 4200, "lines are cut");
    assert!(heard.warnings.lock().unwrap().iter().any(|warning| warning.contains("dropped")), "the owner is told");
    all_is_well_after(&world).await;
}

#[tokio::test]
async fn a_flood_on_stdout_is_kept_up_to_a_bound_and_said_so() {
    let heard = listen();
    let guest = Guest::tool(zoo!("flood")).importing("import wasi:cli/stdout@0.2.12; import wasi:io/streams@0.2.12;");
    let world = world_with(&guest).await;
    assert_eq!(world.call("hostile").await.unwrap(), "said");
    assert!(heard.bytes.load(Ordering::Relaxed) <= 64 * 1024);
    let dropped = 4 * 1024 * 1024 - 64 * 1024;
    assert!(heard.warnings.lock().unwrap().iter().any(|warning| warning.contains(&format!("{dropped} bytes"))));
    all_is_well_after(&world).await;
}

fn sleeper() -> Guest {
    Guest::tool(zoo!("sleep")).importing("import wasi:io/poll@0.2.12;")
}

#[tokio::test]
async fn a_guest_that_only_waits_is_ended_by_the_wall_clock_not_the_cpu_budget() {
    let world = world_with(&sleeper()).await;
    // From here on time passes as soon as everybody waits.
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let fault = fault_of(world.call("hostile").await);
    assert_eq!(fault.kind, FaultKind::Timeout, "{fault}");
    assert!(fault.reason.contains("30 s"), "{fault}");
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_secs(30) && waited < Duration::from_secs(32), "{waited:?}");
    all_is_well_after(&world).await;
}

#[tokio::test]
async fn dropping_a_call_frees_its_memory_at_once() {
    let world = world_with(&sleeper()).await;
    let mut call = Box::pin(world.call("hostile"));
    // Until the guest has its 8 MiB and waits.
    while world.host.memory_in_use() < 8 << 20 {
        assert!(poll_once(&mut call).await.is_pending());
        tokio::task::yield_now().await;
    }
    drop(call);
    all_is_well_after(&world).await;
}

#[tokio::test]
async fn all_plugins_together_stay_within_the_memory_of_the_host() {
    let mut worldly = crate::support::Worldly::default();
    worldly.config.total_memory_bytes = 64 << 20;
    let world = World::with(worldly).await;
    world.put("good.wasm", &saying("good", "1.0.0", "fine"));
    world.drop_file("hostile.wasm", &Package::new("hostile", "1.0.0", &sleeper()).file()).await;
    let snapshot = world.snapshot();
    let mut calls: Vec<_> = (0..10).map(|_| Box::pin(async { world.call_with("hostile", &json!({})).await })).collect();
    let mut refused = Vec::new();
    // Eight MiB each: seven or so fit, the others are told that it is not their own limit.
    while refused.is_empty() {
        let mut pending = Vec::new();
        for mut call in calls {
            match poll_once(&mut call).await {
                std::task::Poll::Ready(result) => refused.push(fault_of(result)),
                std::task::Poll::Pending => pending.push(call),
            }
        }
        calls = pending;
        tokio::task::yield_now().await;
    }
    assert!(calls.len() >= 5, "{} calls run", calls.len());
    assert!(refused.iter().all(|fault| fault.reason.contains("plugins.total_memory_bytes")), "{refused:?}");
    assert!(world.host.memory_in_use() <= 64 << 20);
    drop(calls);
    drop(snapshot);
    all_is_well_after(&world).await;
}

/// The component of a good tool with core modules of one memory each beside it.
fn with_memories(count: u32) -> Vec<u8> {
    let mut component = Guest::saying("fine").build();
    let modules = wasmparser::Parser::new(0).parse_all(&component).try_fold((0u32, 0i32), |(modules, depth), payload| {
        Ok::<_, wasmparser::BinaryReaderError>(match payload? {
            wasmparser::Payload::ModuleSection { .. } => (modules + u32::from(depth == 1), depth),
            wasmparser::Payload::Version { .. } => (modules, depth + 1),
            wasmparser::Payload::End(_) => (modules, depth - 1),
            _ => (modules, depth),
        })
    });
    let (first, _) = modules.unwrap();
    let module = wat::parse_str("(module (memory (export \"m\") 1))").unwrap();
    for index in 0..count {
        // Section 1: a core module. Section 2: one core instance of it, without arguments.
        component.push(1);
        component.push(u8::try_from(module.len()).unwrap());
        component.extend(&module);
        component.extend([2, 4, 1, 0, u8::try_from(first + index).unwrap(), 0]);
    }
    component
}

#[tokio::test]
async fn a_component_of_many_memories_is_refused() {
    let world = World::start().await;
    let good = Package::new("hostile", "1.0.0", &Guest::saying("fine"));
    let package = |count| Package::of(with_memories(count), "hostile", "1.0.0", good.release.wit.clone()).file();
    world.drop_file("hostile.wasm", &package(8)).await;
    let refusal = world.refusal("hostile.wasm").await;
    assert!(refusal.contains("memories"), "{refusal}");
    world.drop_file("hostile.wasm", &package(1)).await;
    assert_eq!(world.call("hostile").await.unwrap(), "fine", "two memories are fine");
}
