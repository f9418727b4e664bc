//! Tokens and devices.

use crate::scratch::Scratch;
use skynet_core::access::{AccessStore as _, DeviceRow, TokenRow};

fn scopes() -> Vec<String> {
    vec!["operator.read".into(), "operator.write".into()]
}

fn device(id: &str) -> DeviceRow {
    DeviceRow {
        id: id.into(),
        public_key: "key".into(),
        role: "operator".into(),
        scopes: scopes(),
        platform: Some("linux".into()),
        device_family: None,
        display_name: Some("Desk".into()),
        client_id: Some("cli".into()),
        client_mode: None,
        token: Some([7; 32]),
        created_ms: 1,
        approved_ms: 1,
    }
}

#[tokio::test]
async fn a_token_is_found_by_its_hash_until_it_is_revoked() {
    let scratch = Scratch::new();
    assert!(scratch.open().create_token("laptop", scopes(), [1; 32]).await.unwrap());
    let store = scratch.open();
    let row = TokenRow { name: "laptop".into(), scopes: scopes(), created_ms: 1000 };
    assert_eq!(store.find_token(&[1; 32]).await.unwrap(), Some(row.clone()));
    assert_eq!(store.find_token(&[2; 32]).await.unwrap(), None);
    assert_eq!(store.list_tokens().await.unwrap(), [row]);
    assert!(store.revoke_token("laptop").await.unwrap());
    assert!(!store.revoke_token("laptop").await.unwrap());
    assert_eq!(store.find_token(&[1; 32]).await.unwrap(), None);
    assert!(store.list_tokens().await.unwrap().is_empty());
    assert!(store.is_ended(&[1; 32]).await.unwrap() && !store.is_ended(&[2; 32]).await.unwrap());
    assert!(!store.create_token("again", scopes(), [1; 32]).await.unwrap(), "an ended token never counts again");
    assert_eq!(store.find_token(&[1; 32]).await.unwrap(), None);
}

#[tokio::test]
async fn a_taken_name_or_hash_changes_nothing() {
    let store = Scratch::new();
    let store = store.open();
    assert!(store.create_token("a", scopes(), [1; 32]).await.unwrap());
    assert!(!store.create_token("a", vec!["operator.admin".into()], [2; 32]).await.unwrap());
    assert!(!store.create_token("b", vec!["operator.admin".into()], [1; 32]).await.unwrap());
    assert_eq!(store.find_token(&[1; 32]).await.unwrap().unwrap().scopes, scopes());
    assert_eq!(store.list_tokens().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_device_is_kept_replaced_and_forgotten() {
    let scratch = Scratch::new();
    scratch.open().upsert_device(device("b")).await.unwrap();
    let store = scratch.open();
    assert_eq!(store.device("b").await.unwrap(), Some(device("b")));
    store.upsert_device(device("a")).await.unwrap();
    let changed = DeviceRow { scopes: vec![], token: None, created_ms: 9, approved_ms: 9, ..device("b") };
    store.upsert_device(changed.clone()).await.unwrap();
    let expected = DeviceRow { created_ms: 1, ..changed };
    assert_eq!(store.devices().await.unwrap(), [device("a"), expected]);
    assert!(store.remove_device("b").await.unwrap());
    assert!(!store.remove_device("b").await.unwrap());
    assert_eq!(store.device("b").await.unwrap(), None);
}
