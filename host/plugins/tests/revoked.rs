//! A grant that ends while a call runs: the next step from guest to host is refused,
//! whichever interface it goes through.

use crate::support::package::{Package, id};
use crate::support::stubs::{Gate, SetSecrets};
use crate::support::{World, Worldly};
use crate::zoo::{Guest, zoo};
use serde_json::{Value, json};
use skynet_core::admin::PluginAdmin as _;
use skynet_core::ports::Clock as _;
use skynet_core::{Denial, PluginError};
use skynet_plugins::Root;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A plugin whose call waits at a gate before its effect.
struct Held {
    world: World,
    gate: Arc<Gate>,
    folder: tempfile::TempDir,
}

impl Held {
    async fn at(body: &str, imports: &'static str, mut asking: Value) -> Self {
        let gate = Gate::closed();
        let folder = tempfile::tempdir().unwrap();
        let root = Root { path: folder.path().to_owned(), writable: true };
        let secrets = SetSecrets { gate: Some(Arc::clone(&gate)), ..SetSecrets::default() };
        let roots = BTreeMap::from([("work".to_owned(), root)]);
        let world = World::with(Worldly { secrets: Arc::new(secrets), roots, ..Worldly::default() }).await;
        asking["reveal"] = json!(["pause"]);
        let file = Package::new("tool", "1.0.0", &Guest::tool(body).importing(imports).pausing()).asking(asking).file();
        world.drop_file("tool.wasm", &file).await;
        world.host.grant(&id("tool"), None, "owner").await.unwrap();
        Self { world, gate, folder }
    }

    /// Calls, and lets `meanwhile` happen while the call waits.
    async fn call(&self, arguments: &str, meanwhile: impl AsyncFnOnce(&World)) -> Result<String, PluginError> {
        let arguments = json!(arguments);
        let call = self.world.call_with("tool", &arguments);
        let meanwhile = async {
            self.gate.arrived().await;
            meanwhile(&self.world).await;
            self.gate.open();
        };
        tokio::join!(call, meanwhile).0
    }

    async fn refused(&self, arguments: &str) -> Denial {
        match self.call(arguments, async |world| world.host.revoke(&id("tool"), "owner").await.unwrap()).await {
            Err(PluginError::Denied(denial)) => denial,
            other => panic!("not denied: {other:?}"),
        }
    }
}

fn some_kv() -> Value {
    json!({"kv": {"bytes": 1000, "keys": 3}})
}

#[tokio::test]
async fn a_call_that_runs_cannot_store_anything_after_its_grant_was_taken_back() {
    let held = Held::at(zoo!("kv"), "", some_kv()).await;
    assert_eq!(held.call("sa", async |_| {}).await.unwrap(), "said");
    let denial = held.refused("sb").await;
    assert_eq!((denial.what.as_str(), denial.why.as_str()), ("tool.call go", "the owner took its grant back while it ran"));
    assert!(denial.who.starts_with("acme/tool@1.0.0#") && denial.remedy.contains("skynet plugin grant acme/tool"), "{denial}");
    assert_eq!(held.world.audited("permission", "denied").await[0].detail["why"], denial.why);
    held.world.host.grant(&id("tool"), None, "owner").await.unwrap();
    assert_eq!(held.call("gb", async |_| {}).await.unwrap(), "absent", "nothing was stored");
}

#[tokio::test]
async fn a_call_that_runs_cannot_write_files_after_its_grant_was_taken_back() {
    let held = Held::at(zoo!("files"), "", json!({"fs": [{"root": "work", "access": "write"}]})).await;
    assert_eq!(held.call("wa", async |_| {}).await.unwrap(), "said");
    held.refused("wb").await;
    assert!(held.folder.path().join("a").exists() && !held.folder.path().join("b").exists());
}

#[tokio::test]
async fn a_call_that_runs_cannot_send_anything_after_its_grant_was_taken_back() {
    let streams = "import wasi:io/poll@0.2.12; import wasi:io/streams@0.2.12;";
    let held = Held::at(zoo!("fetch"), streams, json!({"net": [{"url": "http://api.example.com"}]})).await;
    held.refused("1hapi.example.com/").await;
    assert_eq!(held.world.audited("egress", "ok").await.len(), 0);
}

#[tokio::test]
async fn a_call_that_runs_is_refused_when_the_time_of_its_grant_is_over() {
    let held = Held::at(zoo!("kv"), "", some_kv()).await;
    let hour = held.world.clock.now_ms() + 3_600_000;
    held.world.host.grant_until(&id("tool"), None, Some(hour), "owner").await.unwrap();
    let late = held.call("sa", async |world| world.clock.advance(Duration::from_secs(3_600))).await;
    match late {
        Err(PluginError::Denied(denial)) => assert_eq!(denial.why, "the time of its grant was over while it ran"),
        other => panic!("not denied: {other:?}"),
    }
}

