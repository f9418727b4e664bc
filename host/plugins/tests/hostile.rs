//! More hostile guests: in what runs after an answer, in bodies that they send, in what
//! they hand the host and keep with it.

use crate::support::package::{id, saying};
use crate::support::server::{Answer, Server};
use crate::support::stubs::Names;
use crate::support::{Package, World, Worldly};
use crate::zoo::{Guest, zoo};
use serde_json::json;
use skynet_core::admin::PluginAdmin as _;
use skynet_core::error::FaultKind;
use skynet_core::ports::PluginStore as _;
use skynet_core::{GuestFault, PluginError, ToolError};
use std::sync::Arc;

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
}

fn fault_of(result: Result<String, PluginError>) -> GuestFault {
    match result {
        Err(PluginError::Fault(fault)) => fault,
        other => panic!("not a fault: {other:?}"),
    }
}

async fn check(guest: Guest, kind: FaultKind, reason: &str) {
    let world = world_with(&guest).await;
    let fault = fault_of(world.call("hostile").await);
    assert_eq!(fault.kind, kind, "{fault}");
    assert!(fault.reason.contains(reason), "{fault}");
    all_is_well_after(&world).await;
}

#[tokio::test]
async fn a_trap_after_the_answer_is_a_trap() {
    check(Guest::tool(zoo!("last_traps")), FaultKind::Trap, "unreachable").await;
}

#[tokio::test]
async fn a_guest_that_spins_after_its_answer_is_stopped_by_its_cpu_budget() {
    check(Guest::tool(zoo!("last_spins")), FaultKind::CpuLimit, "2000 ms").await;
}

#[tokio::test]
async fn a_trap_in_a_destructor_is_a_trap() {
    let things = "export things: interface { resource thing { } }";
    check(Guest::tool(zoo!("destructor")).importing(things), FaultKind::Trap, "unreachable").await;
}

#[tokio::test]
async fn a_log_line_larger_than_a_host_call_may_copy_is_a_fault() {
    check(Guest::tool(zoo!("huge_log")), FaultKind::ResourceLimit, "").await;
}

#[tokio::test]
async fn a_flood_of_keys_ends_at_the_quota_and_leaves_what_was_there() {
    let world = World::start().await;
    world.put("good.wasm", &saying("good", "1.0.0", "fine"));
    let quota = json!({"kv": {"bytes": 100_000, "keys": 50}});
    world.drop_file("hostile.wasm", &Package::new("hostile", "1.0.0", &Guest::tool(zoo!("kv_flood"))).asking(quota).file()).await;
    world.host.grant(&id("hostile"), None, "owner").await.unwrap();
    assert_eq!(world.call("hostile").await.unwrap(), "said");
    assert_eq!(world.store.kv_keys(&id("hostile"), "", None, 1000).await.unwrap().len(), 50);
    all_is_well_after(&world).await;
}

/// A guest that may send to a server of ours.
struct Sender {
    world: World,
    server: Server,
}

impl Sender {
    async fn start() -> Self {
        let server = Server::start(Answer::Hello).await;
        let world = World::with(Worldly { names: Arc::new(Names::answering(&[&["127.0.0.1"]])), ..Worldly::default() }).await;
        world.put("good.wasm", &saying("good", "1.0.0", "fine"));
        let guest = Guest::tool(zoo!("post")).importing("import wasi:io/poll@0.2.12; import wasi:io/streams@0.2.12;");
        let url = format!("http://api.example.com:{}", server.port());
        let file = Package::new("hostile", "1.0.0", &guest).asking(json!({"net": [{"url": url}]})).file();
        world.drop_file("hostile.wasm", &file).await;
        world.host.grant(&id("hostile"), Some(json!({"net": [{"url": url, "private": true}]})), "owner").await.unwrap();
        Self { world, server }
    }

    async fn send(&self, kind: &str) -> Result<String, PluginError> {
        self.world.call_with("hostile", &json!(format!("{kind}api.example.com:{}/", self.server.port()))).await
    }
}

#[tokio::test]
async fn a_body_as_long_as_it_says_is_sent() {
    let sender = Sender::start().await;
    assert_eq!(sender.send("O").await.unwrap(), "said");
    assert!(sender.server.requests()[0].contains("content-length: 2"));
}

#[tokio::test]
async fn one_write_larger_than_the_host_offered_is_a_fault_and_nothing_of_it_leaves() {
    let sender = Sender::start().await;
    let fault = fault_of(sender.send("H").await);
    assert_eq!(fault.kind, FaultKind::ResourceLimit, "{fault}");
    all_is_well_after(&sender.world).await;
}

#[tokio::test]
async fn a_storm_of_empty_writes_a_short_body_and_a_long_one_come_to_nothing() {
    for kind in ["E", "L", "M"] {
        let sender = Sender::start().await;
        match sender.send(kind).await {
            Err(PluginError::Tool(ToolError::Failed(text))) => assert!(text.starts_with("not sent"), "{kind}: {text}"),
            other => panic!("{kind}: {other:?}"),
        }
        all_is_well_after(&sender.world).await;
    }
}
