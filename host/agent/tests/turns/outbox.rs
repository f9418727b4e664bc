//! Messages of plugins to people: named as such, in order, and to nobody else.

use crate::stage::*;
use crate::sub_turns::caller;
use skynet_agent::limits::{NOTES_WAITING, OUTBOX_TEXT_BYTES};
use skynet_core::event::{TurnEnd, TurnEventKind};
use skynet_core::neighbours::{Outbox as _, Outgoing, SendError};
use skynet_core::ports::Memory as _;
use skynet_core::*;
use std::sync::atomic::Ordering;

async fn send(stage: &Stage, channel: &str, recipient: &str, text: &str) -> Result<(), SendError> {
    let message = Outgoing { channel: channel.into(), recipient: recipient.into(), text: text.into() };
    stage.agent.send(&caller("main", 0), message).await
}

#[tokio::test]
async fn a_message_becomes_the_assistants_and_names_its_plugin() {
    let stage = Stage::new("a/one", vec![]);
    stage.turn("hi").await;
    let mut heard = stage.agent.subscribe();
    send(&stage, "webchat", "main", "Your tea is ready.").await.unwrap();
    let said = "[message from the plugin acme/tool-kit]\nYour tea is ready.";
    let newest = stage.history("main").pop().unwrap();
    assert_eq!((newest.role, newest.to_text().as_str()), (Role::Assistant, said));
    assert_eq!(stage.memory.stored(&key("main")).pop().unwrap().answer, None, "no model wrote it");
    let mut kinds = Vec::new();
    while let Ok(event) = heard.try_recv() {
        kinds.push(match &event.kind {
            TurnEventKind::Started => "started".to_owned(),
            TurnEventKind::UserStored { index, .. } => format!("stored as {index}"),
            TurnEventKind::Text { delta } => delta.clone(),
            TurnEventKind::Ended(TurnEnd::Done { text, .. }) => format!("done: {text}"),
            other => format!("{other:?}"),
        });
    }
    assert_eq!(kinds, ["started", "stored as 3", said, &format!("done: {said}")]);
    stage.turn("thanks").await;
    assert_eq!(stage.asked().len(), 2, "no model was asked for the message");
    let shown = stage.asked()[1].1.messages.iter().map(Message::to_text).collect::<Vec<_>>();
    assert!(shown.contains(&said.to_owned()), "{shown:?}");
}

#[tokio::test]
async fn a_message_to_a_session_at_work_waits_for_its_turn_and_breaks_nothing() {
    let stage = Stage::new("a/one+tools", vec![("slow", Act::Gate("slow"))]);
    stage.script(vec![calls(&[("1", "slow", "{}")]), answer("done")]);
    let turn = stage.submit(request("t", "main", "go")).await;
    stage.log.saw("tool slow {}").await;
    send(&stage, "webchat", "main", "from within the call").await.unwrap();
    assert_eq!(stage.history("main").len(), 2, "handed over, not stored yet");
    stage.open("slow");
    assert_eq!(finish(turn).await.text(), "done");
    stage.agent.drain(std::time::Duration::from_secs(1)).await;
    let roles: Vec<Role> = stage.history("main").iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Assistant, Role::Assistant]);
    assert!(stage.history("main")[4].to_text().ends_with("from within the call"));
}

#[tokio::test]
async fn a_stop_does_not_lose_a_message_that_was_taken() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![vec![Say::Gate("never")]]);
    let turn = stage.submit(request("t", "main", "go")).await;
    stage.log.saw("model waits at never").await;
    send(&stage, "webchat", "main", "still here").await.unwrap();
    assert_eq!(stage.agent.abort(&key("main"), None, "stop"), [TurnId("t".into())]);
    finish(turn).await;
    stage.agent.drain(std::time::Duration::from_secs(1)).await;
    assert!(stage.history("main").pop().unwrap().to_text().ends_with("still here"));
}

#[tokio::test]
async fn other_channels_are_refused_with_those_that_are_there() {
    let stage = Stage::new("a/one", vec![]);
    stage.turn("hi").await;
    let refused = send(&stage, "pigeon", "main", "coo").await.unwrap_err();
    assert_eq!(refused, SendError::NoChannel("pigeon".into(), "webchat".into()));
    assert_eq!(refused.to_string(), "no channel `pigeon` is connected; connected: webchat");
}

#[tokio::test]
async fn only_a_conversation_that_somebody_began_is_written_to() {
    let stage = Stage::new("a/one", vec![]);
    stage.memory.open_session(&key("agent:work:subagent:7")).await.unwrap();
    stage.turn("hi").await;
    for (recipient, why) in [
        ("nosuch", "there is no session agent:main:nosuch"),
        ("agent:work:subagent:7", "nobody reads it"),
        ("agent::x", "is not a legal session key"),
        ("", "is not a legal session key"),
    ] {
        let refused = send(&stage, "webchat", recipient, "psst").await.unwrap_err();
        assert!(matches!(&refused, SendError::Refused(sentence) if sentence.contains(why)), "{recipient}: {refused}");
    }
    assert!(stage.memory.session(&key("nosuch")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_message_does_not_bring_a_deleted_session_back() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![vec![Say::Gate("never")]]);
    let turn = stage.submit(request("t", "main", "go")).await;
    stage.log.saw("model waits at never").await;
    send(&stage, "webchat", "main", "too late").await.unwrap();
    stage.memory.delete_session(&key("main")).await.unwrap();
    stage.agent.abort(&key("main"), None, "rpc");
    finish(turn).await;
    stage.agent.drain(std::time::Duration::from_secs(1)).await;
    assert!(stage.memory.session(&key("main")).await.unwrap().is_none());
}

#[tokio::test]
async fn texts_have_bounds() {
    let stage = Stage::new("a/one", vec![]);
    stage.turn("hi").await;
    assert!(send(&stage, "webchat", "main", " \n").await.unwrap_err().to_string().contains("empty"));
    let long = "x".repeat(OUTBOX_TEXT_BYTES + 1);
    assert!(send(&stage, "webchat", "main", &long).await.unwrap_err().to_string().contains("longer than 16384 bytes"));
    send(&stage, "webchat", "main", &"x".repeat(OUTBOX_TEXT_BYTES)).await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_stored_was_not_sent() {
    let stage = Stage::new("a/one", vec![]);
    stage.turn("hi").await;
    *stage.memory.broken_step.lock().unwrap() = Some("append");
    let failed = send(&stage, "webchat", "main", "x").await.unwrap_err();
    assert!(matches!(&failed, SendError::Failed(why) if why.contains("the disk is full")), "{failed}");
    *stage.memory.broken_step.lock().unwrap() = None;
    stage.memory.broken.store(true, Ordering::SeqCst);
    assert!(matches!(send(&stage, "webchat", "main", "x").await, Err(SendError::Failed(_))));
}

#[tokio::test]
async fn messages_of_plugins_leave_room_for_people_in_the_queue() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![std::iter::once(Say::Gate("late")).chain(answer("hi")).collect(), answer("hello")]);
    let running = stage.submit(request("t1", "main", "hi")).await;
    stage.log.saw("model waits at late").await;
    for _ in 0..NOTES_WAITING {
        send(&stage, "webchat", "main", "psst").await.unwrap();
    }
    let crowded = send(&stage, "webchat", "main", "psst").await.unwrap_err();
    assert!(crowded.to_string().contains("4 turns of session agent:main:main are waiting"), "{crowded}");
    let person = stage.submit(request("t2", "main", "me too")).await;
    stage.open("late");
    finish(running).await;
    finish(person).await;
}
