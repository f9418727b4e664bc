//! Stopping a turn: by a person, by the clock, at shutdown.

use crate::stage::*;
use skynet_core::event::TurnEnd;
use skynet_core::*;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn a_turn_stopped_while_the_model_speaks_drops_the_stream_and_keeps_what_was_said() {
    let stage = Stage::new("a/one", vec![]);
    let usage = Say::Deltas(vec![Delta::Usage(Usage { input: 3, output: 1, ..Usage::default() })]);
    stage.script(vec![vec![text("Once upon"), usage, Say::Gate("never")], answer("hello")]);
    let submitted = stage.submit(request("t", "main", "tell me")).await;
    stage.log.saw("model waits at never").await;
    assert_eq!(stage.agent.abort(&key("main"), None, "rpc"), [TurnId("t".into())]);
    let played = finish(submitted).await;
    assert_eq!(played.aborted(), ("Once upon", "rpc"));
    assert_eq!(played.usage(), Usage { input: 3, output: 1, ..Usage::default() });
    assert_eq!(stage.log.count("dropped completion a/one"), 1);
    let stored = stage.memory.stored(&key("main"));
    assert_eq!(stored[1].message.to_text(), "Once upon");
    assert_eq!(stored[1].answer.as_ref().unwrap().stop, None, "no reason to stop: it was aborted");
    assert_eq!(stage.log.count("journal t ended aborted"), 1);
    assert_eq!(stage.turn("again").await.text(), "hello");
}

#[tokio::test]
async fn a_turn_stopped_while_tools_run_drops_them_and_keeps_the_results_that_came() {
    let stage = Stage::new("a/one+tools", vec![("quick", Act::Give("done")), ("hang", Act::Gate("never"))]);
    stage.script(vec![calls(&[("1", "hang", "{}"), ("2", "quick", "{}")])]);
    let submitted = stage.submit(request("t", "main", "go")).await;
    stage.log.saw("journal t done 2 false").await;
    stage.agent.abort(&key("main"), Some(&TurnId("t".into())), "rpc");
    assert_eq!(finish(submitted).await.aborted(), ("", "rpc"));
    assert_eq!(stage.log.count("dropped tool hang"), 1);
    let history = stage.history("main");
    let shown = format!("{:?}", history[2].parts);
    assert!(shown.contains("done") && shown.contains("interrupted"), "{shown}");
    let rows = stage.audit.rows.lock().unwrap();
    let hang = rows.iter().find(|row| row.subject == "hang").expect("a stopped call is audited too");
    assert_eq!((hang.verdict.as_str(), hang.detail["stopped"].as_bool()), ("error", Some(true)));
}

#[tokio::test]
async fn a_turn_that_takes_too_long_is_stopped_by_the_clock() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![vec![text("Well,"), Say::Gate("never")]]);
    let mut asked = request("t", "main", "go");
    asked.timeout = Some(Duration::from_secs(42));
    let submitted = stage.submit(asked).await;
    stage.log.saw("model waits at never").await;
    stage.clock.sleeper(Duration::from_secs(42)).await;
    stage.clock.advance(Duration::from_secs(42));
    let played = finish(submitted).await;
    assert_eq!(played.aborted(), ("Well,", "timeout"));
    assert!(played.notices()[0].contains("longer than 42 s"));
    assert_eq!(stage.log.count("dropped completion a/one"), 1);
}

#[tokio::test]
async fn stopping_takes_out_what_waits_and_leaves_other_sessions_alone() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![vec![Say::Gate("never")], vec![Say::Gate("other"), text("other"), end(StopReason::EndTurn)]]);
    let running = stage.submit(request("t1", "main", "a")).await;
    stage.log.saw("model waits at never").await;
    let waiting = stage.submit(request("t2", "main", "b")).await;
    let other = stage.submit(request("t3", "else", "c")).await;
    stage.log.saw("model waits at other").await;
    assert_eq!(stage.agent.abort(&key("main"), None, "rpc"), [TurnId("t1".into()), TurnId("t2".into())]);
    assert_eq!(finish(waiting).await.aborted(), ("", "rpc"));
    assert_eq!(finish(running).await.aborted(), ("", "rpc"));
    assert_eq!(stage.history("main").len(), 1, "what waited was never stored");
    assert_eq!(stage.agent.active().len(), 1);
    stage.open("other");
    assert_eq!(finish(other).await.text(), "other");
    assert!(stage.agent.abort(&key("main"), None, "rpc").is_empty(), "nothing is left to stop");
}

#[tokio::test]
async fn draining_refuses_new_turns_lets_the_running_end_and_then_stops_them() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![vec![Say::Gate("soon"), text("made it"), end(StopReason::EndTurn)], vec![text("I am"), Say::Gate("never")]]);
    let good = stage.submit(request("t1", "good", "a")).await;
    stage.log.saw("model waits at soon").await;
    let slow = stage.submit(request("t2", "slow", "b")).await;
    stage.log.saw("model waits at never").await;
    let agent = stage.agent.clone();
    let drained = tokio::spawn(async move { agent.drain(Duration::from_secs(7)).await });
    stage.clock.sleeper(Duration::from_secs(7)).await;
    let refused = stage.agent.submit(request("t3", "late", "c")).await;
    assert!(matches!(refused, Err(skynet_agent::SubmitError::Draining)), "{refused:?}");
    stage.open("soon");
    assert_eq!(finish(good).await.text(), "made it");
    stage.clock.advance(Duration::from_secs(7));
    assert_eq!(finish(slow).await.aborted(), ("I am", "shutdown"));
    drained.await.unwrap();
}

#[tokio::test]
async fn a_drain_with_nothing_to_wait_for_returns_at_once() {
    let stage = Stage::new("a/one", vec![]);
    stage.turn("hi").await;
    stage.agent.drain(Duration::from_secs(7)).await;
}

#[tokio::test]
async fn whoever_stops_listening_does_not_stop_the_turn() {
    let stage = Arc::new(Stage::new("a/one", vec![]));
    stage.script(vec![vec![Say::Gate("go"), text("unheard"), end(StopReason::EndTurn)]]);
    let mut all = stage.agent.subscribe();
    drop(stage.submit(request("t", "main", "hi")).await);
    stage.open("go");
    loop {
        let event = all.recv().await.unwrap();
        if let event::TurnEventKind::Ended(end) = &event.kind {
            assert!(matches!(end, TurnEnd::Done { text, .. } if text == "unheard"));
            break;
        }
    }
    assert_eq!(stage.history("main").len(), 2);
}
