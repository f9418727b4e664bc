//! Sessions: made, listed, patched, reset, deleted.

use crate::scratch::{Scratch, append, key, texts};
use skynet_core::ThinkingLevel;
use skynet_core::ports::Memory as _;
use skynet_core::session::SessionPatch;

#[tokio::test]
async fn a_session_is_made_once_and_stays_as_it_is() {
    let scratch = Scratch::new();
    let store = scratch.open();
    assert_eq!(store.session(&key("a")).await.unwrap(), None);
    let made = store.open_session(&key("a")).await.unwrap();
    scratch.clock.set(2000);
    assert_eq!(store.open_session(&key("a")).await.unwrap(), made);
    assert_eq!(store.session(&key("a")).await.unwrap(), Some(made.clone()));
    assert_eq!((made.created_ms, made.updated_ms, made.messages), (1000, 1000, 0));
    assert!(uuid::Uuid::parse_str(&made.id).is_ok());
}

#[tokio::test]
async fn sessions_are_listed_newest_first_up_to_the_limit() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for (at, name) in [(10, "a"), (20, "b"), (30, "c")] {
        scratch.clock.set(at);
        store.open_session(&key(name)).await.unwrap();
    }
    scratch.clock.set(40);
    let lease = store.take_lease(&key("a")).await.unwrap();
    append(&store, "a", lease, "hi").await.unwrap();
    let names = |limit| {
        let store = store.clone();
        async move { store.sessions(limit).await.unwrap().iter().map(|s| s.key.to_string()).collect::<Vec<_>>().join(" ") }
    };
    assert_eq!(names(usize::MAX).await, "agent:main:a agent:main:c agent:main:b");
    assert_eq!(names(2).await, "agent:main:a agent:main:c");
    assert_eq!(names(0).await, "");
}

#[tokio::test]
async fn a_patch_sets_clears_and_leaves_alone() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let first = SessionPatch { label: Some(Some("L".into())), thinking: Some(Some(ThinkingLevel::High)), ..Default::default() };
    let session = store.patch_session(&key("a"), first).await.unwrap();
    assert_eq!((session.label.as_deref(), session.model.as_deref(), session.thinking), (Some("L"), None, Some(ThinkingLevel::High)));
    scratch.clock.set(2000);
    let second = SessionPatch { label: Some(None), model: Some(Some("p/m".into())), ..Default::default() };
    let session = store.patch_session(&key("a"), second).await.unwrap();
    assert_eq!((session.label.as_deref(), session.model.as_deref(), session.thinking), (None, Some("p/m"), Some(ThinkingLevel::High)));
    assert_eq!((session.created_ms, session.updated_ms), (1000, 2000));
}

#[tokio::test]
async fn a_reset_gives_a_new_id_and_hides_the_old_history_without_deleting_it() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.patch_session(&key("a"), SessionPatch { label: Some(Some("L".into())), ..Default::default() }).await.unwrap();
    let lease = store.take_lease(&key("a")).await.unwrap();
    append(&store, "a", lease, "old").await.unwrap();
    let before = store.open_session(&key("a")).await.unwrap();
    let after = store.reset_session(&key("a")).await.unwrap();
    assert_ne!(after.id, before.id);
    assert_eq!((after.messages, after.label.as_deref(), after.created_ms), (0, Some("L"), before.created_ms));
    assert_eq!(texts(&store, "a").await, "");
    append(&store, "a", lease, "new").await.unwrap();
    assert_eq!(texts(&store, "a").await, "new");
    let old: i64 = scratch.raw().query_row("SELECT count(*) FROM messages WHERE session_id = ?1", [&before.id], |r| r.get(0)).unwrap();
    assert_eq!(old, 1);
}

#[tokio::test]
async fn a_deleted_session_takes_all_its_histories_along_and_no_others() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for name in ["a", "b"] {
        let lease = store.take_lease(&key(name)).await.unwrap();
        append(&store, name, lease, "one").await.unwrap();
        store.reset_session(&key(name)).await.unwrap();
        append(&store, name, lease, "two").await.unwrap();
    }
    assert!(store.delete_session(&key("a")).await.unwrap());
    assert!(!store.delete_session(&key("a")).await.unwrap());
    assert_eq!(store.session(&key("a")).await.unwrap(), None);
    assert_eq!(texts(&store, "b").await, "two");
    let left: i64 = scratch.raw().query_row("SELECT count(*) FROM messages", [], |r| r.get(0)).unwrap();
    assert_eq!(left, 2, "both histories of b");
}

#[tokio::test]
async fn what_was_deleted_is_not_left_readable_in_the_file() {
    let scratch = Scratch::new();
    let secret = "correct horse battery staple";
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    append(&store, "a", lease, secret).await.unwrap();
    store.delete_session(&key("a")).await.unwrap();
    scratch.raw().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let bytes = std::fs::read(scratch.path()).unwrap();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
}
