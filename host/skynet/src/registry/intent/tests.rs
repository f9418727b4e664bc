//! A crash after each step: the next command or start finishes what was begun.

use super::*;
use crate::registry::stage::{Stage, id, locked};
use skynet_core::ports::Audit as _;
use skynet_policy::permission::{NetRule, Permissions};
use skynet_policy::signature::SecretKey;
use skynet_policy::trust::Tier;

fn install(version: &str, file: &[u8]) -> Intent {
    let asks = Permissions { net: vec![NetRule::parse("https://example.org").unwrap()], ..Permissions::default() };
    let key =
        TrustedKey::new(&SecretKey::from_seed(&[1; 32]).public(), "acme", vec!["acme".into()], Tier::Registry, "2026-01-01T00:00:00Z");
    let grant = StoredGrant {
        plugin: id(),
        publisher: key.keyid.to_string(),
        request: asks.digest(),
        permissions: serde_json::to_value(asks).unwrap(),
        by: "me".into(),
        at_ms: 1,
        expires_ms: None,
        kinds: Vec::new(),
    };
    Intent {
        id: id(),
        action: "install".into(),
        by: "me".into(),
        locked: Some(locked(version, file)),
        trust: vec![key],
        grant: Some(grant),
        seen: None,
        revoke: false,
        lower: false,
        recorded: false,
    }
}

fn removal() -> Intent {
    Intent { action: "remove".into(), locked: None, trust: Vec::new(), grant: None, ..install("0.0.0", b"") }
}

/// Takes the first so many steps, as a process that is then killed.
async fn begun(world: &Stage, lock: &HomeLock, mut intent: Intent, steps: usize) {
    let (home, held) = (&world.home, &world.held);
    intent.begin(home, held).unwrap();
    if steps > 0 {
        intent.settle_store(home).await.unwrap();
    }
    if steps > 1 {
        intent.settle_trust(home, held).unwrap();
    }
    if steps > 2 {
        intent.settle_file(home, held).unwrap();
    }
    if steps > 3 {
        intent.settle_lock(held, lock).unwrap();
    }
}

