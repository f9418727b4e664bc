//! `POST /v1/chat/completions` and `GET /v1/models`.

use crate::fakes::Say;
use crate::wire::{Reply, http, request_text, soon};
use crate::world::{OWNER, READER, World};
use serde_json::{Value, json};
use skynet_core::{ModelError, Part, Role, StopReason, ToolChoice};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn ask(world: &World, body: Value) -> Reply {
    let bearer = format!("Bearer {OWNER}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    http(world.address, "POST", "/v1/chat/completions", &headers, &body.to_string()).await
}

fn user(text: &str) -> Value {
    json!({"model": "skynet", "messages": [{"role": "user", "content": text}]})
}

async fn check(world: &World, body: Value, status: u16, message: &str) {
    let reply = ask(world, body).await;
    let error = &reply.json()["error"];
    assert_eq!(reply.status, status, "{reply:?}");
    assert!(error["message"].as_str().unwrap().contains(message), "{error}");
    assert!(error["type"].is_string());
}

/// The JSON of each event; the last must be `[DONE]`.
fn chunks(reply: &Reply) -> Vec<Value> {
    let data: Vec<&str> = reply.body.split("\n\n").filter_map(|event| event.trim().strip_prefix("data: ")).collect();
    assert_eq!(data.last(), Some(&"[DONE]"), "{}", reply.body);
    data[..data.len() - 1].iter().map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn an_answer_in_one_piece() {
    let world = World::start().await;
    let reply = ask(&world, user("hi")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let answer = reply.json();
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl_"));
    assert_eq!((&answer["object"], &answer["model"]), (&json!("chat.completion"), &json!("skynet")));
    assert!(answer["created"].is_u64());
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"], json!({"role": "assistant", "content": "Hello there."}));
    assert_eq!(choice["finish_reason"], "stop");
    let usage = &answer["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"], &usage["total_tokens"]), (&json!(10), &json!(5), &json!(15)));
}

#[tokio::test]
async fn an_answer_as_a_stream() {
    let world = World::start().await;
    let mut body = user("hi");
    body["stream"] = true.into();
    body["stream_options"] = json!({"include_usage": true});
    let reply = ask(&world, body).await;
    assert_eq!(reply.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let chunks = chunks(&reply);
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "Hello there.");
    let [.., finish, usage] = &chunks[..] else { panic!("{chunks:?}") };
    assert_eq!(finish["choices"][0]["finish_reason"], "stop");
    assert_eq!((&usage["choices"], &usage["usage"]["total_tokens"]), (&json!([]), &json!(15)));
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk" && chunk["id"] == chunks[0]["id"]));
}

#[tokio::test]
async fn the_clients_own_tools_are_called_by_the_client() {
    let world = World::start().await;
    let call = || vec![Say::Call("call_1", "weather", "{\"city\":\"Rome\"}"), Say::End(StopReason::ToolUse)];
    world.script([call(), call()]);
    let mut body = user("weather?");
    body["tools"] = json!([{"type": "function", "function": {"name": "weather", "description": "d", "parameters": {"type": "object"}}}]);
    body["tool_choice"] = json!({"type": "function", "function": {"name": "weather"}});
    body["max_completion_tokens"] = 77.into();
    body["temperature"] = json!(0.5);
    body["stop"] = "END".into();
    let reply = ask(&world, body.clone()).await;
    let choice = &reply.json()["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], json!(null));
    let called = json!({"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Rome\"}"}});
    assert_eq!(choice["message"]["tool_calls"], json!([called]));
    {
        let requests = world.snapshot.requests.lock().unwrap();
        let asked = &requests[0];
        assert_eq!(asked.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["weather"]);
        assert_eq!(asked.tool_choice, ToolChoice::Named("weather".into()));
        assert_eq!((asked.max_output, asked.temperature, asked.stop.clone()), (Some(77), Some(0.5), vec!["END".to_owned()]));
    }
    body["stream"] = true.into();
    let streamed = chunks(&ask(&world, body).await);
    let delta = streamed.iter().find(|chunk| !chunk["choices"][0]["delta"]["tool_calls"].is_null()).unwrap();
    assert_eq!(delta["choices"][0]["delta"]["tool_calls"][0]["index"], 0);
    assert_eq!(streamed.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn a_whole_conversation_reaches_the_model() {
    let world = World::start().await;
    let body = json!({"model": "fake/two", "user": "u1", "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "developer", "content": [{"type": "text", "text": "be kind"}]},
        {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AQID"}}]},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}, {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "ra"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "rb"}]},
        {"role": "user", "content": "and?"},
    ]});
    let reply = ask(&world, body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json()["model"], "fake/two");
    let requests = world.snapshot.requests.lock().unwrap();
    let asked = &requests[0];
    assert_eq!(asked.model, "two");
    let system: String = asked.system.iter().map(|block| block.text.as_str()).collect::<Vec<_>>().join("|");
    assert!(system.contains("be brief") && system.contains("be kind"), "{system}");
    let roles: Vec<Role> = asked.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::User]);
    assert!(matches!(&asked.messages[0].parts[1], Part::Image { image } if image.data == [1, 2, 3]));
    let names: Vec<String> = asked.messages[2]
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolResult { result } => Some(format!("{}={}", result.name, result.to_text())),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["f=ra", "g=rb"]);
}

