//! The owner's word: no as well as yes, for a while, up to a ceiling, and told why.

use crate::support::package::{Package, id, saying, second_author};
use crate::support::stubs::Gate;
use crate::support::{World, Worldly};
use crate::zoo::{Guest, zoo};
use serde_json::{Value, json};
use skynet_core::PluginError;
use skynet_core::admin::{AdminError, PluginAdmin as _};
use skynet_core::plugin::PluginState;
use skynet_core::ports::{Audit as _, AuditRow, Clock as _, PluginStore as _};
use skynet_plugins::Root;
use std::collections::BTreeMap;
use std::time::Duration;

fn kv(version: &str, asking: Value) -> Package {
    Package::new("tool", version, &Guest::tool(zoo!("kv"))).asking(asking)
}

fn some_kv() -> Value {
    json!({"kv": {"bytes": 1000, "keys": 3}})
}

fn more_kv() -> Value {
    json!({"kv": {"bytes": 2000, "keys": 3}, "net": [{"url": "https://api.example.com"}]})
}

async fn with_ceiling(ceiling: Value) -> World {
    World::with(Worldly { ceiling: Some(serde_json::from_value(ceiling).unwrap()), ..Worldly::default() }).await
}

#[tokio::test]
async fn a_denied_update_no_longer_asks_and_the_old_version_serves_on() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    world.drop_file("tool.wasm", &kv("1.1.0", more_kv()).file()).await;
    world.host.deny(&id("tool"), "owner").await.unwrap();
    assert_eq!(world.state("acme/tool").await, PluginState::Serving);
    assert_eq!(world.audited("deny", "ok").await[0].detail["version"], "1.1.0");
    let world = world.restart(|_| {}).await;
    world.host.settled().await;
    assert_eq!(world.state("acme/tool").await, PluginState::Serving, "a restart does not ask again");
    assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "1.0.0");
    assert!(matches!(world.host.deny(&id("tool"), "owner").await, Err(AdminError::Refused(_))), "nothing waits");
    world.drop_file("tool.wasm", &kv("1.2.0", more_kv()).file()).await;
    assert!(matches!(world.state("acme/tool").await, PluginState::Pending { .. }), "another release is another question");
}

#[tokio::test]
async fn a_grant_after_a_no_brings_the_denied_update_in_while_the_old_version_serves() {
    for restarts in [false, true] {
        let mut world = World::start().await;
        world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
        world.host.grant(&id("tool"), None, "owner").await.unwrap();
        world.drop_file("tool.wasm", &kv("1.1.0", more_kv()).file()).await;
        world.host.deny(&id("tool"), "owner").await.unwrap();
        if restarts {
            world = world.restart(|_| {}).await;
            world.host.settled().await;
        }
        let info = world.host.info(&id("tool")).await.unwrap();
        assert_eq!((&info["denied"]["version"], &info["waiting"]), (&json!("1.1.0"), &Value::Null), "{info}");
        world.host.grant(&id("tool"), None, "owner").await.unwrap();
        assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "1.1.0");
        let info = world.host.info(&id("tool")).await.unwrap();
        assert_eq!((info["denied"].clone(), info["may"].as_array().unwrap().len()), (Value::Null, 2), "{info}");
    }
}

#[tokio::test]
async fn a_grant_for_what_serves_does_not_bring_back_what_was_rolled_back() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    world.drop_file("tool.wasm", &kv("1.1.0", some_kv()).file()).await;
    world.host.rollback(&id("tool"), "owner").await.unwrap();
    world.host.settled().await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "1.0.0");
}

#[tokio::test]
async fn a_rollback_does_not_take_out_the_release_that_came_while_it_was_made() {
    let world = World::start().await;
    for version in ["1.0.0", "2.0.0"] {
        world.drop_file("tool.wasm", &saying("tool", version, version)).await;
    }
    let gate = Gate::closed();
    // Once for what is to be put away, once for what is to come in its place.
    world.fuse().hold_after("grant", 1, &gate);
    let host = world.host.clone();
    let rolling = tokio::spawn(async move { host.rollback(&id("tool"), "owner").await });
    gate.arrived().await;
    world.drop_file("tool.wasm", &saying("tool", "3.0.0", "3.0.0")).await;
    gate.open();
    let told = rolling.await.unwrap().unwrap_err().to_string();
    assert!(told.contains("changed meanwhile"), "{told}");
    assert_eq!(world.call("tool").await.unwrap(), "3.0.0");
    assert_eq!(world.store.held(&id("tool")).await.unwrap(), []);
}

