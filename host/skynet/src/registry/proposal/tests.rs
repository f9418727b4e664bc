//! Whose grant covers an offer, and whose namespace it is.

use super::*;
use skynet_policy::registry::publisher::{KeyStatement, PublisherRecord};
use skynet_policy::release::{ComponentDigest, WitDeclaration, join};
use skynet_policy::sha256_hex;
use skynet_policy::signature::{SecretKey, sign_release};
use skynet_registry_client::author::{Author, Keys, Setup, Warrant};
use skynet_registry_client::home::RootTrust;
use skynet_registry_client::places::Place;
use skynet_registry_client::visit::Freshness;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

/// A release of acme/x that was signed by key 2, which took the place of key 1.
async fn offer() -> Offer {
    let folder = tempfile::tempdir().unwrap();
    let (registry, keys, now) = (folder.path().join("registry"), folder.path().join("keys"), Timestamp::now());
    let mut author = Author::init(&registry, &keys, &Setup::default(), now).await.unwrap();
    let keys = Keys::load(&[&keys]).unwrap();
    let first = KeyStatement::first("acme", &[key(1).public()], 1, "2026-01-01T00:00:00Z").signed(&[&key(1)]);
    let mut record = PublisherRecord::new("acme", None, first);
    let next = record.next(&[key(2).public()], 1, Vec::new(), "2026-01-02T00:00:00Z");
    record.statements.push(next.signed(&[&key(1), &key(2)]));
    author.put_publisher(&record, false, &keys, now).await.unwrap();
    let component = b"\0asm\x0d\0\x01\0";
    let release = Release {
        schema: 1,
        id: PluginId::new("acme/x").unwrap(),
        version: semver::Version::new(1, 0, 0),
        component: ComponentDigest { sha256: sha256_hex(component), size: u64::try_from(component.len()).unwrap() },
        wit: WitDeclaration { world: "tool-plugin".into(), range: "^0.1.0".into(), imports: vec![], exports: vec![] },
        permissions: Permissions { schedule: true, ..Permissions::default() },
        summary: "Does x".into(),
        prev: None,
        created: "2026-01-01T00:00:00Z".into(),
        files: vec![],
        config_schema: None,
        tools: vec![],
    };
    let json = release.to_bytes();
    let file = join(component, &json, &sign_release(&key(2), &json).to_bytes());
    author.publish(&file, Warrant::default(), &keys, now).await.unwrap();
    let root = RootTrust::Bytes(author.first_root().unwrap());
    let held = Registries::open(&folder.path().join("home")).unwrap();
    let at = registry.canonicalize().unwrap().to_str().unwrap().to_owned();
    let place = Place { name: "main".into(), url: None, folder: Some(at), namespaces: vec!["*".into()], private: false, ca: None };
    let fetch = super::super::fetch(&place).unwrap();
    held.add(&held.lock().unwrap(), place, root, fetch.clone()).await.unwrap();
    let visit = held.visit("main", fetch, Freshness::Strict, now).await.unwrap();
    visit.offer(&release.id, &release.version).await.unwrap()
}

fn grant_to(seed: u8) -> StoredGrant {
    StoredGrant {
        plugin: PluginId::new("acme/x").unwrap(),
        publisher: key(seed).public().key_id().to_string(),
        request: "0".repeat(64),
        permissions: serde_json::to_value(Permissions { schedule: true, ..Permissions::default() }).unwrap(),
        by: "me".into(),
        at_ms: 1,
        expires_ms: None,
        kinds: Vec::new(),
    }
}

fn served_by(seed: u8, plugin: &str) -> Receipt {
    serde_json::from_value(json!({
        "plugin": { "id": plugin, "version": "1.0.0", "generation": 1 }, "component": "", "release": "", "release_json": "",
        "signers": [key(seed).public().key_id()], "trust": "local", "source": "x.wasm", "kinds": [], "title": "", "summary": "",
        "tools": [], "models": [], "config_schema": null, "admitted_ms": 1,
    }))
    .unwrap()
}

#[tokio::test]
async fn a_grant_covers_its_own_publisher_and_those_who_followed_it() {
    let offer = offer().await;
    let covered = |seed: u8| granted(Some(&grant_to(seed)), &offer).is_some();
    assert!(covered(2) && covered(1), "the key that signed, and the one that it took the place of");
    assert!(!covered(9), "another publisher's grant says nothing about this one");
    assert!(granted(None, &offer).is_none());
}

#[tokio::test]
async fn a_namespace_in_which_the_owners_own_key_serves_is_the_owners() {
    let offer = offer().await;
    let own = |namespace: &str| TrustedKey::new(&key(7).public(), "dev", vec![namespace.into()], Tier::Local, "2026-01-01T00:00:00Z");
    let trust = |key: TrustedKey| TrustStore { keys: vec![key] };
    let check = |trust: &TrustStore, serving: &[Receipt]| check_namespace(trust, serving, &offer).is_ok();
    assert!(check(&trust(own("*")), &[]) && check(&trust(own("other")), &[]));
    assert!(check(&trust(own("*")), &[served_by(7, "other/notes")]), "what it signs elsewhere is no reason");
    assert!(!check(&trust(own("*")), &[served_by(7, "acme/notes")]));
    assert!(!check(&trust(own("acme")), &[]));
    assert!(check(&trust(TrustedKey { revoked: Some("lost".into()), ..own("*") }), &[served_by(7, "acme/notes")]));
    assert!(check(&trust(TrustedKey { tier: Tier::Registry, ..own("*") }), &[served_by(7, "acme/notes")]));
    // The owner publishes there with the very key.
    let same = TrustedKey::new(&key(2).public(), "dev", vec!["*".into()], Tier::Local, "2026-01-01T00:00:00Z");
    assert!(check(&trust(same), &[served_by(2, "acme/notes")]));
}

#[test]
fn a_new_name_stands_beside_all_that_is_installed_and_listed_and_an_old_one_beside_none() {
    let id = |text: &str| PluginId::new(text).unwrap();
    let serving = [served_by(1, "local/notes"), served_by(1, "acme/x")];
    let lock = Lock::default();
    assert_eq!(beside(&id("acme/x"), &lock, &serving, None), [id("local/notes")], "not beside itself");
    assert_eq!(beside(&id("acme/y"), &lock, &serving, None), [id("acme/x"), id("local/notes")]);
}
