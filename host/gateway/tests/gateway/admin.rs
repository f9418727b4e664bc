//! `plugins.*`: for owners, under the caller's name. The plugin host keeps the record.

use crate::world::World;
use serde_json::json;

#[tokio::test]
async fn an_owner_manages_plugins_and_the_plugin_host_hears_who_asked() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let list = owner.call("plugins.list", json!({})).await;
    assert_eq!((&list["plugins"][0]["name"], &list["plugins"][0]["state"]), (&json!("acme/hello"), &json!("serving")));
    let id = json!({"id": "acme/hello"});
    assert_eq!(owner.call("plugins.info", id.clone()).await, id);
    owner.call("plugins.disable", id.clone()).await;
    owner.call("plugins.enable", id.clone()).await;
    owner.call("plugins.grant", id.clone()).await;
    owner.call("plugins.grant", json!({"id": "acme/hello", "permissions": {"net": []}})).await;
    owner.call("plugins.grant", json!({"id": "acme/hello", "untilMs": 5, "release": "abc"})).await;
    owner.call("plugins.revoke", id.clone()).await;
    owner.call("plugins.deny", id.clone()).await;
    assert_eq!(owner.call("plugins.grants", json!({})).await["grants"][0]["plugin"], "acme/hello");
    assert_eq!(owner.call("plugins.whyDenied", id.clone()).await, id);
    assert_eq!(owner.call("plugins.rollback", id.clone()).await["serving"]["version"], "1.0.0");
    owner.call("plugins.reload", json!({})).await;
    let done = world.admin.0.lock().unwrap().join("; ");
    let by = "by token owner";
    let grants = format!(r#"grant None {by}; grant Some(Object {{"net": Array []}}) {by}; grant None until 5 for abc {by}"#);
    let expected = format!("info; enabled false {by}; enabled true {by}; {grants}; revoke {by}; deny {by}; why 20; rollback {by}; rescan");
    assert_eq!(done, expected);
    let rows = world.audit.0.lock().unwrap().clone();
    assert!(rows.iter().all(|row| row.subject != "acme/hello"), "one row for each attempt, which is not the gateway's: {rows:?}");
}

#[tokio::test]
async fn a_change_that_the_store_does_not_take_is_told_as_such() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    for method in ["enable", "disable", "grant", "deny", "revoke", "rollback"] {
        let refused = owner.refused(&format!("plugins.{method}"), json!({"id": "acme/full"})).await;
        assert!(refused.starts_with("UNAVAILABLE ") && refused.contains("the disk is full"), "{method}: {refused}");
    }
}

#[tokio::test]
async fn unknown_and_illegal_plugins_are_told_apart() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    assert!(owner.refused("plugins.info", json!({"id": "acme/other"})).await.starts_with("NOT_FOUND no plugin acme/other is known here"));
    assert!(owner.refused("plugins.info", json!({"id": "../etc"})).await.contains("is not a legal plugin id"));
    assert_eq!(
        owner.refused("plugins.info", json!({})).await,
        "INVALID_REQUEST invalid plugins.info params: must have required property 'id'"
    );
}
