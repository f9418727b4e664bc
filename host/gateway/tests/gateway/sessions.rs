//! `sessions.*`: making, listing, changing, emptying, deleting.

use crate::fakes::Say;
use crate::wire::Socket;
use crate::world::World;
use serde_json::{Value, json};

async fn say(owner: &mut Socket, session: &str, message: &str) {
    let key = format!("{session}-{message}");
    owner.call("chat.send", json!({"sessionKey": session, "message": message, "idempotencyKey": key})).await;
    owner.run(&key).await;
}

fn keys(list: &Value) -> Vec<&str> {
    list["sessions"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn sessions_are_listed_newest_first_and_searched() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    say(&mut owner, "main", "hello world").await;
    say(&mut owner, "notes", "buy milk").await;
    owner.call("sessions.patch", json!({"key": "notes", "label": "Shopping"})).await;
    let list = owner.call("sessions.list", json!({"includeGlobal": true, "includeUnknown": true})).await;
    assert_eq!(keys(&list), ["agent:main:notes", "agent:main:main"]);
    assert_eq!((&list["count"], &list["totalCount"], &list["hasMore"]), (&json!(2), &json!(2), &json!(false)));
    assert_eq!(list["defaults"]["model"], "one");
    let row = &list["sessions"][0];
    for key in ["key", "kind", "updatedAt", "sessionId", "thinkingLevels", "modelProvider", "status"] {
        assert!(!row[key].is_null(), "{key} in {row}");
    }
    assert_eq!((&row["label"], &row["hasActiveRun"], &row["contextTokens"]), (&json!("Shopping"), &json!(false), &json!(100000)));
    let find = async |owner: &mut Socket, params: Value| keys(&owner.call("sessions.list", params).await).join(" ");
    assert_eq!(find(&mut owner, json!({"limit": 1})).await, "agent:main:notes");
    assert_eq!(find(&mut owner, json!({"search": "SHOP"})).await, "agent:main:notes");
    assert_eq!(find(&mut owner, json!({"search": "agent:main:main", "limit": 5, "agentId": "main"})).await, "agent:main:main");
    assert_eq!(find(&mut owner, json!({"agentId": "other"})).await, "");
    let titled =
        owner.call("sessions.list", json!({"includeDerivedTitles": true, "includeLastMessage": true, "search": "main:main"})).await;
    let row = &titled["sessions"][0];
    assert_eq!((&row["derivedTitle"], &row["lastMessagePreview"]), (&json!("hello world"), &json!("Hello there.")));
}

#[tokio::test]
async fn one_session_is_described_resolved_previewed_and_got() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    say(&mut owner, "main", "hi").await;
    let row = owner.call("sessions.describe", json!({"key": "main"})).await["session"].clone();
    assert_eq!(row["key"], "agent:main:main");
    assert_eq!(owner.call("sessions.describe", json!({"key": "none"})).await, json!({"session": null}));
    let id = row["sessionId"].clone();
    assert_eq!(owner.call("sessions.resolve", json!({"sessionId": id})).await, json!({"ok": true, "key": "agent:main:main"}));
    assert_eq!(owner.call("sessions.resolve", json!({"key": "main"})).await["key"], "agent:main:main");
    assert_eq!(owner.refused("sessions.resolve", json!({"key": "none"})).await, "INVALID_REQUEST No session found: none");
    assert!(owner.refused("sessions.resolve", json!({})).await.contains("exactly one"));
    let preview = owner.call("sessions.preview", json!({"keys": ["main", "none"]})).await;
    assert_eq!(preview["previews"][0]["items"], json!([{"role": "user", "text": "hi"}, {"role": "assistant", "text": "Hello there."}]));
    assert_eq!((&preview["previews"][0]["status"], &preview["previews"][1]["status"]), (&json!("ok"), &json!("missing")));
    assert_eq!(owner.call("sessions.get", json!({"session_key": "main"})).await["session"]["sessionId"], id);
    assert_eq!(owner.call("sessions.get", json!({"key": "main"})).await["messages"].as_array().unwrap().len(), 2);
    assert!(owner.refused("sessions.get", json!({"session_key": "none"})).await.contains("No session found"));
}

