//! `chat.send` and what follows it: order, whole text so far, one end, keys, aborts.

use crate::fakes::Say;
use crate::wire::Socket;
use crate::world::World;
use serde_json::{Value, json};
use skynet_core::{ModelError, StopReason};

fn send(message: &str, key: &str) -> Value {
    json!({"sessionKey": "main", "message": message, "idempotencyKey": key})
}

fn done() -> Say {
    Say::End(StopReason::EndTurn)
}

/// `chat delta`, `agent lifecycle start` and so on, in order.
fn names(events: &[Value]) -> Vec<String> {
    let name = |event: &Value| {
        let payload = &event["payload"];
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        match event["event"].as_str().unwrap() {
            "chat" => format!("chat {}", text(&payload["state"])),
            _ => format!("agent {} {}", text(&payload["stream"]), text(&payload["data"]["phase"])).trim_end().to_owned(),
        }
    };
    events.iter().map(name).collect()
}

fn text_of(event: &Value) -> &str {
    event["payload"]["message"]["content"][0]["text"].as_str().unwrap_or("")
}

#[tokio::test]
async fn a_turn_is_acknowledged_then_streams_then_ends_once() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let id = owner.ask("chat.send", send("hi", "run-1")).await;
    let first = owner.frame().await.unwrap();
    assert_eq!(first["id"], id, "the answer comes before any event of the run");
    assert_eq!(first["payload"], json!({"runId": "run-1", "status": "started"}));
    let events = owner.run("run-1").await;
    let names = names(&events);
    assert_eq!(names.first().unwrap(), "agent lifecycle start");
    assert_eq!(names.last().unwrap(), "chat final");
    assert_eq!(
        names[names.len() - 2..].iter().filter(|name| name.starts_with("chat")).count(),
        if names.contains(&"chat delta".to_owned()) { 2 } else { 1 }
    );
    let last = &events.last().unwrap()["payload"];
    assert_eq!(text_of(events.last().unwrap()), "Hello there.");
    assert_eq!(last["sessionKey"], "agent:main:main");
    assert_eq!(last["message"]["role"], "assistant");
    assert_eq!(last["stopReason"], "stop");
    assert_eq!(last["usage"]["totalTokens"], 15);
    let inner: Vec<u64> = events.iter().map(|event| event["payload"]["seq"].as_u64().unwrap()).collect();
    assert_eq!(inner, (1..=events.len() as u64).collect::<Vec<_>>(), "agent and chat events share one count");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_answer_comes_before_the_events_however_fast_the_model_is() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    for turn in 0..100 {
        let run = format!("run-{turn}");
        let id = owner.ask("chat.send", send(&run, &run)).await;
        let first = owner.until(|frame| frame["id"] == id || frame["payload"]["runId"] == run).await;
        assert_eq!(first["payload"]["status"], "started", "{first}");
        owner.run(&run).await;
    }
}

#[tokio::test]
async fn deltas_carry_the_whole_text_so_far() {
    let world = World::start().await;
    world.script([vec![Say::Text("one "), Say::Gate("a"), Say::Text("two "), Say::Gate("b"), Say::Text("three"), done()]]);
    let mut owner = world.owner().await;
    owner.call("chat.send", send("hi", "r")).await;
    let mut texts = Vec::new();
    for gate in ["a", "b"] {
        let delta = owner.until(|frame| frame["event"] == "chat" && frame["payload"]["state"] == "delta").await;
        texts.push(text_of(&delta).to_owned());
        world.snapshot.gates.open(gate);
    }
    let rest = owner.run("r").await;
    assert_eq!(texts, ["one ", "one two "]);
    let chats: Vec<&str> = rest.iter().filter(|event| event["event"] == "chat").map(text_of).collect();
    assert_eq!(chats.last().unwrap(), &"one two three");
    assert_eq!(chats[chats.len() - 2], "one two three", "what was held back is shown before the final");
    let assistant: Vec<&Value> =
        rest.iter().filter(|event| event["payload"]["stream"] == "assistant").map(|event| &event["payload"]["data"]).collect();
    assert_eq!(assistant.last().unwrap(), &&json!({"text": "one two three", "delta": "three"}));
}