#[tokio::test]
async fn a_plugin_denied_from_the_start_says_how_to_allow_it_and_then_serves() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    world.host.deny(&id("tool"), "owner").await.unwrap();
    let world = world.restart(|_| {}).await;
    world.host.settled().await;
    match world.state("acme/tool").await {
        PluginState::Disabled { reason } => assert!(reason.contains("skynet plugin grant acme/tool"), "{reason}"),
        other => panic!("{other:?}"),
    }
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    assert_eq!(world.call_with("tool", &json!("sa")).await.unwrap(), "said");
}

/// A tool first, and then a provider of the same name and signer. Neither asks for a permission.
async fn tool_then_provider() -> World {
    let world = World::start().await;
    world.drop_file("tool.wasm", &saying("tool", "1.0.0", "first")).await;
    world.drop_file("tool.wasm", &Package::new("tool", "2.0.0", &Guest::provider()).file()).await;
    world
}

async fn waits_to_be_a_provider(world: &World) {
    match world.state("acme/tool").await {
        PluginState::Pending { asks } => assert!(asks[0].contains("Serve as a provider, which it did not come as"), "{asks:?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_update_that_would_serve_as_something_else_waits_while_the_old_version_serves() {
    let world = tool_then_provider().await;
    waits_to_be_a_provider(&world).await;
    assert_eq!(world.call("tool").await.unwrap(), "first");
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "2.0.0");
    assert_eq!(world.audited("grant", "ok").await[0].detail["kinds"], json!(["provider"]));
    let world = world.restart(|_| {}).await;
    world.host.settled().await;
    assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "2.0.0", "the owner's word outlives a restart");
    world.host.revoke(&id("tool"), "owner").await.unwrap();
    assert_eq!(world.serving("tool").await, None, "what was granted with it ends with it");
    waits_to_be_a_provider(&world).await;
}

#[tokio::test]
async fn what_a_plugin_may_serve_as_for_a_while_ends_by_itself() {
    let world = tool_then_provider().await;
    let until = world.clock.now_ms() + 60_000;
    world.host.grant_until(&id("tool"), None, Some(until), "owner").await.unwrap();
    assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "2.0.0");
    world.clock.advance(Duration::from_secs(61));
    world.host.settled().await;
    assert_eq!(world.serving("tool").await, None);
    waits_to_be_a_provider(&world).await;
}

#[tokio::test]
async fn a_yes_after_a_no_covers_what_it_serves_as_also_after_a_restart() {
    let world = tool_then_provider().await;
    world.host.deny(&id("tool"), "owner").await.unwrap();
    let world = world.restart(|_| {}).await;
    world.host.settled().await;
    assert_eq!(world.call("tool").await.unwrap(), "first");
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "2.0.0");
}

#[tokio::test]
async fn a_grant_for_a_while_ends_by_itself_and_asks_again() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    let hour = world.clock.now_ms() + 3_600_000;
    world.host.grant_until(&id("tool"), None, Some(hour), "owner").await.unwrap();
    world.call_with("tool", &json!("sa")).await.unwrap();
    assert_eq!(world.host.grants().await.unwrap()[0]["until_ms"], hour);
    world.clock.advance(Duration::from_secs(3_600));
    world.host.settled().await;
    assert_eq!(world.serving("tool").await, None);
    assert!(matches!(world.state("acme/tool").await, PluginState::Pending { .. }));
    assert_eq!(world.host.grants().await.unwrap(), Vec::<Value>::new());
    let over = world.audited("grant", "over").await;
    assert_eq!((over.len(), &over[0].actor, &over[0].subject), (1, &"host".to_owned(), &"acme/tool".to_owned()));
    assert_eq!(over[0].detail["until_ms"], hour);
    let note = world.host.list().await[0].note.clone().unwrap();
    assert!(note.contains("the time of its grant is over"), "{note}");
    assert_eq!(world.host.why_denied(&id("tool"), 5).await.unwrap()["was_granted_until_ms"], hour);
    world.host.settled().await;
    assert_eq!(world.audited("grant", "over").await.len(), 1, "said once");
    let past = world.host.grant_until(&id("tool"), None, Some(hour), "owner").await;
    assert!(matches!(past, Err(AdminError::Refused(_))), "{past:?}");
}

#[tokio::test]
async fn grants_are_shown_with_who_when_and_what() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    let grants = world.host.grants().await.unwrap();
    assert_eq!((&grants[0]["plugin"], &grants[0]["by"], &grants[0]["until_ms"]), (&json!("acme/tool"), &json!("owner"), &Value::Null));
    assert_eq!(grants[0]["allows"], json!(["Keep up to 3 keys and 1000 bytes in a store of its own."]));
}

