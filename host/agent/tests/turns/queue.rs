//! Turns of one session wait for each other; those of different sessions do not.

use crate::stage::*;
use skynet_agent::{SubmitError, TurnInput};
use skynet_core::*;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn turns_of_one_session_run_in_the_order_in_which_they_were_taken() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![vec![Say::Gate("first"), text("1"), end(StopReason::EndTurn)], answer("2"), answer("3")]);
    let first = stage.submit(request("t1", "main", "a")).await;
    let second = stage.submit(request("t2", "agent:main:main", "b")).await;
    let third = stage.submit(request("t3", "main", "c")).await;
    stage.log.saw("model waits at first").await;
    assert_eq!(stage.asked().len(), 1);
    assert_eq!(stage.agent.active().iter().map(|active| active.turn.0.as_str()).collect::<Vec<_>>(), ["t1"]);
    stage.open("first");
    assert_eq!(finish(first).await.text(), "1");
    assert_eq!(finish(second).await.text(), "2");
    assert_eq!(finish(third).await.text(), "3");
    let texts: Vec<String> = stage.history("main").iter().map(Message::to_text).collect();
    assert_eq!(texts, ["a", "1", "b", "2", "c", "3"]);
}

#[tokio::test]
async fn two_sessions_run_side_by_side() {
    let stage = Stage::new("a/one", vec![]);
    let wait = |gate, words| vec![Say::Gate(gate), text(words), end(StopReason::EndTurn)];
    stage.script(vec![wait("left", "l"), wait("right", "r")]);
    let left = stage.submit(request("t1", "left", "a")).await;
    stage.log.saw("model waits at left").await;
    let right = stage.submit(request("t2", "right", "b")).await;
    stage.log.saw("model waits at right").await;
    assert_eq!(stage.agent.active().len(), 2);
    stage.open("right");
    assert_eq!(finish(right).await.text(), "r");
    stage.open("left");
    assert_eq!(finish(left).await.text(), "l");
}

#[tokio::test]
async fn a_full_queue_refuses_and_stop_still_works() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![vec![Say::Gate("never")]]);
    let mut taken = vec![stage.submit(request("t", "main", "a")).await];
    stage.log.saw("model waits at never").await;
    for n in 0..limits::SESSION_QUEUE {
        taken.push(stage.submit(request(&format!("w{n}"), "main", "b")).await);
    }
    let refused = stage.agent.submit(request("over", "main", "c")).await;
    assert!(matches!(refused, Err(SubmitError::QueueFull { waiting, .. }) if waiting == limits::SESSION_QUEUE));
    let other = stage.submit(request("o", "other", "d")).await;
    assert_eq!(finish(other).await.text(), "(no script)");
    let stopped = stage.play(request("s", "main", "/stop")).await;
    assert_eq!(stopped.text(), "Stopped 33 turns.");
    for submitted in taken {
        assert_eq!(finish(submitted).await.aborted().1, "stop");
    }
}

#[tokio::test]
async fn an_id_is_used_once_even_after_its_turn_has_ended() {
    let stage = Stage::new("a/one", vec![]);
    stage.play(request("t", "main", "a")).await;
    let again = stage.agent.submit(request("t", "other", "a")).await;
    assert!(matches!(again, Err(SubmitError::DuplicateTurn(id)) if id.0 == "t"));
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_and_leaves_nothing() {
    let stage = Stage::new("a/one", vec![]);
    let mut asked = request("t", "main", "");
    let image = Part::Image { image: Blob { mime: "image/png".into(), data: vec![0; limits::MESSAGE_BYTES] } };
    asked.input = TurnInput::Session { message: Message { role: Role::User, parts: vec![Part::text("x"), image] } };
    assert!(matches!(stage.agent.submit(asked).await, Err(SubmitError::TooLarge)));
    assert!(stage.history("main").is_empty());
}

#[tokio::test]
async fn without_a_store_no_turn_is_taken() {
    let stage = Stage::new("a/one", vec![]);
    stage.memory.broken.store(true, Ordering::SeqCst);
    let refused = stage.agent.submit(request("t", "main", "a")).await;
    assert!(matches!(refused, Err(SubmitError::Store(_))), "{refused:?}");
    stage.memory.broken.store(false, Ordering::SeqCst);
    assert_eq!(stage.play(request("t", "main", "a")).await.text(), "(no script)", "the id was not used up");
}

#[tokio::test]
async fn no_model_is_asked_before_the_message_is_stored() {
    let stage = Stage::new("a/one", vec![]);
    *stage.memory.broken_step.lock().unwrap() = Some("append");
    assert!(stage.turn("hi").await.failure().0.contains("the disk is full"));
    assert!(stage.asked().is_empty());
}
