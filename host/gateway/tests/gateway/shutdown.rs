//! The end of the gateway, and sockets that must not outlive their right.

use crate::fakes::Say;
use crate::wire::{Hello, http};
use crate::world::{OWNER, World};
use serde_json::json;
use skynet_core::StopReason;

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
    world.script([vec![Say::Text("slow"), Say::Gate("go"), Say::End(StopReason::EndTurn)]]);
    let address = world.address;
    let bearer = format!("Bearer {OWNER}");
    let body = r#"{"model":"skynet","messages":[{"role":"user","content":"hi"}]}"#;
    let request = tokio::spawn(async move { http(address, "POST", "/v1/chat/completions", &[("authorization", &bearer)], body).await });
    let mut owner = world.owner().await;
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
