//! Frames after hello: what is answered, what is ignored, what ends the socket.

use crate::wire::Hello;
use crate::world::World;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn malformed_requests_are_answered_and_the_socket_stays() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    owner.send_text("{not json").await;
    for (text, id, message) in [
        ("[]", "invalid", "invalid request frame: must be object"),
        (r#"{"type":"req","id":"a"}"#, "a", "invalid request frame: must have required property 'method'"),
        (r#"{"type":"req","id":7,"method":"health"}"#, "invalid", "invalid request frame: at /id: must be string"),
        (r#"{"type":"req","id":"b","method":"health","extra":1}"#, "b", "invalid request frame: at root: unexpected property 'extra'"),
        (r#"{"type":"res","id":"c","method":"health"}"#, "c", "invalid request frame: at /type: must be equal to constant"),
    ] {
        owner.send_text(text).await;
        let answer = owner.answer(id).await;
        assert_eq!(answer["error"], json!({"code": "INVALID_REQUEST", "message": message}), "{text}");
    }
    assert_eq!(owner.call("ping", json!({})).await, json!({"pong": true}));
}

#[tokio::test]
async fn an_unknown_method_and_wrong_params_have_their_words() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    for method in ["memory.guess", "wizard.start", "no\nsuch"] {
        assert_eq!(owner.refused(method, json!({})).await, format!("INVALID_REQUEST unknown method: {}", method.replace('\n', "\u{fffd}")));
    }
    let mut check = async |method: &str, params: Value, why: &str| {
        assert_eq!(owner.refused(method, params).await, format!("INVALID_REQUEST invalid {method} params: {why}"));
    };
    check("chat.send", json!({}), {
        "must have required property 'sessionKey'; must have required property 'message'; must have required property 'idempotencyKey'"
    })
    .await;
    check("chat.history", json!({"sessionKey": "main", "limit": 1001}), "at /limit: must be <= 1000").await;
    check("chat.history", json!({"sessionKey": 5}), "at /sessionKey: must be string").await;
    check("agents.list", json!({"x": 1}), "at root: unexpected property 'x'").await;
    check("sessions.patch", json!("text"), "must be object").await;
    check(
        "sessions.patch",
        json!({"key": "main", "subagentRole": "boss"}),
        "at /subagentRole: must be equal to one of: orchestrator, leaf",
    )
    .await;
    assert_eq!(owner.refused("connect", json!({})).await, "INVALID_REQUEST connect is only valid as the first request");
}

#[tokio::test]
async fn a_frame_over_25_mib_is_too_big() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let _ = owner.send(Message::text("x".repeat(26 * 1024 * 1024))).await;
    assert_eq!(owner.closed().await, "1009 message too big");
}

#[tokio::test]
async fn a_large_frame_within_the_limit_is_read() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let params = json!({"sessionKey": "main", "message": "x".repeat(20 * 1024 * 1024), "idempotencyKey": "big"});
    assert_eq!(owner.call("chat.send", params).await["status"], "started");
}

#[tokio::test]
async fn bytes_that_are_text_are_text_and_others_are_ignored() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    owner.send(Message::binary(vec![0xff, 0xfe])).await.unwrap();
    owner.send(Message::binary(&br#"{"type":"req","id":"b","method":"ping"}"#[..])).await.unwrap();
    assert_eq!(owner.answer("b").await["payload"]["pong"], true);
}

#[tokio::test]
async fn a_client_that_closes_is_answered() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    owner.send(Message::Close(None)).await.unwrap();
    assert_eq!(owner.closed().await, "closed");
}

#[tokio::test]
async fn a_node_may_not_call_what_operators_call_and_is_closed_when_it_insists() {
    let world = World::start().await;
    let (mut node, hello) =
        world.connect(Hello::device(3).set("role", "node".into()).set("scopes", json!([])).client("node-host", "node")).await;
    assert_eq!(hello["auth"]["role"], "node");
    assert_eq!(node.call("health", json!({})).await["ok"], true);
    for _ in 0..10 {
        assert_eq!(node.refused("status", json!({})).await, "INVALID_REQUEST unauthorized role: node");
    }
    node.ask("status", json!({})).await;
    assert_eq!(node.closed().await, "1008 repeated unauthorized calls");
}

#[tokio::test]
async fn too_many_requests_at_once_are_refused_and_the_rest_goes_on() {
    let world = World::start().await;
    world.script([vec![crate::fakes::Say::Gate("never")]]);
    let mut owner = world.owner().await;
    owner.call("chat.send", json!({"sessionKey": "main", "message": "hi", "idempotencyKey": "slow"})).await;
    for _ in 0..128 {
        owner.ask("agent.wait", json!({"runId": "slow", "timeoutMs": 600_000})).await;
    }
    let id = owner.ask("status", json!({})).await;
    let answer = owner.answer(&id).await;
    assert_eq!(answer["error"]["retryable"], true, "{answer}");
    let other = world.owner().await.call("ping", json!({})).await;
    assert_eq!(other["pong"], true);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_frame_breaks_a_socket(frames in proptest::collection::vec(any_frame(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::start().await;
            let mut owner = world.owner().await;
            for frame in &frames {
                owner.send_text(frame.clone()).await;
            }
            let pong = owner.call("ping", json!({})).await;
            assert_eq!(pong["pong"], true);
        });
    }
}

fn any_frame() -> impl Strategy<Value = String> {
    let methods = prop_oneof![
        Just("chat.history"),
        Just("sessions.list"),
        Just("sessions.resolve"),
        Just("sessions.preview"),
        Just("agent.identity.get"),
        Just("plugins.info"),
        Just("sessions.patch"),
    ];
    let value = prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(json!(-1)),
        Just(json!(1e300)),
        Just(json!(u64::MAX)),
        Just(json!("")),
        Just(json!("agent::")),
        Just(json!("main")),
        Just(json!({"a": {"b": []}})),
        ".{0,20}".prop_map(Value::from),
    ];
    let key = prop_oneof![Just("key"), Just("keys"), Just("sessionKey"), Just("limit"), Just("id"), Just("search"), Just("label")];
    let request = (methods, proptest::collection::btree_map(key, value, 0..4))
        .prop_map(|(method, params)| json!({"type": "req", "id": "p", "method": method, "params": params}).to_string());
    prop_oneof![".{0,40}", request]
}
