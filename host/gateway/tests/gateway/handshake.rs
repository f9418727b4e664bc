//! The first frames: challenge, connect, hello, and every way to fail before it.

use crate::wire::{Hello, Socket};
use crate::world::{OWNER, World};
use serde_json::{Value, json};
use skynet_gateway::Readiness;
use tokio_tungstenite::tungstenite::Message;

/// Connects and must fail; gives `CODE message` and the close.
async fn check(world: &World, hello: Hello, refusal: &str, close: &str) -> Value {
    let mut socket = world.dial().await;
    let answer = socket.hello(hello).await;
    assert_eq!(answer["ok"], false, "{answer}");
    let error = &answer["error"];
    assert_eq!(format!("{} {}", error["code"].as_str().unwrap(), error["message"].as_str().unwrap()), refusal);
    let closed = socket.closed().await;
    assert!(closed.starts_with(close), "{closed}");
    error.clone()
}

#[tokio::test]
async fn hello_tells_all_that_a_client_needs() {
    let world = World::start().await;
    let (_socket, hello) = world.connect(Hello::device(1).scopes(&["operator.admin", "operator.read"])).await;
    assert_eq!(hello["type"], "hello-ok");
    assert_eq!(hello["protocol"], 3);
    assert_eq!(hello["server"]["version"], "9.9.9");
    assert!(!hello["server"]["connId"].as_str().unwrap().is_empty());
    let has = |list: &Value, name: &str| list.as_array().unwrap().contains(&name.into());
    assert!(has(&hello["features"]["methods"], "chat.send") && has(&hello["features"]["methods"], "connect"));
    assert!(has(&hello["features"]["events"], "chat"));
    let snapshot = &hello["snapshot"];
    assert_eq!(snapshot["presence"][0]["mode"], "gateway");
    assert_eq!(snapshot["health"]["ok"], true);
    assert!(snapshot["stateVersion"]["presence"].is_u64() && snapshot["stateVersion"]["health"].is_u64());
    assert_eq!(snapshot["sessionDefaults"]["mainSessionKey"], "agent:main:main");
    assert_eq!(snapshot["authMode"], "token");
    assert_eq!(snapshot["stateDir"], "state");
    assert_eq!(hello["auth"]["scopes"], json!(["operator.admin", "operator.read"]));
    assert_eq!(hello["auth"]["deviceToken"].as_str().unwrap().len(), 43);
    assert_eq!(hello["policy"], json!({"maxPayload": 26214400, "maxBufferedBytes": 52428800, "tickIntervalMs": 30000}));
}

#[tokio::test]
async fn who_may_only_read_does_not_see_where_things_lie() {
    let world = World::start().await;
    let (_socket, hello) = world.connect(Hello::new().scopes(&["operator.read"])).await;
    assert!(hello["snapshot"].get("stateDir").is_none() && hello["snapshot"].get("configPath").is_none());
    assert!(hello["auth"].get("deviceToken").is_none());
}

#[tokio::test]
async fn both_paths_and_any_free_path_take_a_socket() {
    let world = World::start().await;
    for path in ["/", "/ws", "/gateway"] {
        let mut socket = Socket::dial(world.address, path, &[]).await.unwrap();
        assert_eq!(socket.hello(Hello::new()).await["ok"], true, "{path}");
    }
}

#[tokio::test]
async fn a_range_that_holds_3_is_answered_with_3_and_any_other_is_refused() {
    let world = World::start().await;
    let range = |low: u64, high: u64| Hello::new().set("minProtocol", low.into()).set("maxProtocol", high.into());
    assert_eq!(world.connect(range(2, 5)).await.1["protocol"], 3);
    for (low, high) in [(4, 4), (1, 2)] {
        let error = check(&world, range(low, high), "INVALID_REQUEST protocol mismatch", "1002 protocol mismatch").await;
        assert_eq!(error["details"]["expectedProtocol"], 3);
    }
}

