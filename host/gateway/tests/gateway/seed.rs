//! Clients of this project's forerunner, by the frames that they send, letter by letter.

use crate::fakes::Say;
use crate::wire::{Hello, Socket, http, refused};
use crate::world::{OWNER, READER, START_MS, World};
use serde_json::{Value, json};
use skynet_core::{ModelError, StopReason};

fn connect(auth: &str) -> String {
    format!(
        r#"{{"type":"req","id":"1","method":"connect","params":{{"auth":{auth},"client_info":{{"name":"cli","version":"0.3.1","platform":"linux"}}}}}}"#
    )
}

fn token(token: &str) -> String {
    connect(&format!(r#"{{"mode":"token","token":"{token}"}}"#))
}

async fn dialled(world: &World, hello: &str) -> (Socket, Value) {
    let mut socket = Socket::dial(world.address, "/ws", &[]).await.unwrap();
    socket.event("connect.challenge").await;
    socket.send_text(hello).await;
    let answer = socket.answer("1").await;
    (socket, answer)
}

#[tokio::test]
async fn the_forerunners_handshake_gets_in_with_the_token_and_reads_its_own_words() {
    let world = World::start().await;
    let (mut socket, answer) = dialled(&world, &token(OWNER)).await;
    let hello = &answer["payload"];
    assert_eq!((&answer["ok"], &hello["protocol"]), (&json!(true), &json!(3)), "{answer}");
    assert_eq!((&hello["server"]["name"], &hello["server"]["node_id"]), (&json!("skynet"), &json!("primary")));
    assert_eq!((&hello["server"]["version"], &hello["features"]["streaming"]), (&json!("9.9.9"), &json!(true)));
    assert!(hello["policy"]["max_message_size"].is_u64() && hello["policy"].as_object().unwrap().contains_key("rate_limit"));
    assert!(hello["features"]["methods"].is_array(), "what the protocol has is there too");
    socket.send_text(r#"{"type":"req","id":"2","method":"ping"}"#).await;
    assert_eq!(socket.answer("2").await["payload"], json!({"pong": true}));
    socket.send_text(r#"{"type":"req","id":"3","method":"agent.model","params":{"set":"fake/two"}}"#).await;
    assert_eq!(socket.answer("3").await["ok"], true, "the owner's token may change things");
    // Others are not told words that they do not know.
    let (_, own) = world.connect(Hello::new()).await;
    assert!(own["server"].get("node_id").is_none() && own["policy"].get("rate_limit").is_none());
}

#[tokio::test]
async fn a_message_of_the_forerunner_is_answered_once_with_the_whole_answer() {
    let world = World::start().await;
    world.script([
        vec![Say::Text("Hel"), Say::Text("lo."), Say::End(StopReason::EndTurn)],
        vec![Say::Fail(ModelError::Refused("no".into()))],
    ]);
    let (mut socket, _) = dialled(&world, &token(OWNER)).await;
    socket.send_text(r#"{"type":"req","id":"2","method":"chat.send","params":{"message":"hi","stream":true}}"#).await;
    let answer = socket.answer("2").await["payload"].clone();
    assert_eq!((&answer["content"], &answer["model"]), (&json!("Hello."), &json!("fake/one")));
    assert!(answer["usage"]["input_tokens"].is_u64() && answer["usage"]["output_tokens"].is_u64() && answer["stop_reason"].is_string());
    assert_eq!(socket.event("chat").await["event"], "chat", "the run's events come as well");
    socket.send_text(r#"{"type":"req","id":"3","method":"chat.send","params":{"message":"again"}}"#).await;
    let failed = socket.answer("3").await;
    assert_eq!(
        (&failed["ok"], &failed["error"]["message"]),
        (&json!(false), &json!("no model could answer (fake/one: the model declined: no)"))
    );
    socket.send_text(r#"{"type":"req","id":"4","method":"chat.send","params":{"message":"/stop"}}"#).await;
    assert_eq!(socket.answer("4").await["payload"]["stop_reason"], "command");
    socket.send_text(r#"{"type":"req","id":"5","method":"chat.send","params":{"message":"x","sender_id":"somebody-else"}}"#).await;
    let named = socket.answer("5").await;
    assert!(named["error"]["message"].as_str().unwrap().contains("who speaks is who connected"), "{named}");
    let mut owner = world.owner().await;
    let history = owner.call("chat.history", json!({"sessionKey": "main"})).await;
    let said: Vec<_> = history["messages"].as_array().unwrap().iter().map(|message| message["content"][0]["text"].as_str()).collect();
    assert_eq!(said, [Some("hi"), Some("Hello."), Some("again")], "in the owner's own conversation");
}

#[tokio::test]
async fn the_protocols_own_shapes_are_as_strict_as_before() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    for (params, why) in [
        (json!({"message": "hi", "idempotencyKey": "k"}), "must have required property 'sessionKey'"),
        (json!({"message": "hi", "sessionKey": "main"}), "must have required property 'idempotencyKey'"),
        (json!({"message": "hi", "wrong": 1}), "must have required property 'sessionKey'"),
        (json!({}), "must have required property 'sessionKey'"),
    ] {
        let refused = owner.refused("chat.send", params.clone()).await;
        assert!(refused.contains(why), "{params}: {refused}");
    }
    let mixed = Hello::new().auth(json!({"mode": "token", "token": OWNER}));
    assert!(refused(&world, mixed, &[]).await.0["message"].as_str().unwrap().contains("unexpected property 'mode'"));
}

#[tokio::test]
async fn the_forerunners_handshake_proves_no_less_than_the_protocols_own() {
    let world = World::start().await;
    for auth in [
        r#"{"mode":"none"}"#,
        r#"{"mode":"password","password":"x"}"#,
        r#"{"mode":"trusted-proxy","forwarded_user":"owner"}"#,
        r#"{"mode":"device-token","device_token":"x"}"#,
    ] {
        let (_, answer) = dialled(&world, &connect(auth)).await;
        assert_eq!(answer["error"]["details"]["code"], "AUTH_MODE_UNSUPPORTED", "{auth}: {answer}");
    }
    for (auth, code) in [
        (r#"{"mode":"token","token":"wrong"}"#, "AUTH_TOKEN_MISMATCH"),
        (r#"{"mode":"token","token":""}"#, "DEVICE_IDENTITY_REQUIRED"),
        (r#"{"mode":"token"}"#, "DEVICE_IDENTITY_REQUIRED"),
    ] {
        let (_, answer) = dialled(&world, &connect(auth)).await;
        assert_eq!(answer["error"]["details"]["code"], code, "{auth}: {answer}");
    }
    let (_, odd) = dialled(&world, &connect(r#"{"mode":"token","token":"x","scopes":["operator.admin"]}"#)).await;
    assert!(odd["error"]["message"].as_str().unwrap().contains("unexpected property 'scopes'"), "{odd}");
    // No more than the token gives.
    let (mut reader, answer) = dialled(&world, &token(READER)).await;
    assert_eq!(answer["payload"]["auth"]["scopes"], json!(["operator.read"]));
    reader.send_text(r#"{"type":"req","id":"2","method":"chat.send","params":{"message":"hi"}}"#).await;
    assert_eq!(reader.answer("2").await["error"]["message"], "missing scope: operator.write");
    // A page in the owner's browser has no rights by it.
    let own = format!("http://{}", world.address);
    let mut page = Socket::dial(world.address, "/ws", &[("origin", own.as_str())]).await.unwrap();
    page.event("connect.challenge").await;
    page.send_text(token(OWNER)).await;
    assert_eq!(page.answer("1").await["payload"]["auth"]["scopes"], json!([]));
}

#[tokio::test]
async fn health_is_of_the_moment_in_which_it_is_asked_for() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    assert_eq!(owner.call("health", json!({})).await["ts"], START_MS);
    owner.call("sessions.patch", json!({"key": "main", "label": "x"})).await;
    world.advance(49_000);
    let health = owner.call("health", json!({})).await;
    assert_eq!((&health["ts"], &health["sessions"]["recent"][0]["age"]), (&json!(START_MS + 49_000), &json!(49_000)));
    world.advance(999);
    assert_eq!(owner.call("health", json!({})).await["ts"], START_MS + 49_000, "many who ask cost one look a second");
    assert_eq!(http(world.address, "GET", "/health", &[], "").await.status, 200);
}
