//! The record of what owners do with plugins: one row for each attempt, with the name of
//! whoever asked and how it ended; and no change that is not on record.

use crate::support::World;
use crate::support::package::{Package, id, saying};
use crate::zoo::{Guest, zoo};
use serde_json::{Value, json};
use skynet_core::StoreError;
use skynet_core::admin::{AdminError, PluginAdmin as _};
use skynet_core::plugin::PluginState;
use skynet_core::ports::{Audit as _, AuditRow, Clock as _, PluginStore as _};

const BY: &str = "device of the owner";

fn kv(version: &str, keys: u64) -> Vec<u8> {
    let asking = json!({"kv": {"bytes": 1000, "keys": keys}});
    Package::new("tool", version, &Guest::tool(zoo!("kv"))).asking(asking).file()
}

/// Rows about what somebody decided, oldest first.
async fn decided(world: &World) -> Vec<AuditRow> {
    let kinds = ["plugin.switch", "grant", "deny", "revoke", "rollback"];
    let rows = world.store.tail(10_000).await.unwrap().into_iter().rev().map(|(_, _, row)| row);
    rows.filter(|row| kinds.contains(&row.kind.as_str())).collect()
}

/// The rows since there were so many, as `kind verdict actor subject`.
async fn since(world: &World, count: usize) -> Vec<String> {
    let rows = decided(world).await;
    rows[count..].iter().map(|row| format!("{} {} by {} on {}", row.kind, row.verdict, row.actor, row.subject)).collect()
}

#[tokio::test]
async fn each_change_leaves_one_row_with_the_name_of_who_asked() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", 3)).await;
    let tool = id("tool");
    world.host.grant(&tool, None, BY).await.unwrap();
    world.drop_file("tool.wasm", &kv("1.1.0", 4)).await;
    world.host.deny(&tool, BY).await.unwrap();
    world.host.grant(&tool, None, BY).await.unwrap();
    world.host.rollback(&tool, BY).await.unwrap();
    world.host.set_enabled(&tool, false, BY).await.unwrap();
    world.host.set_enabled(&tool, true, BY).await.unwrap();
    world.host.revoke(&tool, BY).await.unwrap();
    let expected = ["grant", "deny", "grant", "rollback", "plugin.switch", "plugin.switch", "revoke"];
    let rows = decided(&world).await;
    assert_eq!(rows.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>(), expected);
    for row in &rows {
        assert_eq!((row.verdict.as_str(), row.actor.as_str()), ("ok", BY), "{row:?}");
        assert!(row.subject.starts_with("acme/tool"), "{row:?}");
    }
    assert_eq!(rows[4].detail["enabled"], false);
}

#[tokio::test]
async fn an_attempt_that_is_refused_leaves_one_row_that_says_why() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", 3)).await;
    let (tool, nobody) = (id("tool"), id("nobody"));
    let past = world.clock.now_ms();
    let attempts = [
        world.host.grant_until(&tool, None, Some(past), BY).await,
        world.host.grant(&tool, Some(json!({"schedule": true})), BY).await,
        world.host.grant(&nobody, None, BY).await,
        world.host.revoke(&tool, BY).await,
        world.host.deny(&nobody, BY).await,
        world.host.set_enabled(&nobody, false, BY).await,
        world.host.rollback(&tool, BY).await.map(drop),
    ];
    let rows = decided(&world).await;
    assert_eq!(rows.len(), attempts.len(), "{rows:?}");
    for (row, attempt) in rows.iter().zip(attempts) {
        let error = attempt.unwrap_err();
        assert!(matches!(error, AdminError::Refused(_) | AdminError::NotFound(_)), "{error:?}");
        assert_eq!((row.verdict.as_str(), row.actor.as_str(), &row.detail["why"]), ("denied", BY, &json!(error.to_string())));
    }
    assert!(matches!(world.state("acme/tool").await, PluginState::Pending { .. }), "nothing changed");
}

