//! Grants: one in force per plugin, none after its end.

use crate::scratch::{Scratch, change, plugin};
use skynet_core::StoreError;
use skynet_core::ports::{Audit as _, AuditRow, PluginChange, PluginStore as _, StoredGrant};

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
        kinds: Vec::new(),
    }
}

#[tokio::test]
async fn a_new_grant_replaces_the_former_one_and_survives_a_restart() {
    let scratch = Scratch::new();
    {
        let store = scratch.open();
        for grant in [grant("a/x", "1", None), grant("b/y", "1", None), grant("a/x", "2", None)] {
            change(&store, PluginChange::Grant(grant)).await.unwrap();
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
    change(&store, PluginChange::Grant(grant("a/x", "1", None))).await.unwrap();
    change(&store, PluginChange::Grant(grant("a/x", "2", None))).await.unwrap();
    change(&store, PluginChange::Revoke(plugin("a/x"))).await.unwrap();
    assert_eq!(store.grant(&plugin("a/x")).await.unwrap(), None);
    // One that is not there is ended already.
    change(&store, PluginChange::Revoke(plugin("a/x"))).await.unwrap();
    assert_eq!(store.grant(&plugin("a/x")).await.unwrap(), None);
    assert!(store.grants().await.unwrap().is_empty());
    change(&store, PluginChange::Grant(grant("a/x", "3", None))).await.unwrap();
    assert_eq!(store.grant(&plugin("a/x")).await.unwrap().unwrap().request, "3");
}

#[tokio::test]
async fn an_expired_grant_is_not_given_out() {
    let scratch = Scratch::new();
    let store = scratch.open();
    change(&store, PluginChange::Grant(grant("a/x", "1", Some(2000)))).await.unwrap();
    scratch.clock.set(1999);
    assert!(store.grant(&plugin("a/x")).await.unwrap().is_some());
    scratch.clock.set(2000);
    assert_eq!(store.grant(&plugin("a/x")).await.unwrap(), None);
    assert!(store.grants().await.unwrap().is_empty());
    change(&store, PluginChange::Grant(grant("a/x", "2", None))).await.unwrap();
    assert!(store.grant(&plugin("a/x")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_change_and_its_row_are_written_together_or_not_at_all() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let row = || AuditRow {
        kind: "grant".into(),
        actor: "token owner".into(),
        subject: "a/x".into(),
        verdict: "ok".into(),
        detail: serde_json::Value::Null,
    };
    let steps = |release: &str| {
        let hold = PluginChange::Hold { id: plugin("a/x"), release: release.into(), why: "why".into() };
        vec![PluginChange::Grant(grant("a/x", "1", None)), hold]
    };
    // The second step fails: its table is gone.
    scratch.raw().execute("ALTER TABLE held RENAME TO hidden", []).unwrap();
    let failed = store.change(steps("r1"), row()).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    assert_eq!(store.grant(&plugin("a/x")).await.unwrap(), None, "the first step was taken back");
    assert!(store.tail(10).await.unwrap().is_empty(), "and no row tells of it");
    scratch.raw().execute("ALTER TABLE hidden RENAME TO held", []).unwrap();
    // The row fails: the end of the log is gone.
    scratch.raw().execute("ALTER TABLE audit_head RENAME TO hidden", []).unwrap();
    store.change(steps("r1"), row()).await.unwrap_err();
    scratch.raw().execute("ALTER TABLE hidden RENAME TO audit_head", []).unwrap();
    assert_eq!(store.grant(&plugin("a/x")).await.unwrap(), None);
    assert!(store.held(&plugin("a/x")).await.unwrap().is_empty());
    store.change(steps("r1"), row()).await.unwrap();
    assert_eq!(store.tail(10).await.unwrap()[0].2, row());
    assert_eq!(store.held(&plugin("a/x")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_once_allowed_is_known_after_its_end_and_only_then() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let id = plugin("a/x");
    assert_eq!(store.ended_grant(&id).await.unwrap(), None);
    change(&store, PluginChange::Grant(grant("a/x", "1", None))).await.unwrap();
    change(&store, PluginChange::Grant(grant("a/x", "2", Some(2000)))).await.unwrap();
    assert_eq!(store.ended_grant(&id).await.unwrap(), None, "one is in force");
    scratch.clock.set(2000);
    assert_eq!(store.ended_grant(&id).await.unwrap(), Some(grant("a/x", "2", Some(2000))));
    change(&store, PluginChange::Grant(grant("a/x", "3", None))).await.unwrap();
    change(&store, PluginChange::Revoke(id.clone())).await.unwrap();
    assert_eq!(store.ended_grant(&id).await.unwrap().unwrap().request, "3");
}

#[tokio::test]
async fn a_grant_that_was_decided_upon_another_one_is_not_stored() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let row = || AuditRow {
        kind: "plugin.update".into(),
        actor: "token owner".into(),
        subject: "a/x".into(),
        verdict: "ok".into(),
        detail: serde_json::Value::Null,
    };
    let over = |seen: Option<StoredGrant>, request: &str| {
        vec![PluginChange::Still { id: plugin("a/x"), grant: seen }, PluginChange::Grant(grant("a/x", request, None))]
    };
    store.change(over(None, "1"), row()).await.unwrap();
    let seen = store.grant(&plugin("a/x")).await.unwrap();
    change(&store, PluginChange::Revoke(plugin("a/x"))).await.unwrap();
    let late = store.change(over(seen, "2"), row()).await;
    assert!(matches!(late, Err(StoreError::Changed(_))), "{late:?}");
    assert_eq!(store.grant(&plugin("a/x")).await.unwrap(), None);
    store.change(over(None, "3"), row()).await.unwrap();
}
