//! `plugins.*`: for owners, recorded, and refused when it cannot be recorded.

use crate::world::World;
use serde_json::json;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn an_owner_manages_plugins_and_every_change_is_recorded() {
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
    owner.call("plugins.grant", json!({"id": "acme/hello", "untilMs": 5})).await;
    owner.call("plugins.revoke", id.clone()).await;
    owner.call("plugins.deny", id.clone()).await;
    assert_eq!(owner.call("plugins.grants", json!({})).await["grants"][0]["plugin"], "acme/hello");
    assert_eq!(owner.call("plugins.whyDenied", id.clone()).await, id);
    assert_eq!(owner.call("plugins.rollback", id.clone()).await["serving"]["version"], "1.0.0");
    owner.call("plugins.reload", json!({})).await;
    let done = world.admin.0.lock().unwrap().join("; ");
    let by = r#"grant None by token; grant Some(Object {"net": Array []}) by token; grant None until 5 by token"#;
    assert_eq!(done, format!("info; enabled false; enabled true; {by}; revoke; deny; why 20; rollback; rescan"));
    let rows = world.audit.0.lock().unwrap().clone();
    let kinds: Vec<_> = rows.iter().filter(|row| row.subject == "acme/hello").map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["admission", "admission", "grant", "grant", "grant", "revoke", "deny", "admission"]);
    assert!(rows.iter().all(|row| row.actor == "token owner"), "{rows:?}");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    world.audit.1.store(true, Ordering::Relaxed);
    let refused = owner.refused("plugins.grant", json!({"id": "acme/hello"})).await;
    assert!(refused.starts_with("UNAVAILABLE "), "{refused}");
    assert!(world.admin.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn unknown_and_illegal_plugins_are_told_apart() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    assert!(
        owner.refused("plugins.info", json!({"id": "acme/other"})).await.starts_with("INVALID_REQUEST no plugin acme/other is known here")
    );
    assert!(owner.refused("plugins.info", json!({"id": "../etc"})).await.contains("is not a legal plugin id"));
    assert_eq!(
        owner.refused("plugins.info", json!({})).await,
        "INVALID_REQUEST invalid plugins.info params: must have required property 'id'"
    );
}