#[tokio::test]
async fn a_call_under_an_earlier_grant_or_version_ends_with_the_grant_too() {
    let held = Held::at(zoo!("kv"), "", some_kv()).await;
    let less = json!({"kv": {"bytes": 500, "keys": 1}, "reveal": ["pause"]});
    held.world.host.grant(&id("tool"), Some(less), "owner").await.unwrap();
    let grown_and_revoked = async |world: &World| {
        world.host.grant(&id("tool"), None, "owner").await.unwrap();
        world.host.revoke(&id("tool"), "owner").await.unwrap();
    };
    let late = held.call("sa", grown_and_revoked).await;
    assert!(matches!(late, Err(PluginError::Denied(_))), "{late:?}");

    held.world.host.grant(&id("tool"), None, "owner").await.unwrap();
    let updated_and_revoked = async |world: &World| {
        let mut asking = some_kv();
        asking["reveal"] = json!(["pause"]);
        world.drop_file("tool.wasm", &Package::new("tool", "1.1.0", &Guest::tool(zoo!("kv")).pausing()).asking(asking).file()).await;
        assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "1.1.0");
        world.host.revoke(&id("tool"), "owner").await.unwrap();
    };
    let late = held.call("sa", updated_and_revoked).await;
    assert!(matches!(late, Err(PluginError::Denied(_))), "{late:?}");
}

#[tokio::test]
async fn a_turn_that_holds_an_old_snapshot_finds_its_grant_ended() {
    let held = Held::at(zoo!("kv"), "", some_kv()).await;
    let old = held.world.snapshot();
    held.world.host.revoke(&id("tool"), "owner").await.unwrap();
    held.gate.open();
    let late = crate::support::call(&*old, "tool", &json!("sa")).await;
    assert!(matches!(late, Err(PluginError::Denied(_))), "{late:?}");
}

#[tokio::test]
async fn a_grant_made_shorter_holds_for_calls_that_run_no_longer_than_it_says() {
    let held = Held::at(zoo!("kv"), "", some_kv()).await;
    let shortened = async |world: &World| {
        let soon = world.clock.now_ms() + 60_000;
        world.host.grant_until(&id("tool"), None, Some(soon), "owner").await.unwrap();
    };
    let late = held.call("sa", shortened).await;
    assert!(matches!(late, Err(PluginError::Denied(_))), "{late:?}");
}

#[tokio::test]
async fn a_grant_that_grows_leaves_the_calls_that_run_alone() {
    let held = Held::at(zoo!("kv"), "", some_kv()).await;
    let less = json!({"kv": {"bytes": 500, "keys": 1}, "reveal": ["pause"]});
    held.world.host.grant(&id("tool"), Some(less.clone()), "owner").await.unwrap();
    let grown = held.call("sa", async |world| world.host.grant(&id("tool"), None, "owner").await.unwrap()).await;
    assert_eq!(grown.unwrap(), "said");
    let shrunk = held.call("sa", async |world| world.host.grant(&id("tool"), Some(less), "owner").await.unwrap()).await;
    assert!(matches!(shrunk, Err(PluginError::Denied(_))), "{shrunk:?}");
}

/// What is said to a call whose script runs while this happens.
async fn ended(guest: &str, meanwhile: impl AsyncFnOnce(&World)) -> Denial {
    let world = World::start().await;
    let file = Package::new("tool", "1.0.0", &Guest::tool(guest)).asking(json!({"script": ["endless"]})).file();
    world.drop_file("tool.wasm", &file).await;
    let hour = world.clock.now_ms() + 3_600_000;
    world.host.grant_until(&id("tool"), None, Some(hour), "owner").await.unwrap();
    let arguments = json!("endless");
    let call = world.call_with("tool", &arguments);
    let meanwhile = async {
        while world.neighbours().heard().is_empty() {
            tokio::task::yield_now().await;
        }
        meanwhile(&world).await;
    };
    let said = tokio::join!(call, meanwhile).0;
    assert_eq!(world.neighbours().heard().last().unwrap(), "endless was ended");
    match said {
        Err(PluginError::Denied(denial)) => denial,
        other => panic!("not denied: {other:?}"),
    }
}

#[tokio::test]
async fn a_script_that_runs_is_ended_when_its_grant_was_taken_back() {
    let denial = ended(zoo!("script"), async |world| world.host.revoke(&id("tool"), "owner").await.unwrap()).await;
    assert_eq!(denial.why, "the owner took its grant back while it ran");
}

#[tokio::test]
async fn a_kept_program_that_works_on_an_answer_is_ended_when_its_grant_was_taken_back() {
    let denial = ended(zoo!("talk"), async |world| world.host.revoke(&id("tool"), "owner").await.unwrap()).await;
    assert_eq!(denial.why, "the owner took its grant back while it ran");
}

#[tokio::test]
async fn a_script_that_runs_is_ended_when_the_time_of_its_grant_is_over() {
    let denial = ended(zoo!("script"), async |world| {
        world.clock.advance(Duration::from_secs(3_600));
        world.host.settled().await;
    })
    .await;
    assert_eq!(denial.why, "the time of its grant was over while it ran");
}
