//! Devices: signatures, pairing, tokens of their own.

use crate::wire::{Hello, Socket};
use crate::world::{OWNER, START_MS, World};
use serde_json::{Value, json};

async fn check(world: &World, hello: Hello, message: &str, code: &str, reason: &str) {
    let mut socket = world.dial().await;
    let answer = socket.hello(hello).await;
    assert_eq!(answer["error"]["message"], message, "{answer}");
    assert_eq!(answer["error"]["details"], json!({"code": code, "reason": reason}));
    assert_eq!(socket.closed().await, format!("1008 {message}"));
}

#[tokio::test]
async fn signatures_of_both_versions_hold() {
    let world = World::start().await;
    world.connect(Hello::device(1)).await;
    world.connect(Hello::device(2).version("v2")).await;
}

#[tokio::test]
async fn a_signature_is_for_this_socket_this_time_and_these_words() {
    let world = World::start().await;
    let mut old = Hello::device(1);
    old.signed_at = START_MS - 120_001;
    check(&world, old, "device signature expired", "DEVICE_AUTH_SIGNATURE_EXPIRED", "device-signature-stale").await;
    let mut foreign = Hello::device(1);
    foreign.nonce = Some("another-sockets-nonce".into());
    check(&world, foreign, "device nonce mismatch", "DEVICE_AUTH_NONCE_MISMATCH", "device-nonce-mismatch").await;
    let mut none = Hello::device(1);
    none.nonce = Some(String::new());
    check(&world, none, "device nonce required", "DEVICE_AUTH_NONCE_REQUIRED", "device-nonce-missing").await;
    let other = Hello::device(1).version("v9");
    check(&world, other, "device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID", "device-signature").await;
}

#[tokio::test]
async fn a_device_cannot_take_the_name_of_another() {
    let world = World::start().await;
    let mut socket = world.dial().await;
    socket.event("connect.challenge").await;
    let mut params = Hello::new().params;
    params["device"] = json!({"id": "0".repeat(64), "publicKey": "A".repeat(43), "signature": "x", "signedAt": START_MS, "nonce": "n"});
    let answer = socket.request("connect", params).await;
    assert_eq!(answer["error"]["details"]["reason"], "device-id-mismatch");
}

#[tokio::test]
async fn a_new_device_of_the_owner_is_paired_in_silence_and_may_ask_for_more_later() {
    let world = World::start().await;
    let mut watcher = world.owner().await;
    let (_first, hello) = world.connect(Hello::device(1).scopes(&["operator.read"])).await;
    assert_eq!(hello["auth"]["scopes"], json!(["operator.read"]));
    let event = watcher.event("device.pair.resolved").await;
    assert_eq!(event["payload"]["decision"], "approved");
    let token = hello["auth"]["deviceToken"].clone();
    let (_again, hello) = world.connect(Hello::device(1).scopes(&["operator.read"])).await;
    assert_eq!(hello["auth"]["deviceToken"], token, "the same device keeps its token");
    let (_more, hello) = world.connect(Hello::device(1)).await;
    assert_eq!(hello["auth"]["scopes"], json!(["operator.admin"]));
    assert_ne!(hello["auth"]["deviceToken"], token, "more scopes make a new token");
    let listed = watcher.call("device.pair.list", json!({})).await;
    assert_eq!(listed["paired"].as_array().unwrap().len(), 1);
    assert_eq!(listed["paired"][0]["scopes"], json!(["operator.admin", "operator.read"]));
    assert_eq!(listed["pending"], json!([]));
    let rows = world.audit.0.lock().unwrap().clone();
    assert!(rows.iter().filter(|row| row.kind == "auth" && row.subject == "pair").count() == 2, "{rows:?}");
}

#[tokio::test]
async fn no_device_is_paired_when_the_audit_log_cannot_be_written() {
    let world = World::start().await;
    world.audit.1.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut socket = world.dial().await;
    let answer = socket.hello(Hello::device(1)).await;
    assert_eq!(answer["error"]["code"], "UNAVAILABLE", "{answer}");
    assert!(world.access.devices.lock().unwrap().is_empty());
}