#[tokio::test]
async fn an_update_shows_what_it_changes_as_text_and_as_data() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    world.drop_file("tool.wasm", &kv("1.1.0", more_kv()).signed_by(&second_author()).file()).await;
    let waiting = world.host.info(&id("tool")).await.unwrap()["waiting"].clone();
    assert_eq!((&waiting["version"], &waiting["signer"]), (&json!("1.1.0"), &json!("other")));
    assert_eq!(waiting["diff"]["added"][0]["subject"], "https://api.example.com");
    let text = "+ network  https://api.example.com: any method\n~ store    own keys: 3 keys, 1000 bytes → 3 keys, 2000 bytes";
    assert_eq!(waiting["diff_text"], text);
    assert_eq!(waiting["kinds"], json!(["tool"]));
    assert_eq!(world.audited("admission", "ok").await[0].detail["kinds"], json!(["tool"]));
}

#[tokio::test]
async fn no_grant_goes_beyond_the_ceiling_of_the_instance() {
    let world = with_ceiling(json!({"kv": {"bytes": 1000, "keys": 1}})).await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    world.call_with("tool", &json!("sa")).await.unwrap();
    match world.call_with("tool", &json!("sb")).await {
        Err(PluginError::Tool(error)) => assert!(error.to_string().contains("1 keys"), "{error}"),
        other => panic!("{other:?}"),
    }
    let above = json!(["Keep up to 3 keys and 1000 bytes in a store of its own."]);
    assert_eq!(world.host.info(&id("tool")).await.unwrap()["above_ceiling"], above);
    assert_eq!(world.host.grants().await.unwrap()[0]["above_ceiling"], above);
}

#[tokio::test]
async fn what_the_ceiling_does_not_name_nobody_gets_and_the_refusal_says_so() {
    let world = with_ceiling(json!({"schedule": true})).await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    assert_eq!(world.serving("tool").await, None);
    let refusal = world.refusal("tool.wasm").await;
    assert!(refusal.contains("kv") && refusal.contains("[ceiling]"), "{refusal}");
}

#[tokio::test]
async fn a_ceiling_lowered_under_a_grant_is_named_where_it_hurts() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    let lowered = serde_json::from_value(json!({"schedule": true})).unwrap();
    let world = world.restart(|worldly| worldly.ceiling = Some(lowered)).await;
    world.host.settled().await;
    let cut = "[ceiling] in skynet.toml keeps from it: Keep up to 3 keys and 1000 bytes in a store of its own";
    match world.call_with("tool", &json!("sa")).await {
        Err(PluginError::Denied(denial)) => {
            assert_eq!(denial.why, cut);
            assert!(denial.remedy.starts_with("Raise [ceiling] in skynet.toml"), "{denial}");
        }
        other => panic!("{other:?}"),
    }
    let listed = world.host.list().await;
    assert_eq!(listed[0].note.as_deref(), Some(cut), "{listed:?}");
    let told = world.host.why_denied(&id("tool"), 20).await.unwrap();
    assert_eq!((&told["denied"][0]["why"], &told["above_ceiling"].as_array().unwrap().len()), (&json!(cut), &1), "{told}");
    assert!(told["ceiling_remedy"].as_str().unwrap().contains("[ceiling]"), "{told}");
    assert_eq!(world.host.info(&id("tool")).await.unwrap()["above_ceiling"], told["above_ceiling"]);
    let raised = world.restart(|worldly| worldly.ceiling = None).await;
    assert_eq!(raised.call_with("tool", &json!("sa")).await.unwrap(), "said");
    assert_eq!(raised.host.list().await[0].note, None);
}

