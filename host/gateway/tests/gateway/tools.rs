//! Tools in a turn: who sees what while they run.

use crate::fakes::Say;
use crate::wire::{Hello, Socket, http};
use crate::world::{OWNER, READER, World};
use serde_json::{Value, json};
use skynet_core::StopReason;

fn script(world: &World) {
    world.script([
        vec![Say::Text("I look."), Say::Call("c1", "look", "{\"at\":\"it\"}"), Say::End(StopReason::ToolUse)],
        vec![Say::Text("It is there."), Say::End(StopReason::EndTurn)],
    ]);
}

fn streams<'a>(events: &'a [Value], stream: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["payload"]["stream"] == stream).map(|event| &event["payload"]["data"]).collect()
}

async fn with_tool_events(world: &World) -> Socket {
    world.connect(Hello::device(4).client("openclaw-tui", "ui").set("caps", json!(["tool-events"]))).await.0
}

const SEND: fn() -> Value = || json!({"sessionKey": "main", "message": "look", "idempotencyKey": "r"});

#[tokio::test]
async fn who_started_the_run_and_can_show_tools_sees_them_run() {
    let world = World::start().await;
    script(&world);
    let mut tui = with_tool_events(&world).await;
    tui.call("chat.send", SEND()).await;
    let events = tui.run("r").await;
    let [start, result] = streams(&events, "tool")[..] else { panic!("{events:#?}") };
    assert_eq!(start, &json!({"phase": "start", "name": "look", "toolCallId": "c1", "args": {"at": "it"}}));
    assert_eq!((&result["phase"], &result["isError"]), (&json!("result"), &json!(false)));
    assert!(result["result"]["content"][0]["text"].as_str().unwrap().contains("seen"));
    let tool_frames: Vec<_> = events.iter().filter(|event| event["payload"]["stream"] == "tool").collect();
    assert!(tool_frames.iter().all(|frame| frame.get("seq").is_none()), "targeted events have no number");
    let text = &events.last().unwrap()["payload"]["message"]["content"][0]["text"];
    assert_eq!(text, "I look.\n\nIt is there.", "text goes on after a tool");
}

#[tokio::test]
async fn what_a_tool_says_while_it_runs_is_seen_by_who_sees_it_run() {
    let world = World::start().await;
    world.script([
        vec![Say::Call("c1", "look", "{\"at\":\"aloud\"}"), Say::End(StopReason::ToolUse)],
        vec![Say::Text("It is there."), Say::End(StopReason::EndTurn)],
    ]);
    let mut tui = with_tool_events(&world).await;
    tui.call("chat.send", SEND()).await;
    let events = tui.run("r").await;
    let [_, said, result] = streams(&events, "tool")[..] else { panic!("{events:#?}") };
    assert_eq!(
        said,
        &json!({
            "phase": "update", "name": "look", "toolCallId": "c1", "delta": "I see",
            "partialResult": {"content": [{"type": "text", "text": "I see"}]},
        })
    );
    assert_eq!(result["phase"], "result");
    let phases: Vec<&Value> = streams(&events, "item").into_iter().map(|item| &item["phase"]).collect();
    assert_eq!(phases, ["start", "update", "end"]);
}

#[tokio::test]
async fn others_see_only_that_something_runs() {
    let world = World::start().await;
    script(&world);
    let mut bystander = with_tool_events(&world).await;
    let mut owner = world.owner().await;
    owner.call("chat.send", SEND()).await;
    for socket in [&mut owner, &mut bystander] {
        let events = socket.run("r").await;
        assert!(streams(&events, "tool").is_empty());
        let items = streams(&events, "item");
        assert_eq!((&items[0]["itemId"], &items[0]["status"]), (&json!("tool:c1"), &json!("running")));
        assert_eq!((&items[1]["phase"], &items[1]["status"]), (&json!("end"), &json!("completed")));
    }
}

#[tokio::test]
async fn who_watches_the_session_sees_its_tools_and_its_messages() {
    let world = World::start().await;
    script(&world);
    let mut watcher = with_tool_events(&world).await;
    let answer = watcher.call("sessions.messages.subscribe", json!({"key": "main"})).await;
    assert_eq!(answer, json!({"subscribed": true, "key": "agent:main:main"}));
    let mut owner = world.owner().await;
    owner.call("chat.send", SEND()).await;
    assert_eq!(watcher.event("session.tool").await["payload"]["data"]["phase"], "start");
    let mut roles = Vec::new();
    for _ in 0..4 {
        let event = watcher.event("session.message").await;
        assert!(event.get("seq").is_none());
        assert_eq!(event["payload"]["sessionKey"], "agent:main:main");
        roles.push((event["payload"]["message"]["role"].as_str().unwrap().to_owned(), event["payload"]["messageSeq"].as_u64().unwrap()));
    }
    let role = |name: &str, seq: u64| (name.to_owned(), seq);
    assert_eq!(roles, [role("user", 1), role("assistant", 2), role("toolResult", 3), role("assistant", 4)]);
    let history = owner.call("chat.history", json!({"sessionKey": "main"})).await;
    let [_, asks, result, _] = &history["messages"].as_array().unwrap()[..] else { panic!("{history}") };
    assert_eq!(asks["content"][1], json!({"type": "toolCall", "id": "c1", "name": "look", "arguments": {"at": "it"}}));
    assert_eq!((&result["role"], &result["toolCallId"], &result["isError"]), (&json!("toolResult"), &json!("c1"), &json!(false)));
}