/// `actor subject action verdict` of the rows about devices, oldest first.
fn rows(world: &World) -> Vec<String> {
    let rows = world.audit.0.lock().unwrap();
    let about = rows.iter().filter(|row| row.kind == "auth" && (row.subject == "pair" || row.detail["action"].is_string()));
    let short = |text: &str| text.chars().take("device 0123".len()).collect::<String>();
    about.map(|row| format!("{} {} {}", short(&row.subject), row.detail["action"].as_str().unwrap_or("-"), row.verdict)).collect()
}

#[tokio::test]
async fn a_device_that_could_not_be_stored_does_not_stand_in_the_audit_log_as_paired() {
    let world = World::start().await;
    world.access.full.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut socket = world.dial().await;
    let answer = socket.hello(Hello::device(1)).await;
    assert_eq!(answer["error"]["code"], "UNAVAILABLE", "{answer}");
    assert_eq!(rows(&world), ["pair - ok", "pair - error"]);
}

#[tokio::test]
async fn who_turns_a_device_away_or_forgets_one_is_in_the_audit_log_and_whether_there_was_one() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let (_, answer) = remote(&world, Hello::device(7)).await;
    let request = answer["error"]["details"]["requestId"].clone();
    owner.call("device.pair.reject", json!({"requestId": request})).await;
    owner.refused("device.pair.reject", json!({"requestId": request})).await;
    owner.refused("device.pair.remove", json!({"deviceId": "x".repeat(100_000)})).await;
    let rows = rows(&world);
    assert!(rows[0].starts_with("device ") && rows[0].ends_with(" reject ok"), "{rows:?}");
    assert_eq!(rows[1..], ["device xxxx remove ok", "device xxxx remove error"]);
    let longest = world.audit.0.lock().unwrap().iter().map(|row| row.subject.len()).max();
    assert!(longest < Some(100), "{longest:?}");
}

#[tokio::test]
async fn who_turns_a_device_away_while_it_is_approved_hears_that_it_is_too_late() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let (_, answer) = remote(&world, Hello::device(7)).await;
    let request = answer["error"]["details"]["requestId"].clone();
    world.access.slow.store(true, std::sync::atomic::Ordering::Relaxed);
    let approval = owner.ask("device.pair.approve", json!({"requestId": request})).await;
    crate::wire::soon(world.access.gates.pass("storing")).await;
    let refusal = owner.ask("device.pair.reject", json!({"requestId": request})).await;
    // It has begun once what was asked after it is answered.
    owner.call("ping", json!({})).await;
    world.access.gates.open("stored");
    assert_eq!(owner.answer(&approval).await["ok"], true);
    let refusal = owner.answer(&refusal).await;
    assert_eq!((&refusal["ok"], &refusal["error"]["message"]), (&json!(false), &json!("unknown requestId")));
    assert_eq!(world.access.devices.lock().unwrap().len(), 1);
    assert_eq!(rows(&world).last().unwrap().split(' ').next_back(), Some("error"), "{:?}", rows(&world));
}

#[tokio::test]
async fn a_device_comes_back_with_its_own_token_within_what_was_approved() {
    let world = World::start().await;
    let (_, hello) = world.connect(Hello::device(1).scopes(&["operator.write"])).await;
    let token = hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
    let back = |auth: Value, scopes: &[&str]| Hello::device(1).auth(auth).scopes(scopes);
    let (_, hello) = world.connect(back(json!({"deviceToken": token}), &["operator.read"])).await;
    assert_eq!(hello["auth"]["scopes"], json!(["operator.read"]));
    assert_eq!(hello["auth"]["deviceToken"], token);
    world.connect(back(json!({"token": token}), &["operator.write"])).await;
    let mut socket = world.dial().await;
    let answer = socket.hello(back(json!({"deviceToken": token}), &["operator.admin"])).await;
    assert_eq!(answer["error"]["code"], "NOT_PAIRED");
    let details = &answer["error"]["details"];
    assert_eq!((&details["code"], &details["reason"]), (&json!("PAIRING_REQUIRED"), &json!("scope-upgrade")));
    assert_eq!(details["approvedScopes"], json!(["operator.write"]));
    let close = socket.closed().await;
    assert!(close.contains(&format!("(requestId: {}", &details["requestId"].as_str().unwrap()[..8])) || close.len() > 100, "{close}");
}