#[tokio::test]
async fn a_request_that_a_lowered_ceiling_keeps_back_is_refused_by_its_name() {
    let guest = Guest::tool(zoo!("fetch")).importing("import wasi:io/poll@0.2.12; import wasi:io/streams@0.2.12;");
    let asking = json!({"net": [{"url": "https://api.example.com"}, {"url": "https://other.example.com"}]});
    let world = World::start().await;
    world.drop_file("tool.wasm", &Package::new("tool", "1.0.0", &guest).asking(asking).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    let lowered = serde_json::from_value(json!({"net": [{"url": "https://other.example.com"}]})).unwrap();
    let world = world.restart(|worldly| worldly.ceiling = Some(lowered)).await;
    let refused = async |call: &str| match world.call_with("tool", &json!(call)).await {
        Err(PluginError::Denied(denial)) => denial,
        other => panic!("{other:?}"),
    };
    let denial = refused("0sapi.example.com/").await;
    assert_eq!(denial.what, "GET https://api.example.com");
    assert_eq!(denial.why, "[ceiling] in skynet.toml keeps from it: Send any request to https://api.example.com");
    assert_eq!(world.audited("egress", "denied").await[0].detail["why"], denial.why);
    // What was never granted is not the ceiling's doing.
    let denial = refused("0sevil.example.com/").await;
    assert!(!denial.to_string().contains("ceiling") && denial.remedy.contains("skynet plugin grant"), "{denial}");
}

#[tokio::test]
async fn an_owner_is_told_what_was_denied_why_and_what_would_allow_it() {
    let world = World::start().await;
    let guest = Guest::tool(zoo!("fetch")).importing("import wasi:io/poll@0.2.12; import wasi:io/streams@0.2.12;");
    let fetch = Package::new("tool", "1.0.0", &guest).asking(json!({"net": [{"url": "https://api.example.com"}]}));
    world.drop_file("tool.wasm", &fetch.file()).await;
    let asked = world.host.why_denied(&id("tool"), 20).await.unwrap();
    assert_eq!(asked["asks"], json!(["Send any request to https://api.example.com."]), "{asked}");
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    world.call_with("tool", &json!("1h10.0.0.1/")).await.unwrap_err();
    let told = world.host.why_denied(&id("tool"), 20).await.unwrap();
    let row = &told["denied"][0];
    assert_eq!((&row["kind"], &row["what"]), (&json!("egress"), &json!("GET http://10.0.0.1")), "{told}");
    assert!(row["why"].as_str().unwrap().contains("no granted rule names"), "{told}");
    assert_eq!(told["remedy"], "skynet plugin grant acme/tool");
    assert!(matches!(world.host.why_denied(&id("nobody"), 1).await, Err(AdminError::NotFound(_))));
}

#[tokio::test]
async fn each_refusal_is_told_once_with_what_was_tried_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let root = Root { path: folder.path().to_owned(), writable: true };
    let world = World::with(Worldly { roots: BTreeMap::from([("work".to_owned(), root)]), ..Worldly::default() }).await;
    let package = Package::new("tool", "1.0.0", &Guest::tool(&crate::powers::failing_files()));
    world.drop_file("tool.wasm", &package.asking(json!({"fs": [{"root": "work", "access": "read"}]})).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    let denial = match world.call_with("tool", &json!("r../secret")).await {
        Err(PluginError::Denied(denial)) => denial,
        other => panic!("{other:?}"),
    };
    // It was granted in full: no grant helps.
    assert!(!denial.remedy.contains("skynet plugin grant acme"), "{denial}");
    assert!(denial.remedy.contains("by a link, cannot be allowed") && denial.remedy.contains("`writable` in skynet.toml"), "{denial}");
    // What the turn loop writes of this call, and of one whose guest said no by itself.
    for detail in [json!({"why": denial.why, "door": true}), json!({"why": "the plugin said no by itself"})] {
        let (kind, actor, subject, verdict) = ("tool.call".into(), denial.who.clone(), "tool__go".into(), "denied".into());
        world.store.record(AuditRow { kind, actor, subject, verdict, detail }).await.unwrap();
    }
    let told = world.host.why_denied(&id("tool"), 2).await.unwrap()["denied"].clone();
    let told: Vec<(&str, &str)> =
        told.as_array().unwrap().iter().map(|row| (row["what"].as_str().unwrap(), row["why"].as_str().unwrap())).collect();
    assert_eq!(told, [("tool__go", "the plugin said no by itself"), ("fs.open ../secret", denial.why.as_str())]);
}

#[tokio::test]
async fn another_grant_for_what_is_no_provider_does_not_ask_it_for_models() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    for keys in [3, 2] {
        world.host.grant(&id("tool"), Some(json!({"kv": {"bytes": 1000, "keys": keys}})), "owner").await.unwrap();
    }
    let status = world.host.list().await[0].clone();
    assert_eq!((status.state, status.note), (PluginState::Serving, None));
}

#[tokio::test]
async fn a_grant_for_what_was_shown_is_for_no_other_release_that_came_meanwhile() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    let shown = world.host.info(&id("tool")).await.unwrap()["waiting"]["release"].clone();
    let shown = shown.as_str().unwrap();
    // By another key, for the same: what its owner read is not what is there.
    world.drop_file("tool.wasm", &kv("1.0.1", some_kv()).signed_by(&second_author()).file()).await;
    let refused = world.host.grant_release(&id("tool"), None, None, Some(shown), "owner").await.unwrap_err();
    assert!(refused.to_string().contains("another release than the one you looked at"), "{refused}");
    assert!(world.store.grant(&id("tool")).await.unwrap().is_none());
    let now = world.host.info(&id("tool")).await.unwrap()["waiting"]["release"].clone();
    world.host.grant_release(&id("tool"), None, None, now.as_str(), "owner").await.unwrap();
    let serving = world.host.info(&id("tool")).await.unwrap();
    assert_eq!((&serving["release"], &serving["status"]["serving"]["version"]), (&now, &json!("1.0.1")));
    world.host.grant_release(&id("tool"), None, None, now.as_str(), "owner").await.unwrap();
}