#[tokio::test]
async fn connect_params_are_closed() {
    let world = World::start().await;
    let refusal = "INVALID_REQUEST invalid connect params: at root: unexpected property 'mode'";
    check(&world, Hello::new().set("mode", "token".into()), refusal, "1008 invalid connect params: at root: unexpected").await;
    let refusal = "INVALID_REQUEST invalid connect params: at /auth: unexpected property 'mode'";
    check(&world, Hello::new().auth(json!({"mode": "token", "token": OWNER})), refusal, "1008 invalid connect").await;
    let mut hello = Hello::new();
    hello.params.as_object_mut().unwrap().remove("client");
    check(&world, hello, "INVALID_REQUEST invalid connect params: must have required property 'client'", "1008 invalid connect").await;
    let mut socket = world.dial().await;
    let answer = socket.hello(Hello::new().client("someone-else", "cli")).await;
    assert!(answer["error"]["message"].as_str().unwrap().starts_with("invalid connect params: at /client/id: must be equal to one of"));
    check(&world, Hello::new().set("role", "king".into()), "INVALID_REQUEST invalid role", "1008 invalid role").await;
}

#[tokio::test]
async fn connect_without_params_is_refused() {
    let world = World::start().await;
    let mut socket = world.dial().await;
    socket.send_text(r#"{"type":"req","id":"1","method":"connect"}"#).await;
    assert_eq!(socket.answer("1").await["error"]["message"], "invalid connect params: must be object");
    assert!(socket.closed().await.starts_with("1008 "));
}

#[tokio::test]
async fn a_request_before_connect_is_answered_and_ends_the_socket() {
    let world = World::start().await;
    let mut socket = world.dial().await;
    let refusal = "INVALID_REQUEST invalid handshake: first request must be connect";
    assert_eq!(socket.refused("health", json!({})).await, refusal);
    assert_eq!(socket.closed().await, "1008 invalid handshake: first request must be connect");
}

#[tokio::test]
async fn bad_json_before_connect_ends_the_socket_without_a_word() {
    let world = World::start().await;
    let mut socket = world.dial().await;
    socket.send_text("{nope").await;
    assert_eq!(socket.closed().await, "1000 ");
}

#[tokio::test]
async fn a_frame_that_is_no_request_before_connect_ends_the_socket() {
    let world = World::start().await;
    let mut socket = world.dial().await;
    socket.send_text(r#"{"type":"event","event":"x"}"#).await;
    assert_eq!(socket.closed().await, "1008 invalid request frame");
}

#[tokio::test]
async fn silence_in_place_of_a_hello_ends_the_socket() {
    let world = World::with(|config| config.handshake_timeout_ms = 100).await;
    let mut socket = world.dial().await;
    assert_eq!(socket.closed().await, "1000 ");
    assert_eq!(socket.kept()[0]["event"], "connect.challenge");
}

#[tokio::test]
async fn a_handshake_frame_over_64_kib_is_too_big() {
    let world = World::start().await;
    for bytes in [70_000, 5_000_000] {
        let mut socket = world.dial().await;
        let _ = socket.send(Message::text(format!("{{\"x\":\"{}\"}}", "x".repeat(bytes)))).await;
        assert_eq!(socket.closed().await, "1009 message too big", "{bytes}");
    }
}

#[tokio::test]
async fn a_gateway_that_starts_tells_clients_to_come_again() {
    let world = World::start().await;
    *world.readiness.lock().unwrap() = Readiness { starting: true, failing: vec![] };
    let error = check(&world, Hello::new(), "UNAVAILABLE gateway starting; retry shortly", "1013 gateway starting").await;
    assert_eq!((&error["retryable"], &error["retryAfterMs"]), (&json!(true), &json!(500)));
    *world.readiness.lock().unwrap() = Readiness::default();
    world.owner().await;
}

#[tokio::test]
async fn one_address_has_32_strangers_and_no_more() {
    let world = World::start().await;
    let mut strangers = Vec::new();
    for _ in 0..32 {
        let mut socket = world.dial().await;
        socket.event("connect.challenge").await;
        strangers.push(socket);
    }
    let refused = Socket::dial(world.address, "/", &[]).await.err().map(|error| error.to_string());
    assert!(refused.clone().unwrap().contains("503"), "{refused:?}");
    strangers[0].send_text("{").await;
    strangers[0].closed().await;
    let mut socket = strangers.pop().unwrap();
    socket.send_text("{").await;
    socket.closed().await;
    drop(socket);
    world.owner().await;
}
