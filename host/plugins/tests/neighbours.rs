//! Guests that compute without end beside guests that do not: whose calls come through,
//! what a call keeps that changed threads, what is left of one that nobody waits for.

use crate::support::package::saying;
use crate::support::{Package, World};
use crate::zoo::{Guest, zoo};
use skynet_core::PluginError;
use skynet_core::error::FaultKind;
use std::sync::Arc;
use tokio::task::JoinHandle;

async fn world() -> Arc<World> {
    let world = World::start().await;
    world.put("good.wasm", &saying("good", "1.0.0", "fine"));
    world.drop_file("spin.wasm", &Package::new("spin", "1.0.0", &Guest::tool(zoo!("spin"))).file()).await;
    Arc::new(world)
}

fn calling(world: &Arc<World>, name: &'static str) -> JoinHandle<Result<String, PluginError>> {
    let (world, snapshot) = (Arc::clone(world), world.snapshot());
    tokio::spawn(async move {
        let result = crate::support::call(&*snapshot, name, &serde_json::json!({})).await;
        drop(world);
        result
    })
}

fn kind(result: Result<String, PluginError>) -> FaultKind {
    match result {
        Err(PluginError::Fault(fault)) => fault.kind,
        other => panic!("not a fault: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_spinning_guests_than_threads_keep_no_call_of_another_plugin_waiting() {
    let world = world().await;
    let spinning: Vec<_> = (0..8).map(|_| calling(&world, "spin")).collect();
    // All have their stores.
    while world.host.memory_in_use() < 8 * 128 * 1024 {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        assert_eq!(calling(&world, "good").await.unwrap().unwrap(), "fine");
    }
    // None of them has had its two seconds of computing.
    assert!(spinning.iter().all(|call| !call.is_finished()), "the good plugin's calls came through first");
    let mut spinning = spinning.into_iter();
    let one = spinning.next().unwrap();
    spinning.for_each(|call| call.abort());
    assert_eq!(kind(one.await.unwrap()), FaultKind::CpuLimit);
    assert_eq!(world.call("good").await.unwrap(), "fine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spinning_guest_that_nobody_waits_for_is_ended_and_gives_everything_back() {
    let world = world().await;
    let spinning: Vec<_> = (0..4).map(|_| calling(&world, "spin")).collect();
    while world.host.memory_in_use() < 4 * 128 * 1024 {
        tokio::task::yield_now().await;
    }
    for call in &spinning {
        call.abort();
    }
    // One that runs is ended at its next tick. Without an end this test would hang.
    while world.host.memory_in_use() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.call("good").await.unwrap(), "fine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_computes_waits_and_computes_again_comes_to_its_answer() {
    let world = World::start().await;
    let guest = Guest::tool(zoo!("toil")).importing("import wasi:io/poll@0.2.12;");
    world.drop_file("toil.wasm", &Package::new("toil", "1.0.0", &guest).file()).await;
    let world = Arc::new(world);
    let toiling: Vec<_> = (0..6).map(|_| calling(&world, "toil")).collect();
    for call in toiling {
        assert_eq!(call.await.unwrap().unwrap(), "said");
    }
    assert_eq!(world.host.memory_in_use(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_traps_after_long_computing_is_a_trap_all_the_same() {
    let world = World::start().await;
    let guest = Guest::tool(&zoo!("toil").replace("(call $say)", "unreachable")).importing("import wasi:io/poll@0.2.12;");
    world.drop_file("toil.wasm", &Package::new("toil", "1.0.0", &guest).file()).await;
    assert_eq!(kind(calling(&Arc::new(world), "toil").await.unwrap()), FaultKind::Trap);
}
