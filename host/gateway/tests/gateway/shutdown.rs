//! The end of the gateway, and sockets that must not outlive their right.

use crate::fakes::Say;
use crate::wire::{Hello, http};
use crate::world::{OWNER, READER, World};
use serde_json::json;
use skynet_core::ports::{Memory as _, NewMessage};
use skynet_core::{Message, Role, SessionKey, StopReason, TurnId};

#[tokio::test]
async fn clients_are_told_before_the_gateway_goes() {
    let mut world = World::start().await;
    let mut owner = world.owner().await;
    let (mut quiet, _) = world.connect(Hello::new().client("cli", "cli")).await;
    world.stop.take().unwrap().send(()).unwrap();
    for socket in [&mut owner, &mut quiet] {
        assert_eq!(socket.closed().await, "1012 service restart");
        let last = socket.kept().pop().unwrap();
        assert_eq!((&last["event"], &last["payload"]["reason"]), (&json!("shutdown"), &json!("service restart")));
    }
    world.served.take().unwrap().await.unwrap();
    assert!(tokio::net::TcpStream::connect(world.address).await.is_err());
}

#[tokio::test]
async fn a_turn_at_hand_ends_before_the_gateway_goes() {
    let mut world = World::start().await;
    let mut owner = world.owner().await;
    world.script([vec![Say::Text("slow"), Say::Gate("go"), Say::End(StopReason::EndTurn)]]);
    let address = world.address;
    let bearer = format!("Bearer {OWNER}");
    let body = r#"{"model":"skynet","messages":[{"role":"user","content":"hi"}]}"#;
    let request = tokio::spawn(async move { http(address, "POST", "/v1/chat/completions", &[("authorization", &bearer)], body).await });
    owner.until(|frame| frame["payload"]["data"]["text"] == "slow").await;
    let gates = world.snapshot.gates.clone();
    let stop = world.stop.take().unwrap();
    stop.send(()).unwrap();
    assert_eq!(owner.closed().await, "1012 service restart");
    gates.open("go");
    let reply = request.await.unwrap();
    assert_eq!(reply.json()["choices"][0]["message"]["content"], "slow");
    world.served.take().unwrap().await.unwrap();
}

#[tokio::test]
async fn the_gateway_goes_although_a_client_never_answers() {
    let mut world = World::start().await;
    let mut silent = world.dial().await;
    silent.event("connect.challenge").await;
    drop(world.owner().await);
    world.shutdown().await;
}

#[tokio::test]
async fn a_socket_ends_soon_after_its_token_was_revoked() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let (mut reader, _) = world.connect(Hello::new().token(READER)).await;
    world.access.tokens.lock().unwrap().retain(|(_, row)| row.name != "reader");
    assert_eq!(reader.closed().await, "4001 gateway auth changed");
    owner.call("ping", json!({})).await;
}

#[tokio::test]
async fn a_socket_ends_although_another_token_has_the_name_of_its_own_by_now() {
    let world = World::start().await;
    let (mut reader, _) = world.connect(Hello::new().token(READER)).await;
    {
        let mut tokens = world.access.tokens.lock().unwrap();
        let (hash, row) = tokens.iter_mut().find(|(_, row)| row.name == "reader").unwrap();
        (*hash, row.created_ms) = ([7; 32], row.created_ms + 1);
    }
    assert_eq!(reader.closed().await, "4001 gateway auth changed");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let world = World::start().await;
    let main = SessionKey::main();
    world.memory.open_session(&main).await.unwrap();
    let lease = world.memory.take_lease(&main).await.unwrap();
    let line = NewMessage::plain(Message::text(Role::User, "x".repeat(120_000)));
    world.memory.append(&main, lease, &TurnId("t".into()), vec![line; 50]).await.unwrap();
    let mut owner = world.owner().await;
    for _ in 0..20 {
        owner.ask("chat.history", json!({"sessionKey": "main", "limit": 1000})).await;
    }
    let mut other = world.owner().await;
    loop {
        let clients = other.call("status", json!({})).await["clients"].as_u64().unwrap();
        if clients == 1 {
            break;
        }
    }
    assert_eq!(owner.closed().await, "1008 slow consumer");
    assert!(owner.kept().len() < 20);
}