#[tokio::test]
async fn a_tool_is_called_by_name_without_a_model() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let answer = owner.call("tools.invoke", json!({"name": "look", "args": {"at": "it"}})).await;
    let content = json!([{"type": "text", "text": "seen {\"at\":\"it\"}"}]);
    assert_eq!(answer, json!({"ok": true, "toolName": "look", "output": {"content": content}}));
    let answer = owner.call("tools.invoke", json!({"name": "nothing"})).await;
    assert_eq!((&answer["ok"], &answer["error"]["code"]), (&json!(false), &json!("not_found")));
    let rows: Vec<_> = world.audit.0.lock().unwrap().iter().filter(|row| row.kind == "tool.call").cloned().collect();
    let told: Vec<_> = rows.iter().map(|row| (row.subject.as_str(), row.verdict.as_str())).collect();
    assert_eq!(told, [("look", "ok"), ("nothing", "unknown")]);
}

#[tokio::test]
async fn a_refusal_names_the_place_to_its_owner_and_not_to_a_client_of_fewer_rights_or_a_model() {
    let world = World::start().await;
    let asked = json!({"name": "look", "args": {"at": "locked"}});
    let message = |answer: Value| answer["error"]["message"].as_str().unwrap().to_owned();
    let whole = "Policy denied exec /usr/bin/node: the program is not in /etc/skynet/allowed. Nothing happened. \
                 Only the owner can change this: skynet plugin grant acme/tool-kit";
    assert_eq!(message(world.owner().await.call("tools.invoke", asked.clone()).await), whole);
    let other = message(world.scoped(&["operator.write"]).await.call("tools.invoke", asked).await);
    assert!(other.contains("exec [path]: the program is not in [path].") && !other.contains("/etc"), "{other}");
    let body = json!({"tool": "look", "args": {"at": "locked"}}).to_string();
    let bearer = format!("Bearer {OWNER}");
    let reply = http(world.address, "POST", "/tools/invoke", &[("authorization", &bearer)], &body).await;
    assert!(reply.body.contains("/etc/skynet/allowed"), "{}", reply.body);
    // The model of a turn.
    world.script([
        vec![Say::Call("c1", "look", "{\"at\":\"locked\"}"), Say::End(StopReason::ToolUse)],
        vec![Say::Text("no"), Say::End(StopReason::EndTurn)],
    ]);
    let mut owner = world.owner().await;
    owner.call("chat.send", json!({"sessionKey": "main", "message": "look", "idempotencyKey": "k"})).await;
    owner.run("k").await;
    let sent = format!("{:?}", world.snapshot.requests.lock().unwrap()[1].messages);
    assert!(sent.contains("not in [path].") && !sent.contains("/etc/skynet"), "{sent}");
}

#[tokio::test]
async fn a_result_that_cannot_be_recorded_is_withheld() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    world.audit.1.store(true, std::sync::atomic::Ordering::Relaxed);
    let answer = owner.call("tools.invoke", json!({"name": "look", "args": {"at": "it"}})).await;
    assert_eq!((&answer["ok"], &answer["error"]["code"]), (&json!(false), &json!("unavailable")));
    assert!(!answer.to_string().contains("seen"), "{answer}");
}

async fn post(world: &World, token: &str, body: &str) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let reply =
        http(world.address, "POST", "/tools/invoke", &[("authorization", &bearer), ("content-type", "application/json")], body).await;
    (reply.status, reply.json())
}

#[tokio::test]
async fn a_tool_is_called_over_http_by_who_may_write() {
    let world = World::start().await;
    let (status, answer) = post(&world, OWNER, r#"{"tool": "look", "action": "up", "args": {"at": "it"}}"#).await;
    assert_eq!(status, 200, "{answer}");
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains(r#""at":"it""#) && text.contains(r#""action":"up""#), "{text}");
    assert_eq!(post(&world, READER, r#"{"tool": "look"}"#).await.0, 403);
    assert_eq!(post(&world, "wrong", r#"{"tool": "look"}"#).await.0, 401);
    for (body, expected) in [
        (r#"{"tool": "nothing"}"#, 404),
        (r#"{"args": {}}"#, 400),
        (r#"{"tool": "look", "args": []}"#, 400),
        (r#"{"tool": "look", "dryRun": true}"#, 400),
        (r#"{"tool": "look", "sessionKey": " "}"#, 400),
        ("not json", 400),
    ] {
        assert_eq!(post(&world, OWNER, body).await.0, expected, "{body}");
    }
    let large = format!(r#"{{"tool": "look", "args": {{"at": "{}"}}}}"#, "x".repeat(2 * 1024 * 1024));
    assert_eq!(post(&world, OWNER, &large).await.0, 413);
}