/// What is durable and what serves of the plugin, to be compared.
async fn state(world: &World) -> (Option<Value>, Vec<(String, String)>, Vec<skynet_core::PluginId>, Option<String>, PluginState) {
    let grant = world.store.grant(&id("tool")).await.unwrap().map(|grant| grant.permissions);
    let held = world.store.held(&id("tool")).await.unwrap();
    let serving = world.serving("tool").await.map(|serving| serving.to_string());
    (grant, held, world.store.disabled().await.unwrap(), serving, world.state("acme/tool").await)
}

#[tokio::test]
async fn what_cannot_be_recorded_changes_nothing_and_an_attempt_that_fails_says_error() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", 3)).await;
    let tool = id("tool");
    world.host.grant(&tool, None, BY).await.unwrap();
    world.drop_file("tool.wasm", &kv("1.1.0", 2)).await;
    world.drop_file("tool.wasm", &kv("1.2.0", 4)).await;
    let (before, rows) = (state(&world).await, decided(&world).await.len());
    assert!(matches!(before.4, PluginState::Pending { .. }) && before.3.is_some());
    // The change and its row cannot be written; another row can.
    world.fuse().refuse_after("change", 0);
    let attempts = [
        world.host.grant(&tool, None, BY).await,
        world.host.deny(&tool, BY).await,
        world.host.revoke(&tool, BY).await,
        world.host.set_enabled(&tool, false, BY).await,
        world.host.set_enabled(&tool, true, BY).await,
        world.host.rollback(&tool, BY).await.map(drop),
    ];
    for attempt in attempts {
        assert!(matches!(attempt, Err(AdminError::Store(StoreError::Unavailable(_)))), "{attempt:?}");
    }
    assert_eq!(state(&world).await, before);
    world.call_with("tool", &json!("sa")).await.unwrap();
    let kinds = ["grant", "deny", "revoke", "plugin.switch", "plugin.switch", "rollback"];
    let expected: Vec<String> = kinds.iter().map(|kind| format!("{kind} error by {BY} on acme/tool")).collect();
    assert_eq!(since(&world, rows).await, expected);
    // Nor can any row: still nothing.
    world.fuse().refuse_rows();
    world.host.revoke(&tool, BY).await.unwrap_err();
    assert_eq!(state(&world).await, before);
}

#[tokio::test]
async fn a_grant_brings_back_a_plugin_whose_revocation_did_not_finish() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", 3)).await;
    let tool = id("tool");
    world.host.grant(&tool, None, BY).await.unwrap();
    // It is decided and the calls have ended; then the store gives no answer any more.
    world.fuse().refuse_after("grant", 1);
    let revoked = world.host.revoke(&tool, BY).await;
    assert!(matches!(revoked, Err(AdminError::Unfinished(_))), "{revoked:?}");
    world.fuse().mend();
    assert_eq!(since(&world, 1).await, ["revoke ok by device of the owner on acme/tool"], "it is decided, and said once");
    world.call_with("tool", &json!("sa")).await.unwrap_err();
    world.host.grant(&tool, None, BY).await.unwrap();
    assert_eq!(world.call_with("tool", &json!("sa")).await.unwrap(), "said");
}

#[tokio::test]
async fn what_an_owner_rolls_back_is_the_owners_and_says_from_what_to_what() {
    let world = World::start().await;
    for (version, text) in [("1.0.0", "one"), ("2.0.0", "two")] {
        world.drop_file("tool.wasm", &saying("tool", version, text)).await;
    }
    world.host.rollback(&id("tool"), BY).await.unwrap();
    assert_eq!(world.call("tool").await.unwrap(), "one");
    let row = &decided(&world).await[0];
    assert_eq!((row.actor.as_str(), row.verdict.as_str()), (BY, "ok"));
    assert!(row.subject.starts_with("acme/tool@2.0.0#") && row.detail["to"].as_str().unwrap().starts_with("acme/tool@1.0.0#"), "{row:?}");
}

#[tokio::test]
async fn a_row_of_a_change_holds_no_secret_that_is_known() {
    let world = World::start().await;
    let world = world.restart(|worldly| worldly.known.learn([("key", "sk-0123456789")])).await;
    world.drop_file("tool.wasm", &kv("1.0.0", 3)).await;
    world.host.grant(&id("tool"), None, "token sk-0123456789").await.unwrap();
    assert_eq!(decided(&world).await[0].actor, "token [secret key]");
}