#[tokio::test]
async fn a_foreign_device_token_is_refused() {
    let world = World::start().await;
    let (_, hello) = world.connect(Hello::device(1)).await;
    let token = hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
    let mut socket = world.dial().await;
    let answer = socket.hello(Hello::device(2).auth(json!({"deviceToken": token}))).await;
    assert!(answer["error"]["message"].as_str().unwrap().starts_with("unauthorized: device token mismatch ("));
    assert_eq!(answer["error"]["details"]["code"], "AUTH_DEVICE_TOKEN_MISMATCH");
    let mut socket = world.dial().await;
    let answer = socket.hello(Hello::device(1).auth(json!({"token": "wrong", "deviceToken": "wrong"}))).await;
    assert_eq!(answer["error"]["details"]["code"], "AUTH_TOKEN_MISMATCH");
    assert_eq!(answer["error"]["details"]["canRetryWithDeviceToken"], false);
}

async fn remote(world: &World, hello: Hello) -> (Socket, Value) {
    let mut socket = Socket::dial(world.address, "/", &[("x-forwarded-for", "203.0.113.9")]).await.unwrap();
    let answer = socket.hello(hello).await;
    (socket, answer)
}

#[tokio::test]
async fn a_remote_device_waits_for_an_operator() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let (_, answer) = remote(&world, Hello::device(7).scopes(&["operator.write"])).await;
    let details = &answer["error"]["details"];
    assert_eq!(details["reason"], "not-paired");
    let request = details["requestId"].as_str().unwrap().to_owned();
    assert_eq!(owner.event("device.pair.requested").await["payload"]["requestId"], request);
    let (_, again) = remote(&world, Hello::device(7).scopes(&["operator.write"])).await;
    assert_eq!(again["error"]["details"]["requestId"], request, "asking twice is one request");
    assert_eq!(owner.call("device.pair.list", json!({})).await["pending"][0]["requestId"], request);

    let mut pairing_only = world.scoped(&["operator.pairing"]).await;
    let refused = pairing_only.refused("device.pair.approve", json!({"requestId": request})).await;
    assert_eq!(refused, "INVALID_REQUEST missing scope: operator.admin", "nobody gives what they do not have");
    assert_eq!(owner.refused("device.pair.approve", json!({"requestId": "none"})).await, "INVALID_REQUEST unknown requestId");

    let approved = owner.call("device.pair.approve", json!({"requestId": request})).await;
    assert_eq!(approved["device"]["scopes"], json!(["operator.write"]));
    let (mut socket, answer) = remote(&world, Hello::device(7).scopes(&["operator.write"])).await;
    assert_eq!(answer["ok"], true, "{answer}");

    let device = approved["device"]["deviceId"].as_str().unwrap();
    owner.call("device.pair.remove", json!({"deviceId": device})).await;
    assert_eq!(socket.closed().await, "1008 device removed");
    assert_eq!(owner.refused("device.pair.remove", json!({"deviceId": device})).await, "INVALID_REQUEST unknown deviceId");
}

#[tokio::test]
async fn a_rejected_device_stays_out() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let (_, answer) = remote(&world, Hello::device(7)).await;
    let request = answer["error"]["details"]["requestId"].clone();
    owner.call("device.pair.reject", json!({"requestId": request})).await;
    assert_eq!(owner.event("device.pair.resolved").await["payload"]["decision"], "rejected");
    assert_eq!(owner.call("device.pair.list", json!({})).await["pending"], json!([]));
    assert_eq!(remote(&world, Hello::device(7)).await.1["ok"], false);
}

#[tokio::test]
async fn a_page_of_a_foreign_client_is_not_paired_in_silence() {
    let world = World::start().await;
    let mut page = Socket::dial(world.address, "/", &[("origin", "http://localhost:1")]).await.unwrap();
    let answer = page.hello(Hello::device(8).token(OWNER)).await;
    assert_eq!(answer["error"]["code"], "NOT_PAIRED", "{answer}");
}

#[tokio::test]
async fn a_node_is_listed_while_it_is_here() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let hello =
        Hello::device(3).client("node-host", "node").set("role", "node".into()).set("scopes", json!([])).set("caps", json!(["system"]));
    let (node, _) = world.connect(hello).await;
    let listed = owner.call("node.list", json!({})).await;
    assert_eq!(listed["nodes"][0]["caps"], json!(["system"]));
    assert_eq!(listed["nodes"][0]["connected"], true);
    drop(node);
    owner.event("presence").await;
    assert_eq!(owner.call("node.list", json!({})).await["nodes"], json!([]));
}
