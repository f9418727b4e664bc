//! Messages: appended whole or not at all, counted, refused to old owners.

use crate::scratch::{Scratch, append, key, says, texts, turn};
use skynet_core::ports::{JournalStep, Lease, Memory as _, NewMessage};
use skynet_core::{Message, Part, Role, StopReason, StoreError, Usage};

fn answer(text: &str, model: &str, usage: Usage) -> NewMessage {
    NewMessage::answer(Message::text(Role::Assistant, text), model.into(), Some(StopReason::EndTurn), usage)
}

#[tokio::test]
async fn messages_come_back_as_they_were_appended_after_a_restart() {
    let scratch = Scratch::new();
    let odd = Message { role: Role::Tool, parts: vec![Part::text("é\u{0}\"'; DROP TABLE messages; --"), Part::text("")] };
    let new = vec![NewMessage::plain(odd), answer("yes", "p/m", Usage { input: 3, output: 4, ..Usage::default() })];
    let stored = {
        let store = scratch.open();
        let lease = store.take_lease(&key("a")).await.unwrap();
        scratch.clock.set(5000);
        store.append(&key("a"), lease, &turn("t"), new.clone()).await.unwrap()
    };
    let messages: Vec<_> = stored.iter().map(|s| NewMessage { message: s.message.clone(), answer: s.answer.clone() }).collect();
    assert_eq!(messages, new);
    assert_eq!(stored.iter().map(|s| (s.index, s.at_ms)).collect::<Vec<_>>(), [(1, 5000), (2, 5000)]);
    assert_eq!(scratch.open().history(&key("a"), 10).await.unwrap(), stored);
}

#[tokio::test]
async fn history_gives_the_newest_messages_oldest_first() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    for text in ["1", "2", "3"] {
        append(&store, "a", lease, text).await.unwrap();
    }
    let newest = store.history(&key("a"), 2).await.unwrap();
    assert_eq!(newest.iter().map(|s| (s.index, s.message.to_text())).collect::<Vec<_>>(), [(2, "2".into()), (3, "3".into())]);
    assert!(store.history(&key("nobody"), 2).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_session_adds_up_its_usage_and_a_hostile_count_cannot_overflow_it() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    for (model, usage) in [("p/one", 10), ("p/two", 5), ("p/three", u64::MAX)] {
        let usage = Usage { input: usage, output: 1, ..Usage::default() };
        store.append(&key("a"), lease, &turn("t"), vec![answer("x", model, usage)]).await.unwrap();
    }
    let session = store.open_session(&key("a")).await.unwrap();
    assert_eq!((session.usage.input, session.usage.output, session.messages), (u64::MAX, 3, 3));
    assert_eq!(session.last_model.as_deref(), Some("p/three"));
}

#[tokio::test]
async fn a_lease_stolen_in_the_middle_of_a_turn_stops_the_old_writer() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let old = store.take_lease(&key("a")).await.unwrap();
    store.journal(&key("a"), old, &turn("t"), JournalStep::Begun).await.unwrap();
    append(&store, "a", old, "kept").await.unwrap();
    let new = store.take_lease(&key("a")).await.unwrap();
    assert!(new.epoch > old.epoch);
    assert!(matches!(append(&store, "a", old, "late").await, Err(StoreError::LeaseLost)));
    let step = JournalStep::Ended { how: "done".into() };
    assert!(matches!(store.journal(&key("a"), old, &turn("t"), step).await, Err(StoreError::LeaseLost)));
    append(&store, "a", new, "mine").await.unwrap();
    assert_eq!(texts(&store, "a").await, "kept|mine");
    assert_eq!(store.open_turns().await.unwrap().len(), 1, "the refused step changed nothing");
}

#[tokio::test]
async fn no_lease_is_good_for_a_session_that_was_deleted_and_made_anew() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let old = store.take_lease(&key("a")).await.unwrap();
    store.delete_session(&key("a")).await.unwrap();
    assert!(matches!(append(&store, "a", old, "x").await, Err(StoreError::NotFound(_))));
    store.take_lease(&key("a")).await.unwrap();
    assert!(matches!(append(&store, "a", old, "x").await, Err(StoreError::LeaseLost)));
    assert!(matches!(append(&store, "a", Lease { epoch: u64::MAX }, "x").await, Err(StoreError::LeaseLost)));
    assert_eq!(texts(&store, "a").await, "");
}

#[tokio::test]
async fn a_turn_that_began_before_a_reset_writes_to_the_history_that_it_began_in() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    let before = store.open_session(&key("a")).await.unwrap().id;
    store.journal(&key("a"), lease, &turn("slow"), JournalStep::Begun).await.unwrap();
    store.append(&key("a"), lease, &turn("slow"), says("question")).await.unwrap();
    store.reset_session(&key("a")).await.unwrap();
    let usage = Usage { input: 7, ..Usage::default() };
    let late = store.append(&key("a"), lease, &turn("slow"), vec![answer("answer", "p/m", usage)]).await.unwrap();
    assert_eq!(late[0].index, 2);
    let session = store.open_session(&key("a")).await.unwrap();
    assert_eq!((texts(&store, "a").await.as_str(), session.messages, session.usage.input), ("", 0, 0));
    let old: i64 = scratch.raw().query_row("SELECT count(*) FROM messages WHERE session_id = ?1", [&before], |r| r.get(0)).unwrap();
    assert_eq!(old, 2);
    store.append(&key("a"), lease, &turn("next"), says("fresh")).await.unwrap();
    assert_eq!(texts(&store, "a").await, "fresh");
}

#[tokio::test]
async fn an_append_that_fails_leaves_none_of_its_messages() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON messages WHEN new.number = 2 BEGIN SELECT RAISE(ABORT, 'disk on fire'); END";
    scratch.raw().execute_batch(refuse).unwrap();
    let two = [says("one"), says("two")].concat();
    let error = store.append(&key("a"), lease, &turn("t"), two).await.unwrap_err();
    assert!(error.to_string().contains("disk on fire"), "{error}");
    assert_eq!(texts(&store, "a").await, "");
    append(&store, "a", lease, "after").await.unwrap();
    assert_eq!(texts(&store, "a").await, "after");
}
