//! Grants: one in force per plugin, none after its end.

use crate::scratch::{Scratch, plugin};
use skynet_core::ports::{PluginStore as _, StoredGrant};

fn grant(id: &str, request: &str, expires_ms: Option<u64>) -> StoredGrant {
    let permissions = serde_json::json!({"net": ["https://example.com"]});
    StoredGrant {
        plugin: plugin(id),
        publisher: "k".into(),
        request: request.into(),
        permissions,
        by: "owner".into(),
        at_ms: 5,
        expires_ms,
    }
}

#[tokio::test]
async fn a_new_grant_replaces_the_former_one_and_survives_a_restart() {
    let scratch = Scratch::new();
    {
        let store = scratch.open();
        for grant in [grant("a/x", "1", None), grant("b/y", "1", None), grant("a/x", "2", None)] {
            store.put_grant(grant).await.unwrap();
        }
    }
    let store = scratch.open();
    assert_eq!(store.grant(&plugin("a/x")).await.unwrap(), Some(grant("a/x", "2", None)));
    assert_eq!(store.grants().await.unwrap(), [grant("a/x", "2", None), grant("b/y", "1", None)]);
}

#[tokio::test]
async fn revoking_a_grant_does_not_bring_the_former_one_back() {
    let scratch = Scratch::new();
    let store = scratch.open();
    assert!(!store.revoke(&plugin("a/x")).await.unwrap());
    store.put_grant(grant("a/x", "1", None)).await.unwrap();
    store.put_grant(grant("a/x", "2", None)).await.unwrap();
    assert!(store.revoke(&plugin("a/x")).await.unwrap());
    assert!(!store.revoke(&plugin("a/x")).await.unwrap());
    assert_eq!(store.grant(&plugin("a/x")).await.unwrap(), None);
    assert!(store.grants().await.unwrap().is_empty());
    store.put_grant(grant("a/x", "3", None)).await.unwrap();
    assert_eq!(store.grant(&plugin("a/x")).await.unwrap().unwrap().request, "3");
}

#[tokio::test]
async fn an_expired_grant_is_not_given_out() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.put_grant(grant("a/x", "1", Some(2000))).await.unwrap();
    scratch.clock.set(1999);
    assert!(store.grant(&plugin("a/x")).await.unwrap().is_some());
    scratch.clock.set(2000);
    assert_eq!(store.grant(&plugin("a/x")).await.unwrap(), None);
    assert!(store.grants().await.unwrap().is_empty());
    assert!(!store.revoke(&plugin("a/x")).await.unwrap());
    store.put_grant(grant("a/x", "2", None)).await.unwrap();
    assert!(store.grant(&plugin("a/x")).await.unwrap().is_some());
}
