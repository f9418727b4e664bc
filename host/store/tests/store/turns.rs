//! The journal: what a host that died left open.

use crate::scratch::{Scratch, key, turn};
use skynet_core::StoreError;
use skynet_core::ports::{JournalStep, Lease, Memory as _};
use skynet_store::Store;

fn intent(call: &str, tool: &str) -> JournalStep {
    JournalStep::ToolIntent { call: call.into(), tool: tool.into(), idempotent: tool == "read" }
}

fn done(call: &str) -> JournalStep {
    JournalStep::ToolDone { call: call.into(), is_error: false }
}

fn ended() -> JournalStep {
    JournalStep::Ended { how: "done".into() }
}

async fn journal(store: &Store, lease: Lease, name: &str, steps: Vec<JournalStep>) -> Result<(), StoreError> {
    for step in steps {
        store.journal(&key("a"), lease, &turn(name), step).await?;
    }
    Ok(())
}

/// One line for each open turn: `turn: call/tool/idempotent …`.
async fn open(store: &Store) -> String {
    let turns = store.open_turns().await.unwrap();
    let line = |open: &skynet_core::ports::OpenTurn| {
        let calls: Vec<_> = open.open_calls.iter().map(|(call, tool, idempotent)| format!("{call}/{tool}/{idempotent}")).collect();
        format!("{}: {}", open.turn, calls.join(" ")).trim_end().to_owned()
    };
    turns.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_restart_finds_open_turns_and_their_open_calls() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    journal(&store, lease, "one", vec![JournalStep::Begun, intent("1", "read"), done("1"), ended()]).await.unwrap();
    let steps = vec![JournalStep::Begun, intent("1", "read"), intent("2", "write"), done("1"), intent("3", "read")];
    journal(&store, lease, "two", steps).await.unwrap();
    scratch.clock.set(2000);
    journal(&store, lease, "three", vec![JournalStep::Begun]).await.unwrap();
    drop(store);
    assert_eq!(open(&scratch.open()).await, "two: 2/write/false 3/read/true\nthree:");
}

#[tokio::test]
async fn a_call_id_that_comes_again_in_one_turn_is_open_again() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    let steps = vec![JournalStep::Begun, intent("call_0", "read"), done("call_0"), intent("call_0", "write")];
    journal(&store, lease, "t", steps).await.unwrap();
    assert_eq!(open(&store).await, "t: call_0/write/false");
}

#[tokio::test]
async fn a_turn_id_that_comes_again_is_a_new_turn_without_the_old_calls() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    journal(&store, lease, "t", vec![JournalStep::Begun, intent("1", "write"), ended()]).await.unwrap();
    assert_eq!(open(&store).await, "");
    journal(&store, lease, "t", vec![JournalStep::Begun]).await.unwrap();
    assert_eq!(open(&store).await, "t:");
}

#[tokio::test]
async fn a_call_of_a_turn_that_is_not_open_is_refused_and_a_second_end_is_not() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    assert!(matches!(journal(&store, lease, "t", vec![intent("1", "read")]).await, Err(StoreError::NotFound(_))));
    journal(&store, lease, "t", vec![JournalStep::Begun, ended(), ended(), done("1")]).await.unwrap();
    assert!(matches!(journal(&store, lease, "t", vec![intent("1", "read")]).await, Err(StoreError::NotFound(_))));
    assert_eq!(open(&store).await, "");
}