#[tokio::test]
async fn bad_bodies_are_refused_in_the_shape_that_clients_know() {
    let world = World::start().await;
    check(&world, json!({"model": "skynet"}), 400, "missing field `messages`").await;
    check(&world, json!({"messages": []}), 400, "Missing user message").await;
    check(&world, json!({"messages": [{"role": "system", "content": "x"}]}), 400, "Missing user message").await;
    check(&world, json!({"messages": [{"role": "robot", "content": "x"}]}), 400, "messages[0]: role must be").await;
    check(&world, json!({"messages": [{"role": "user", "content": 5}]}), 400, "messages[0]: content must be").await;
    check(
        &world,
        json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}]}),
        400,
        "data URL",
    )
    .await;
    check(&world, json!({"messages": [{"role": "tool", "tool_call_id": "z", "content": "x"}]}), 400, "no assistant message").await;
    let with = |key: &str, value: Value| {
        let mut body = user("hi");
        body[key] = value;
        body
    };
    check(&world, with("n", 2.into()), 400, "n: only 1").await;
    check(&world, with("temperature", 9.into()), 400, "temperature").await;
    check(&world, with("tools", json!([{"type": "function", "function": {"name": "a b"}}])), 400, "no name of a function").await;
    check(&world, with("tool_choice", "always".into()), 400, "tool_choice").await;
    check(&world, with("stream", "yes".into()), 400, "not a completion request").await;
    check(&world, with("model", "fake/none".into()), 404, "fake/none").await;
    let bearer = format!("Bearer {OWNER}");
    let reply = http(world.address, "POST", "/v1/chat/completions", &[("authorization", &bearer)], "{nope").await;
    assert_eq!((reply.status, &reply.json()["error"]["type"]), (400, &json!("invalid_request_error")));
}

#[tokio::test]
async fn no_token_no_answer() {
    let world = World::start().await;
    let body = user("hi").to_string();
    for headers in [&[][..], &[("authorization", "Bearer wrong")][..], &[("authorization", "Basic x")][..]] {
        let reply = http(world.address, "POST", "/v1/chat/completions", headers, &body).await;
        assert_eq!(reply.status, 401);
        assert_eq!(reply.json(), json!({"error": {"message": "Unauthorized", "type": "unauthorized"}}));
    }
    let bearer = format!("Bearer {READER}");
    let reply = http(world.address, "POST", "/v1/chat/completions", &[("authorization", &bearer)], &body).await;
    assert_eq!((reply.status, &reply.json()["error"]["message"]), (403, &json!("missing scope: operator.write")));
    assert_eq!(http(world.address, "GET", "/v1/models", &[("authorization", &bearer)], "").await.status, 200);
    assert!(world.snapshot.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_failing_model_becomes_an_error_of_its_kind() {
    let world = World::start().await;
    let fail = |error: ModelError| vec![Say::Fail(error)];
    world.script([fail(ModelError::ContextOverflow("too long".into())), fail(ModelError::ContextOverflow("too long".into()))]);
    let reply = ask(&world, user("hi")).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!("context_length_exceeded")), "{reply:?}");
    world.script([fail(ModelError::InvalidRequest("bad".into())), fail(ModelError::InvalidRequest("bad".into()))]);
    let mut body = user("hi");
    body["stream"] = true.into();
    let reply = ask(&world, body).await;
    assert!(chunks(&reply).iter().any(|chunk| chunk["error"]["message"].is_string()), "{}", reply.body);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_turn() {
    let world = World::start().await;
    for stream in [true, false] {
        world.script([vec![Say::Text("x"), Say::Gate("never")]]);
        let mut owner = world.owner().await;
        let mut dropped = world.snapshot.dropped.subscribe();
        let before = *dropped.borrow_and_update();
        let mut body = user("hi");
        body["stream"] = stream.into();
        let bearer = format!("Bearer {OWNER}");
        let text = request_text(world.address, "POST", "/v1/chat/completions", &[("authorization", &bearer)], &body.to_string());
        let mut socket = tokio::net::TcpStream::connect(world.address).await.unwrap();
        socket.write_all(text.as_bytes()).await.unwrap();
        owner.until(|frame| frame["payload"]["data"]["text"] == "x").await;
        if stream {
            let mut some = [0; 16];
            soon(socket.read(&mut some)).await.unwrap();
        }
        drop(socket);
        soon(dropped.wait_for(|count| *count > before)).await.unwrap();
        let end = owner.until(|frame| frame["payload"]["state"] == "aborted").await;
        assert_eq!(end["payload"]["stopReason"], "rpc");
    }
}

#[tokio::test]
async fn models_are_listed_and_found() {
    let world = World::start().await;
    let bearer = format!("Bearer {OWNER}");
    let get = async |path: &str| http(world.address, "GET", path, &[("authorization", &bearer)], "").await;
    let list = get("/v1/models").await.json();
    let ids: Vec<&str> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"skynet") && ids.contains(&"openclaw/default") && ids.contains(&"fake/two"), "{ids:?}");
    assert_eq!(get("/v1/models/fake/one").await.json()["object"], "model");
    assert_eq!(get("/v1/models/none").await.status, 404);
    assert_eq!(http(world.address, "GET", "/v1/models", &[], "").await.status, 401);
    for name in ["openclaw", "default", "openclaw/default", "two"] {
        let mut body = user("hi");
        body["model"] = name.into();
        assert_eq!(ask(&world, body).await.status, 200, "{name}");
    }
    let asked: Vec<String> = world.snapshot.requests.lock().unwrap().iter().map(|request| request.model.clone()).collect();
    assert_eq!(asked, ["one", "one", "one", "two"]);
}
