//! Receipts, generations, the owner's switch and the rollback guard.

use crate::scratch::{Scratch, change, plugin};
use skynet_core::plugin::{PluginKind, Receipt};
use skynet_core::ports::{PluginChange, PluginStore as _};
use skynet_core::{Generation, PluginRef, StoreError};
use skynet_store::Store;

fn receipt(id: &str, version: &str, generation: u64) -> Receipt {
    Receipt {
        plugin: PluginRef { id: plugin(id), version: version.parse().unwrap(), generation: Generation(generation) },
        component: format!("c{version}"),
        release: format!("r{version}"),
        release_json: "{ \"exact\" : 1 }".into(),
        signers: vec!["k".into()],
        trust: "local".into(),
        source: "a.wasm".into(),
        kinds: vec![PluginKind::Tool],
        title: "T".into(),
        summary: "S".into(),
        tools: vec![],
        models: vec![],
        config_schema: Some(serde_json::json!({"type": "object"})),
        admitted_ms: 1,
    }
}

async fn serving(store: &Store) -> String {
    store.serving().await.unwrap().iter().map(|receipt| receipt.plugin.to_string()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_last_published_receipt_of_each_plugin_serves_after_a_restart() {
    let scratch = Scratch::new();
    let last = receipt("a/x", "1.1.0", 3);
    {
        let store = scratch.open();
        for receipt in [receipt("b/y", "1.0.0", 1), receipt("a/x", "1.0.0", 2), last.clone()] {
            change(&store, PluginChange::Publish(receipt)).await.unwrap();
        }
    }
    let store = scratch.open();
    assert_eq!(serving(&store).await, "a/x@1.1.0#3 b/y@1.0.0#1");
    assert_eq!(store.receipts(&plugin("a/x")).await.unwrap(), [last, receipt("a/x", "1.0.0", 2)]);
    assert_eq!(store.first_receipt(&plugin("a/x")).await.unwrap(), Some(receipt("a/x", "1.0.0", 2)));
    assert_eq!(store.first_receipt(&plugin("un/known")).await.unwrap(), None);
}

#[tokio::test]
async fn a_withdrawn_plugin_keeps_its_receipts_and_can_serve_again() {
    let scratch = Scratch::new();
    let store = scratch.open();
    change(&store, PluginChange::Publish(receipt("a/x", "1.0.0", 1))).await.unwrap();
    change(&store, PluginChange::Publish(receipt("a/x", "2.0.0", 2))).await.unwrap();
    store.withdraw(&plugin("a/x")).await.unwrap();
    store.withdraw(&plugin("un/known")).await.unwrap();
    assert_eq!(serving(&store).await, "");
    assert_eq!(store.receipts(&plugin("a/x")).await.unwrap().len(), 2);
    change(&store, PluginChange::Publish(receipt("a/x", "1.0.0", 1))).await.unwrap();
    assert_eq!(serving(&store).await, "a/x@1.0.0#1");
}

#[tokio::test]
async fn a_generation_is_never_given_twice_not_even_after_a_restart() {
    let scratch = Scratch::new();
    let mut given = Vec::new();
    for _ in 0..3 {
        let store = scratch.open();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                tokio::spawn({
                    let store = store.clone();
                    async move { store.next_generation().await.unwrap() }
                })
            })
            .collect();
        for task in tasks {
            given.push(task.await.unwrap());
        }
    }
    let unique: std::collections::BTreeSet<_> = given.iter().collect();
    assert_eq!(unique.len(), 24);
    let store = scratch.open();
    change(&store, PluginChange::Publish(receipt("a/x", "1.0.0", 100))).await.unwrap();
    assert_eq!(store.next_generation().await.unwrap(), Generation(101), "a number published without being reserved counts as given");
}

