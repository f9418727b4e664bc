//! Trial calls of a component that nobody installed: they reach nothing, not even what an
//! earlier version of the same plugin keeps, and a failed one leaves nothing on the disk.

use crate::support::World;
use crate::support::package::{Package, id};
use crate::zoo::{Guest, zoo};
use serde_json::{Value, json};
use skynet_core::admin::PluginAdmin as _;
use skynet_core::proposals::Trial;
use skynet_plugins::Rehearsal;
use skynet_policy::permission::Permissions;

fn kv() -> Value {
    json!({"kv": {"bytes": 1000, "keys": 3}})
}

/// Version 1.0.0 serves and keeps a value; the draft of 1.1.0 is tried.
async fn tried(world: &World, arguments: &str, fails: bool, expect: &str) -> Result<Rehearsal, String> {
    let draft = Package::new("tool", "1.1.0", &Guest::tool(zoo!("kv")).says("a draft"));
    let asks: Permissions = serde_json::from_value(kv()).unwrap();
    let trial = Trial { tool: "go".into(), arguments: json!(arguments), expect: Some(expect.into()), fails };
    world.host.rehearse(&id("tool"), &draft.release.version, draft.component, &asks, &[trial]).await
}

async fn keeping() -> World {
    let world = World::start().await;
    world.drop_file("tool.wasm", &Package::new("tool", "1.0.0", &Guest::tool(zoo!("kv"))).asking(kv()).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    world.call_with("tool", &json!("sa")).await.unwrap();
    world
}

/// Components and code that the host keeps.
fn kept(world: &World) -> usize {
    let count = |folder: std::path::PathBuf| walk(&folder);
    count(world.folder().join("private"))
}

fn walk(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn a_trial_neither_reads_nor_changes_what_the_serving_version_keeps() {
    let world = keeping().await;
    for arguments in ["ga", "sa"] {
        let rehearsal = tried(&world, arguments, true, "not granted").await.unwrap();
        assert_eq!(rehearsal.failed, [""; 0]);
        assert_eq!(rehearsal.passed.len(), 1);
    }
    assert_eq!(world.call_with("tool", &json!("ga")).await.unwrap(), "said", "what it kept is still there");
}

#[tokio::test]
async fn a_draft_with_the_very_bytes_of_another_plugin_takes_nothing_from_it_when_it_fails() {
    let world = World::start().await;
    let guest = Guest::tool(zoo!("kv"));
    world.drop_file("tool.wasm", &Package::new("tool", "1.0.0", &guest).asking(kv()).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    let draft = Package::new("other", "1.0.0", &guest);
    let asks: Permissions = serde_json::from_value(kv()).unwrap();
    let before = kept(&world);
    let tried = world.host.rehearse(&id("other"), &draft.release.version, draft.component, &asks, &[]).await;
    let refused = tried.map_or_else(|why| why, |rehearsal| rehearsal.failed.join("; "));
    world.host.discard(&id("other"), &draft.release.component.sha256).await;
    assert_eq!(kept(&world), before, "{refused}");
    let world = world.restart_without_scan(|_| {}).await;
    assert_eq!(world.call_with("tool", &json!("sa")).await.unwrap(), "said");
}

#[tokio::test]
async fn what_failed_its_trials_is_not_kept() {
    let world = keeping().await;
    let before = kept(&world);
    let rehearsal = tried(&world, "ga", false, "said").await.unwrap();
    assert_eq!(rehearsal.failed.len(), 1);
    assert_eq!(kept(&world), before);

    let draft = Package::new("tool", "1.1.0", &Guest::tool(zoo!("kv")).says("a draft"));
    tried(&world, "ga", true, "not granted").await.unwrap();
    assert_eq!(kept(&world), before + 2, "what passed waits for its installation");
    world.host.discard(&id("tool"), &draft.release.component.sha256).await;
    assert_eq!(kept(&world), before);

    let serving = Package::new("tool", "1.0.0", &Guest::tool(zoo!("kv")));
    world.host.discard(&id("tool"), &serving.release.component.sha256).await;
    assert_eq!(kept(&world), before, "what a receipt names stays");
    world.host.discard(&id("namesake"), &serving.release.component.sha256).await;
    assert_eq!(kept(&world), before, "what serves as another plugin stays");
}
