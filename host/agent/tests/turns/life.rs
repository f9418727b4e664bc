//! Start after a crash, and the prompt as it is sent.

use crate::stage::*;
use skynet_agent::prompt::Workspace;
use skynet_core::ports::{Memory as _, NewMessage, OpenTurn};
use skynet_core::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_turn_that_died_is_closed_and_its_open_calls_are_told_but_not_run() {
    let stage = Stage::new("a/one+tools", vec![("send", Act::Give("sent"))]);
    let call = Part::ToolCall { call: ToolCall { id: "1".into(), name: "send".into(), arguments: "{}".into() } };
    let lease = stage.memory.take_lease(&key("main")).await.unwrap();
    let rows = vec![
        NewMessage::plain(Message::text(Role::User, "send it")),
        NewMessage::plain(Message { role: Role::Assistant, parts: vec![call] }),
    ];
    stage.memory.append(&key("main"), lease, &TurnId("dead".into()), rows).await.unwrap();
    *stage.memory.open_turns.lock().unwrap() = vec![
        OpenTurn { turn: TurnId("dead".into()), session: key("main"), open_calls: vec![("1".into(), "send".into(), false)] },
        OpenTurn { turn: TurnId("idle".into()), session: key("other"), open_calls: vec![] },
    ];
    assert_eq!(stage.agent.recover().await.unwrap(), 2);
    assert_eq!(stage.log.count("journal dead ended failed"), 1);
    assert_eq!(stage.log.count("journal idle ended failed"), 1);
    assert!(stage.history("other").is_empty());
    let note = stage.history("main").last().unwrap().to_text();
    assert!(note.contains("send: its outcome is unknown; check before"), "{note}");
    assert_eq!(stage.agent.recover().await.unwrap(), 0);
    stage.turn("did it work?").await;
    let roles: Vec<Role> = stage.asked()[0].1.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Assistant, Role::User]);
    assert_eq!(stage.log.count("tool send {}"), 0);
}

#[tokio::test]
async fn recovery_without_a_store_fails() {
    let stage = Stage::new("a/one", vec![]);
    stage.memory.broken.store(true, Ordering::SeqCst);
    assert!(stage.agent.recover().await.is_err());
}

#[tokio::test]
async fn a_store_that_does_not_answer_ends_the_turn() {
    let stage = Stage::new("a/one", vec![]);
    stage.memory.hang("append");
    let submitted = stage.submit(request("t", "main", "hi")).await;
    stage.log.saw("hangs at append").await;
    stage.clock.sleeper(skynet_agent::limits::STORE_WAIT).await;
    stage.clock.advance(skynet_agent::limits::STORE_WAIT);
    assert!(finish(submitted).await.failure().0.contains("no answer in 30 s"));
}

#[tokio::test]
async fn the_system_text_has_the_stable_part_first_and_no_time_in_it() {
    let stage = Stage::new("a/one", vec![]);
    stage.turn("hi").await;
    stage.agent.set_workspace(Arc::new(Workspace::from_files(vec![("SOUL.md".into(), "Be brief.".into())])));
    stage.turn("hi").await;
    let asked = stage.asked();
    let system = &asked[0].1.system;
    assert!(system[0].cache_anchor && system[0].text.contains("## SOUL.md\n\nBe kind."));
    assert_eq!((system[1].text.as_str(), system[1].cache_anchor), ("Session: agent:main:main\nChannel: test\nUser: owner", false));
    assert!(system.iter().all(|block| !block.text.contains("2026")));
    assert!(asked[1].1.system[0].text.contains("Be brief."));
    let newest = asked[1].1.messages.last().unwrap().to_text();
    assert_eq!(newest, "[now: Monday 2026-03-02 14:05 +01:00 Europe/Berlin]\nhi");
    assert!(stage.history("main").iter().all(|message| !message.to_text().contains("[now")));
}