#[tokio::test]
async fn a_session_is_made_with_a_name_a_model_and_a_first_task() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let made = owner.call("sessions.create", json!({"label": "Work", "model": "fake/two", "task": "begin"})).await;
    assert!(made["key"].as_str().unwrap().starts_with("agent:main:dashboard:"));
    assert_eq!((&made["ok"], &made["runStarted"], &made["entry"]["modelOverride"]), (&json!(true), &json!(true), &json!("two")));
    assert_eq!(made["entry"]["sessionId"], made["sessionId"]);
    let events = owner.run(made["runId"].as_str().unwrap()).await;
    assert_eq!(events.last().unwrap()["payload"]["sessionKey"], made["key"]);
    assert_eq!(world.snapshot.requests.lock().unwrap()[0].model, "two");
    assert_eq!(owner.refused("sessions.create", json!({"label": "Work"})).await, "INVALID_REQUEST label already in use: Work");
    assert!(owner.refused("sessions.create", json!({"model": "fake/none"})).await.contains("unknown model: fake/none"));
}

#[tokio::test]
async fn a_session_is_changed_and_what_does_not_exist_is_refused() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let patched = owner.call("sessions.patch", json!({"key": "main", "thinkingLevel": "high", "model": "two", "verboseLevel": null})).await;
    assert_eq!(patched["entry"]["thinkingLevel"], "high");
    assert_eq!(patched["resolved"], json!({"modelProvider": "fake", "model": "two"}));
    assert_eq!(patched["key"], "agent:main:main");
    let cleared = owner.call("sessions.patch", json!({"key": "main", "model": null, "thinkingLevel": null})).await;
    assert_eq!(cleared["resolved"]["model"], "one");
    assert!(cleared["entry"].get("thinkingLevel").is_none());
    assert!(owner.refused("sessions.patch", json!({"key": "main", "verboseLevel": "on"})).await.contains("at /verboseLevel"));
    assert!(owner.refused("sessions.patch", json!({"key": "main", "thinkingLevel": "odd"})).await.contains("invalid thinkingLevel"));
}

#[tokio::test]
async fn a_reset_gives_a_new_id_and_an_empty_history() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    say(&mut owner, "main", "hi").await;
    let before = owner.call("sessions.describe", json!({"key": "main"})).await["session"]["sessionId"].clone();
    let reset = owner.call("sessions.reset", json!({"key": "main", "reason": "new"})).await;
    assert_ne!(reset["entry"]["sessionId"], before);
    assert_eq!(owner.call("chat.history", json!({"sessionKey": "main"})).await["messages"], json!([]));
}

#[tokio::test]
async fn a_running_turn_is_stopped_before_its_session_is_deleted() {
    let world = World::start().await;
    world.script([vec![Say::Text("x"), Say::Gate("never")]]);
    let mut owner = world.owner().await;
    owner.call("chat.send", json!({"sessionKey": "tmp", "message": "hi", "idempotencyKey": "r"})).await;
    owner.until(|frame| frame["payload"]["state"] == "delta").await;
    let deleted = owner.call("sessions.delete", json!({"key": "tmp", "deleteTranscript": true})).await;
    assert_eq!(deleted, json!({"ok": true, "key": "agent:main:tmp", "deleted": true, "archived": []}));
    assert_eq!(owner.run("r").await.last().unwrap()["payload"]["state"], "aborted");
    assert_eq!(owner.call("sessions.describe", json!({"key": "tmp"})).await, json!({"session": null}));
    assert_eq!(owner.call("sessions.delete", json!({"key": "tmp"})).await["deleted"], false);
    assert!(owner.refused("sessions.delete", json!({"key": "main"})).await.contains("Cannot delete the main session"));
}

#[tokio::test]
async fn sessions_send_and_abort_are_chat_by_another_name() {
    let world = World::start().await;
    world.script([vec![Say::Text("x"), Say::Gate("never")]]);
    let mut owner = world.owner().await;
    let sent = owner.call("sessions.send", json!({"key": "main", "message": "hi"})).await;
    let run = sent["runId"].as_str().unwrap().to_owned();
    owner.until(|frame| frame["payload"]["state"] == "delta").await;
    let aborted = owner.call("sessions.abort", json!({"runId": run})).await;
    assert_eq!(aborted, json!({"ok": true, "abortedRunId": run, "status": "aborted"}));
    assert_eq!(owner.run(&run).await.last().unwrap()["payload"]["state"], "aborted");
    assert_eq!(owner.call("sessions.abort", json!({"key": "main"})).await["status"], "no-active-run");
    assert!(owner.refused("sessions.abort", json!({})).await.contains("key or runId required"));
}

#[tokio::test]
async fn keys_are_judged_before_they_are_used() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    for evil in ["agent:", "agent::x", "a\u{0}b"] {
        assert!(owner.refused("chat.history", json!({"sessionKey": evil})).await.contains("session key"), "{evil:?}");
    }
}