#[tokio::test]
async fn chat_deltas_of_a_fast_model_are_few() {
    let world = World::start().await;
    let mut answer: Vec<Say> = std::iter::repeat_n(Say::Text("word "), 2000).collect();
    answer.push(done());
    world.script([answer]);
    let mut owner = world.owner().await;
    owner.call("chat.send", send("hi", "r")).await;
    let started = std::time::Instant::now();
    let events = owner.run("r").await;
    let deltas = events.iter().filter(|event| event["payload"]["state"] == "delta").count() as u128;
    assert!(deltas <= started.elapsed().as_millis() / 150 + 3, "{deltas} deltas");
    let spoken: String = events.iter().filter_map(|event| event["payload"]["data"]["delta"].as_str()).collect();
    assert_eq!(spoken, "word ".repeat(2000), "no text is lost between agent events");
    assert_eq!(text_of(events.last().unwrap()), "word ".repeat(2000));
}

#[tokio::test]
async fn a_failed_turn_ends_with_one_error() {
    let world = World::start().await;
    world.script([vec![Say::Fail(ModelError::InvalidRequest("bad".into()))], vec![Say::Fail(ModelError::InvalidRequest("bad".into()))]]);
    let mut owner = world.owner().await;
    owner.call("chat.send", send("hi", "r")).await;
    let events = owner.run("r").await;
    let names = names(&events);
    assert_eq!(&names[names.len() - 2..], ["agent lifecycle error", "chat error"]);
    assert!(!events.last().unwrap()["payload"]["errorMessage"].as_str().unwrap().is_empty());
    let again = owner.refused("chat.send", send("hi", "r")).await;
    assert!(again.starts_with("UNAVAILABLE "), "{again}");
}

#[tokio::test]
async fn an_abort_keeps_the_partial_text_and_ends_once() {
    let world = World::start().await;
    world.script([vec![Say::Text("partial"), Say::Gate("never")]]);
    let mut owner = world.owner().await;
    owner.call("chat.send", send("hi", "r")).await;
    owner.until(|frame| frame["payload"]["state"] == "delta").await;
    let answer = owner.call("chat.abort", json!({"sessionKey": "main", "runId": "r"})).await;
    assert_eq!(answer, json!({"ok": true, "aborted": true, "runIds": ["r"]}));
    let events = owner.run("r").await;
    let last = &events.last().unwrap()["payload"];
    assert_eq!((&last["state"], &last["stopReason"]), (&json!("aborted"), &json!("rpc")));
    assert_eq!(text_of(events.last().unwrap()), "partial");
    let lifecycle = owner.until(|frame| frame["payload"]["data"]["phase"] == "end").await;
    assert_eq!(lifecycle["payload"]["data"]["status"], "cancelled");
    let history = owner.call("chat.history", json!({"sessionKey": "main"})).await;
    assert_eq!(history["messages"][1]["content"][0]["text"], "partial");
    assert_eq!(history["messages"][1]["stopReason"], "aborted");
    let nothing = owner.call("chat.abort", json!({"sessionKey": "main"})).await;
    assert_eq!(nothing, json!({"ok": true, "aborted": false, "runIds": []}));
}

#[tokio::test]
async fn a_stop_word_aborts_in_place_of_being_said() {
    let world = World::start().await;
    world.script([vec![Say::Gate("never")]]);
    let mut owner = world.owner().await;
    owner.call("chat.send", send("hi", "r")).await;
    owner.until(|frame| frame["payload"]["stream"] == "lifecycle").await;
    let answer = owner.call("chat.send", send(" /STOP ", "s")).await;
    assert_eq!(answer, json!({"ok": true, "aborted": true, "runIds": ["r"]}));
    assert_eq!(owner.run("r").await.last().unwrap()["payload"]["state"], "aborted");
}

#[tokio::test]
async fn a_key_begins_one_turn_and_no_second() {
    let world = World::start().await;
    world.script([vec![Say::Text("x"), Say::Gate("go"), done()]]);
    let mut owner = world.owner().await;
    owner.call("chat.send", send("hi", "r")).await;
    let status = async |owner: &mut Socket, message: &str, key: &str| owner.call("chat.send", send(message, key)).await;
    assert_eq!(status(&mut owner, "hi", "r").await, json!({"runId": "r", "status": "in_flight"}));
    assert_eq!(
        status(&mut owner, "hi", "other-key").await,
        json!({"runId": "r", "status": "in_flight"}),
        "the same message is the same run"
    );
    world.snapshot.gates.open("go");
    owner.run("r").await;
    assert_eq!(status(&mut owner, "hi", "r").await, json!({"runId": "r", "status": "ok"}));
    assert_eq!(world.snapshot.requests.lock().unwrap().len(), 1);
    assert_eq!(status(&mut owner, "hi", "new-key").await["status"], "started", "once it has ended, it may be said again");
}