#[tokio::test]
async fn one_generation_cannot_name_two_components() {
    let scratch = Scratch::new();
    let store = scratch.open();
    change(&store, PluginChange::Publish(receipt("a/x", "1.0.0", 1))).await.unwrap();
    let mut other_bytes = receipt("a/x", "1.0.0", 1);
    other_bytes.component = "other".into();
    for other in [receipt("b/y", "1.0.0", 1), receipt("a/x", "1.0.1", 1), other_bytes] {
        assert!(matches!(change(&store, PluginChange::Publish(other)).await, Err(StoreError::Corrupt(_))));
    }
    assert_eq!(serving(&store).await, "a/x@1.0.0#1");
    assert_eq!(store.highest_version(&plugin("a/x")).await.unwrap(), Some("1.0.0".parse().unwrap()));
}

#[tokio::test]
async fn the_highest_version_goes_by_semantic_order_and_never_down() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let highest = || async { store.highest_version(&plugin("a/x")).await.unwrap().map(|v| v.to_string()) };
    assert_eq!(highest().await, None);
    for (generation, (version, expected)) in
        [("1.9.0", "1.9.0"), ("1.10.0-rc.1", "1.10.0-rc.1"), ("1.10.0", "1.10.0"), ("1.2.0", "1.10.0")].into_iter().enumerate()
    {
        change(&store, PluginChange::Publish(receipt("a/x", version, generation as u64 + 1))).await.unwrap();
        assert_eq!(highest().await.as_deref(), Some(expected));
    }
    store.withdraw(&plugin("a/x")).await.unwrap();
    assert_eq!(highest().await.as_deref(), Some("1.10.0"));
}

#[tokio::test]
async fn the_owners_switch_is_remembered_and_does_not_make_a_plugin_serve() {
    let scratch = Scratch::new();
    let store = scratch.open();
    change(&store, PluginChange::Switch { id: plugin("z/late"), enabled: false }).await.unwrap();
    change(&store, PluginChange::Publish(receipt("a/x", "1.0.0", 1))).await.unwrap();
    change(&store, PluginChange::Switch { id: plugin("a/x"), enabled: false }).await.unwrap();
    assert_eq!(store.disabled().await.unwrap(), [plugin("a/x"), plugin("z/late")]);
    change(&store, PluginChange::Publish(receipt("a/x", "1.0.1", 2))).await.unwrap();
    assert_eq!(store.disabled().await.unwrap().len(), 2, "a new release does not switch it on");
    change(&store, PluginChange::Switch { id: plugin("a/x"), enabled: true }).await.unwrap();
    change(&store, PluginChange::Switch { id: plugin("z/late"), enabled: true }).await.unwrap();
    drop(store);
    let store = scratch.open();
    assert!(store.disabled().await.unwrap().is_empty());
    assert_eq!(serving(&store).await, "a/x@1.0.1#2");
}

#[tokio::test]
async fn releases_that_were_put_away_are_remembered_by_plugin_until_they_are_forgotten() {
    let scratch = Scratch::new();
    {
        let store = scratch.open();
        for (id, release, why) in [("a/x", "r2", "old"), ("a/x", "r1", "trapped"), ("b/y", "r1", "other"), ("a/x", "r2", "trapped again")] {
            change(&store, PluginChange::Hold { id: plugin(id), release: release.into(), why: why.into() }).await.unwrap();
        }
    }
    let store = scratch.open();
    let pair = |release: &str, why: &str| (release.to_owned(), why.to_owned());
    assert_eq!(store.held(&plugin("a/x")).await.unwrap(), [pair("r1", "trapped"), pair("r2", "trapped again")]);
    let unhold = |release: Option<&str>| change(&store, PluginChange::Unhold { id: plugin("a/x"), release: release.map(str::to_owned) });
    unhold(Some("r1")).await.unwrap();
    assert_eq!(store.held(&plugin("a/x")).await.unwrap(), [pair("r2", "trapped again")], "one of them alone");
    unhold(None).await.unwrap();
    assert!(store.held(&plugin("a/x")).await.unwrap().is_empty());
    assert_eq!(store.held(&plugin("b/y")).await.unwrap(), [pair("r1", "other")]);
}
