//! Many tasks on one store, and two stores on one file.

use crate::scratch::{Scratch, append, key, texts};
use skynet_core::StoreError;
use skynet_core::ports::{Audit as _, AuditRow, Memory as _};

const TASKS: usize = 8;
const EACH: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_tasks_append_to_one_session_without_losing_or_mixing_anything() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..EACH {
                    append(&store, "a", lease, &format!("{task}.{n}")).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all = texts(&store, "a").await;
    assert_eq!(all.split('|').count(), TASKS * EACH);
    for task in 0..TASKS {
        let own: Vec<_> = all.split('|').filter(|text| text.starts_with(&format!("{task}."))).collect();
        assert_eq!(own, (0..EACH).map(|n| format!("{task}.{n}")).collect::<Vec<_>>(), "in the order of one writer");
    }
    assert_eq!(store.open_session(&key("a")).await.unwrap().messages, (TASKS * EACH) as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_file_wait_for_each_other() {
    let scratch = Scratch::new();
    let stores = [scratch.open(), scratch.open()];
    let tasks: Vec<_> = stores
        .iter()
        .enumerate()
        .map(|(n, store)| {
            let (store, session) = (store.clone(), format!("s{n}"));
            tokio::spawn(async move {
                let lease = store.take_lease(&key(&session)).await.unwrap();
                for n in 0..EACH {
                    append(&store, &session, lease, &n.to_string()).await.unwrap();
                    let detail = serde_json::Value::Null;
                    let row = AuditRow { kind: "k".into(), actor: "a".into(), subject: "s".into(), verdict: "ok".into(), detail };
                    store.record(row).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for session in ["s0", "s1"] {
        assert_eq!(texts(&stores[0], session).await, texts(&stores[1], session).await);
        assert_eq!(texts(&stores[0], session).await.split('|').count(), EACH);
    }
    assert_eq!(stores[1].verify_audit(Vec::new()).await.unwrap().rows, 2 * EACH as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_fails_does_not_take_those_beside_it_along() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    let old = store.take_lease(&key("b")).await.unwrap();
    store.take_lease(&key("b")).await.unwrap();
    // One group: nothing is committed while the file is locked, so all of them wait.
    let raw = scratch.raw();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let good = (0..5).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { append(&store, "a", lease, &n.to_string()).await })
    });
    let good: Vec<_> = good.collect();
    let bad = tokio::spawn({
        let store = store.clone();
        async move { append(&store, "b", old, "late").await }
    });
    tokio::task::yield_now().await;
    raw.execute_batch("COMMIT").unwrap();
    assert!(matches!(bad.await.unwrap(), Err(StoreError::LeaseLost)));
    for task in good {
        task.await.unwrap().unwrap();
    }
    assert_eq!(texts(&store, "a").await.split('|').count(), 5);
    assert_eq!(texts(&store, "b").await, "");
}

#[tokio::test]
async fn readers_do_not_wait_for_a_writer_that_holds_the_file() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.open_session(&key("a")).await.unwrap();
    let raw = scratch.raw();
    raw.execute_batch("BEGIN IMMEDIATE; UPDATE sessions SET label = 'uncommitted'").unwrap();
    assert_eq!(store.session(&key("a")).await.unwrap().unwrap().label, None);
}

#[tokio::test]
async fn a_caller_that_goes_away_neither_stops_the_writer_nor_the_next_caller() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    for _ in 0..20 {
        let mut gone = Box::pin(append(&store, "a", lease, "x"));
        let poll = std::future::poll_fn(|context| std::task::Poll::Ready(gone.as_mut().poll(context)));
        drop(poll.await);
    }
    append(&store, "a", lease, "last").await.unwrap();
    assert!(texts(&store, "a").await.ends_with("last"));
}