#[tokio::test]
async fn a_command_of_the_host_ends_with_one_final() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    owner.call("chat.send", send("/help", "r")).await;
    let events = owner.run("r").await;
    assert!(text_of(events.last().unwrap()).contains("/status"));
    assert!(world.snapshot.requests.lock().unwrap().is_empty(), "no model was asked");
}

#[tokio::test]
async fn reasoning_is_told_apart_from_the_answer() {
    let world = World::start().await;
    world.script([vec![Say::Thinking("hm "), Say::Thinking("so"), Say::Text("yes"), done()]]);
    let mut owner = world.owner().await;
    owner.call("chat.send", send("hi", "r")).await;
    let events = owner.run("r").await;
    let thinking: String =
        events.iter().filter(|e| e["payload"]["stream"] == "thinking").filter_map(|e| e["payload"]["data"]["delta"].as_str()).collect();
    assert_eq!((thinking.as_str(), text_of(events.last().unwrap())), ("hm so", "yes"));
    let history = owner.call("chat.history", json!({"sessionKey": "main"})).await;
    assert_eq!(history["messages"][1]["content"][0], json!({"type": "thinking", "thinking": "hm so"}));
}

#[tokio::test]
async fn an_empty_message_is_refused_and_an_image_is_passed_on() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    assert_eq!(owner.refused("chat.send", send(" ", "r")).await, "INVALID_REQUEST message or attachment required");
    let mut params = send("", "r2");
    params["attachments"] = json!([{"type": "image", "mimeType": "image/png", "fileName": "a.png", "content": "AQID"}]);
    owner.call("chat.send", params).await;
    owner.run("r2").await;
    let asked = world.snapshot.requests.lock().unwrap()[0].messages.clone();
    assert!(format!("{asked:?}").contains("image/png"), "{asked:?}");
    let mut params = send("look", "r3");
    params["attachments"] = json!([{"mimeType": "application/zip", "fileName": "a.zip", "content": "AQID"}]);
    assert!(owner.refused("chat.send", params).await.contains("a.zip"));
    let mut params = send("think", "r4");
    params["thinking"] = "very hard".into();
    assert!(owner.refused("chat.send", params).await.contains("unknown thinking level"));
}

#[tokio::test]
async fn history_has_what_was_said_and_by_whom() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let empty = owner.call("chat.history", json!({"sessionKey": "main"})).await;
    assert_eq!(empty, json!({"sessionKey": "main", "messages": []}));
    owner.call("chat.send", send("hi", "r")).await;
    owner.run("r").await;
    let history = owner.call("chat.history", json!({"sessionKey": "main", "limit": 200})).await;
    assert_eq!(history["sessionKey"], "main", "as it was asked");
    assert!(history["sessionId"].is_string());
    let [user, assistant] = &history["messages"].as_array().unwrap()[..] else { panic!("{history}") };
    assert_eq!((&user["role"], &user["content"][0]["text"], &user["__openclaw"]["seq"]), (&json!("user"), &json!("hi"), &json!(1)));
    assert_eq!(assistant["content"], json!([{"type": "text", "text": "Hello there."}]));
    assert_eq!((&assistant["provider"], &assistant["model"], &assistant["stopReason"]), (&json!("fake"), &json!("one"), &json!("stop")));
    let last = owner.call("chat.history", json!({"sessionKey": "agent:main:main", "limit": 1, "maxChars": 5})).await;
    assert_eq!(last["messages"].as_array().unwrap().len(), 1);
    assert_eq!(last["messages"][0]["content"][0]["text"], "Hello\n...(truncated)...");
}

#[tokio::test]
async fn an_injected_line_is_said_to_all_and_kept() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    assert_eq!(owner.refused("chat.inject", json!({"sessionKey": "main", "message": "x"})).await, "INVALID_REQUEST session not found");
    owner.call("chat.send", send("hi", "r")).await;
    owner.run("r").await;
    let answer = owner.call("chat.inject", json!({"sessionKey": "main", "message": "note", "label": "ops"})).await;
    assert_eq!(answer["ok"], true);
    let event = owner.event("chat").await;
    assert_eq!(text_of(&event), "[ops]\n\nnote");
    let history = owner.call("chat.history", json!({"sessionKey": "main"})).await;
    assert_eq!(history["messages"][2]["content"][0]["text"], "[ops]\n\nnote");
}