/// Everything that a change leaves behind.
async fn state(world: &Stage) -> (Option<Vec<u8>>, Option<String>, bool, usize, usize, Vec<String>) {
    let store = wire::open_store(&world.home).await.unwrap();
    let lock = world.held.read_lock().unwrap();
    let rows = store.tail(50).await.unwrap();
    let mut left: Vec<String> =
        std::fs::read_dir(world.home.plugins()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    (
        std::fs::read(file(&world.home, &id())).ok(),
        lock.find(&id()).map(|locked| locked.version.to_string()),
        store.grant(&id()).await.unwrap().is_some(),
        keys::load_trust(&world.home).unwrap().keys.len(),
        rows.iter().filter(|(_, _, row)| row.kind.starts_with("plugin.")).count(),
        left,
    )
}

#[tokio::test]
async fn whatever_was_begun_is_finished_once_by_whoever_comes_next() {
    for steps in 0..=4 {
        let world = Stage::new(&[b"old", b"new"]);
        let lock = world.held.lock().unwrap();
        install("1.0.0", b"old").carry_out(&world.home, &world.held, &lock).await.unwrap();
        begun(&world, &lock, install("2.0.0", b"new"), steps).await;
        let serves = std::fs::read(file(&world.home, &id())).unwrap();
        assert_eq!(serves, if steps < 3 { b"old" } else { b"new" }, "whole at each point");
        let told = mend(&world.home, &world.held, &lock).await.unwrap();
        assert!(told.is_some_and(|told| told.contains("acme/x")), "after {steps} steps");
        let name = file_name(&id());
        assert_eq!(state(&world).await, (Some(b"new".to_vec()), Some("2.0.0".into()), true, 1, 2, vec![name]), "after {steps} steps");
        assert_eq!(mend(&world.home, &world.held, &lock).await.unwrap(), None, "and once only");
    }
}

#[tokio::test]
async fn the_row_of_an_installation_names_each_key_that_counts_from_then_on() {
    let world = Stage::new(&[b"old"]);
    let lock = world.held.lock().unwrap();
    let intent = install("1.0.0", b"old");
    let keyid = intent.trust[0].keyid.to_string();
    intent.carry_out(&world.home, &world.held, &lock).await.unwrap();
    let rows = wire::open_store(&world.home).await.unwrap().tail(1).await.unwrap();
    assert_eq!((rows[0].2.kind.as_str(), &rows[0].2.detail["trusted"]), ("plugin.install", &json!([keyid])));
}

#[tokio::test]
async fn a_removal_that_broke_off_is_finished_too() {
    for steps in 0..=4 {
        let world = Stage::new(&[b"old"]);
        let lock = world.held.lock().unwrap();
        install("1.0.0", b"old").carry_out(&world.home, &world.held, &lock).await.unwrap();
        begun(&world, &lock, removal(), steps).await;
        mend(&world.home, &world.held, &lock).await.unwrap();
        assert_eq!(state(&world).await, (None, None, false, 0, 2, Vec::new()), "after {steps} steps");
    }
}

#[tokio::test]
async fn nothing_begins_without_its_file_and_a_strangers_word_is_not_followed() {
    let world = Stage::new(&[b"old"]);
    let lock = world.held.lock().unwrap();
    install("1.0.0", b"old").carry_out(&world.home, &world.held, &lock).await.unwrap();
    let before = state(&world).await;
    assert!(install("2.0.0", b"not on the shelf").carry_out(&world.home, &world.held, &lock).await.is_err());
    assert_eq!((state(&world).await, path(&world.home).exists()), (before, false));
    home::write_file(&path(&world.home), b"{}", 0o600).unwrap();
    let fault = mend(&world.home, &world.held, &lock).await.unwrap_err().to_string();
    assert!(fault.contains("intent.json"), "{fault}");
}

#[tokio::test]
async fn one_change_is_ended_before_the_next_begins() {
    let world = Stage::new(&[b"old", b"new", b"third"]);
    let lock = world.held.lock().unwrap();
    install("1.0.0", b"old").carry_out(&world.home, &world.held, &lock).await.unwrap();
    begun(&world, &lock, install("2.0.0", b"new"), 2).await;
    let fault = install("3.0.0", b"third").carry_out(&world.home, &world.held, &lock).await.unwrap_err().to_string();
    assert!(fault.contains("another change") && fault.contains("intent.json"), "{fault}");
    mend(&world.home, &world.held, &lock).await.unwrap();
    assert_eq!(state(&world).await.1.as_deref(), Some("2.0.0"), "the first word is kept");
    install("3.0.0", b"third").carry_out(&world.home, &world.held, &lock).await.unwrap();
}

#[tokio::test]
async fn a_change_that_cannot_be_finished_says_how_to_give_it_up() {
    let world = Stage::new(&[b"old", b"new"]);
    let lock = world.held.lock().unwrap();
    install("1.0.0", b"old").carry_out(&world.home, &world.held, &lock).await.unwrap();
    begun(&world, &lock, install("2.0.0", b"new"), 2).await;
    std::fs::remove_file(staged(&world.home, &id())).unwrap();
    std::fs::remove_file(world.home.registries().join("store/sha256").join(sha256_hex(b"new"))).unwrap();
    let fault = format!("{:#}", mend(&world.home, &world.held, &lock).await.unwrap_err());
    assert!(fault.contains("to give the change up, remove") && fault.contains(path(&world.home).to_str().unwrap()), "{fault}");
    std::fs::remove_file(path(&world.home)).unwrap();
    assert_eq!(mend(&world.home, &world.held, &lock).await.unwrap(), None);
    assert_eq!(std::fs::read(file(&world.home, &id())).unwrap(), b"old", "what serves stays");
}

#[tokio::test]
async fn a_grant_that_changed_since_it_was_looked_at_is_not_written_over() {
    let world = Stage::new(&[b"old", b"new"]);
    let lock = world.held.lock().unwrap();
    install("1.0.0", b"old").carry_out(&world.home, &world.held, &lock).await.unwrap();
    let store = wire::open_store(&world.home).await.unwrap();
    let seen = store.grant(&id()).await.unwrap();
    let widened = || {
        let other = SecretKey::from_seed(&[2; 32]).public();
        let key = TrustedKey::new(&other, "acme", vec!["acme".into()], Tier::Registry, "2026-01-01T00:00:00Z");
        let mut intent = Intent { seen: seen.clone(), trust: vec![key], ..install("2.0.0", b"new") };
        intent.grant.as_mut().unwrap().by = "a later word".into();
        intent
    };
    let trusted = keys::load_trust(&world.home).unwrap();
    // One that began before its owner took the grant, and one that begins after.
    begun(&world, &lock, widened(), 0).await;
    let row = AuditRow {
        kind: "grant".into(),
        actor: "me".into(),
        subject: "acme/x".into(),
        verdict: "ok".into(),
        detail: serde_json::Value::Null,
    };
    store.change(vec![PluginChange::Revoke(id())], row).await.unwrap();
    let told = mend(&world.home, &world.held, &lock).await.unwrap().unwrap();
    assert!(told.contains("given up") && told.contains("grant of acme/x"), "{told}");
    let fault = widened().carry_out(&world.home, &world.held, &lock).await.unwrap_err().to_string();
    assert!(fault.contains("changed meanwhile"), "{fault}");
    assert_eq!(store.grant(&id()).await.unwrap(), None);
    assert_eq!(keys::load_trust(&world.home).unwrap(), trusted, "what serves is signed by a key that counts as before");
    assert_eq!(std::fs::read(file(&world.home, &id())).unwrap(), b"old");
    let names: Vec<_> = std::fs::read_dir(world.home.plugins()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [std::ffi::OsString::from(file_name(&id()))], "nothing waits any more");
}

#[tokio::test]
async fn a_key_that_its_publisher_withdrew_is_trusted_no_more_once_the_record_is_applied() {
    let world = Stage::new(&[b"old", b"new"]);
    let lock = world.held.lock().unwrap();
    let key = |seed: u8, namespace: &str| {
        let public = SecretKey::from_seed(&[seed; 32]).public();
        TrustedKey::new(&public, "acme", vec![namespace.into()], Tier::Registry, "2026-01-01T00:00:00Z")
    };
    install("1.0.0", b"old").carry_out(&world.home, &world.held, &lock).await.unwrap();
    let mut trust = keys::load_trust(&world.home).unwrap();
    // The old key serves another namespace as well, and one of the owner's own serves this one.
    trust.trust(key(1, "other")).unwrap();
    trust.trust(TrustedKey { tier: Tier::Local, ..key(7, "acme") }).unwrap();
    keys::save_trust(&world.home, &trust).unwrap();
    Intent { trust: vec![key(2, "acme")], ..install("2.0.0", b"new") }.carry_out(&world.home, &world.held, &lock).await.unwrap();
    let serves = |namespace: &str| -> Vec<String> {
        let trust = keys::load_trust(&world.home).unwrap();
        trust.keys.iter().filter(|key| key.namespaces.iter().any(|held| held == namespace)).map(|key| key.keyid.to_string()).collect()
    };
    assert_eq!(serves("acme"), [key(7, "x").keyid.to_string(), key(2, "x").keyid.to_string()]);
    assert_eq!(serves("other"), [key(1, "x").keyid.to_string()]);
    removal().carry_out(&world.home, &world.held, &lock).await.unwrap();
    assert_eq!(serves("acme"), [key(7, "x").keyid.to_string()]);
}
