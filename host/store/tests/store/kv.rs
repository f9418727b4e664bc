//! Key-value spaces: apart from each other, and never over their quota.

use crate::scratch::{Scratch, plugin};
use skynet_core::StoreError;
use skynet_core::ports::{KvQuota, PluginStore as _};
use skynet_store::Store;

const WIDE: KvQuota = KvQuota { bytes: 1 << 20, keys: 1000 };

async fn set(store: &Store, key: &str, value: &[u8], quota: KvQuota) -> Result<(), StoreError> {
    store.kv_set(&plugin("a/x"), key, value.to_vec(), quota).await
}

async fn keys(store: &Store, prefix: &str, after: Option<&str>, limit: u32) -> String {
    store.kv_keys(&plugin("a/x"), prefix, after, limit).await.unwrap().join(" ")
}

#[tokio::test]
async fn values_are_kept_by_plugin_and_survive_a_restart() {
    let scratch = Scratch::new();
    {
        let store = scratch.open();
        set(&store, "k", b"\x00\xff", WIDE).await.unwrap();
        set(&store, "empty", b"", WIDE).await.unwrap();
    }
    let store = scratch.open();
    assert_eq!(store.kv_get(&plugin("a/x"), "k").await.unwrap().as_deref(), Some(b"\x00\xff".as_slice()));
    assert_eq!(store.kv_get(&plugin("a/x"), "empty").await.unwrap().as_deref(), Some(b"".as_slice()));
    assert_eq!(store.kv_get(&plugin("a/y"), "k").await.unwrap(), None);
    store.kv_delete(&plugin("a/y"), "k").await.unwrap();
    assert!(store.kv_get(&plugin("a/x"), "k").await.unwrap().is_some());
    store.kv_delete(&plugin("a/x"), "k").await.unwrap();
    assert_eq!(store.kv_get(&plugin("a/x"), "k").await.unwrap(), None);
}

#[tokio::test]
async fn the_byte_quota_holds_to_the_last_byte_of_keys_and_values() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let quota = KvQuota { bytes: 10, keys: 10 };
    set(&store, "ab", b"12345678", quota).await.unwrap();
    assert!(matches!(set(&store, "", b"x", quota).await, Err(StoreError::Quota(_))));
    assert!(matches!(set(&store, "ab", b"123456789", quota).await, Err(StoreError::Quota(_))));
    assert_eq!(store.kv_get(&plugin("a/x"), "ab").await.unwrap().unwrap(), b"12345678", "the refused write is undone");
    set(&store, "ab", b"1234", quota).await.unwrap();
    set(&store, "é", b"12", quota).await.unwrap();
    assert!(matches!(set(&store, "c", b"", quota).await, Err(StoreError::Quota(_))), "a multi-byte key counts its bytes");
    store.kv_delete(&plugin("a/x"), "é").await.unwrap();
    set(&store, "c", b"123", quota).await.unwrap();
    store.kv_set(&plugin("a/y"), "k", vec![0; 9], quota).await.unwrap();
}

#[tokio::test]
async fn the_key_quota_counts_keys_and_not_writes() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let quota = KvQuota { bytes: 1000, keys: 2 };
    for key in ["a", "b", "a", "b"] {
        set(&store, key, b"v", quota).await.unwrap();
    }
    let error = set(&store, "c", b"v", quota).await.unwrap_err();
    assert!(error.to_string().contains("a/x would keep 3 keys"), "{error}");
    assert_eq!(keys(&store, "", None, 10).await, "a b");
    store.kv_delete(&plugin("a/x"), "a").await.unwrap();
    store.kv_delete(&plugin("a/x"), "a").await.unwrap();
    set(&store, "c", b"v", quota).await.unwrap();
}

#[tokio::test]
async fn eight_writers_at_once_cannot_pass_the_quota_together() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let quota = KvQuota { bytes: 1000, keys: 5 };
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { set(&store, &n.to_string(), b"v", quota).await.is_ok() })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        stored += usize::from(task.await.unwrap());
    }
    assert_eq!((stored, keys(&store, "", None, 10).await.split(' ').count()), (5, 5));
}

#[tokio::test]
async fn keys_are_listed_by_prefix_in_pages_and_nothing_in_a_prefix_is_a_pattern() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for key in ["b", "a%", "a_", "a/1", "a/2", "a/10", "A", "aé", "a\u{0}z"] {
        set(&store, key, b"v", WIDE).await.unwrap();
    }
    let check = async |prefix: &str, after: Option<&str>, limit, expected: &str| {
        assert_eq!(keys(&store, prefix, after, limit).await, expected, "{prefix:?} {after:?} {limit}");
    };
    check("a/", None, 10, "a/1 a/10 a/2").await;
    check("a/", None, 2, "a/1 a/10").await;
    check("a/", Some("a/10"), 10, "a/2").await;
    check("a/", Some("0"), 10, "a/1 a/10 a/2").await;
    check("a/", Some("b"), 10, "").await;
    check("a%", None, 10, "a%").await;
    check("a_", None, 10, "a_").await;
    check("aé", None, 10, "aé").await;
    check("a\u{0}", None, 10, "a\u{0}z").await;
    check("A", None, 10, "A").await;
    check("", None, 2, "A a\u{0}z").await;
    check("", None, 0, "").await;
}
