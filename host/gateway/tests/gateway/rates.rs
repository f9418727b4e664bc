//! How often one may ask, and what the audit log has of who came.

use crate::wire::{Hello, http, refused};
use crate::world::{OWNER, World};
use serde_json::{Value, json};
use skynet_core::config::RatesConfig;
use skynet_core::ports::AuditRow;

fn send(key: usize) -> Value {
    json!({"sessionKey": "main", "message": format!("hello {key}"), "idempotencyKey": format!("key-{key}")})
}

fn auth_rows(world: &World) -> Vec<AuditRow> {
    world.audit.0.lock().unwrap().iter().filter(|row| row.kind == "auth").cloned().collect()
}

#[tokio::test]
async fn a_user_has_so_many_turns_a_minute_over_all_connections_and_ways() {
    let world = World::of(RatesConfig { turns_per_minute: 2, ..RatesConfig::default() }, |_| {}).await;
    let mut owner = world.owner().await;
    owner.call("chat.send", send(1)).await;
    assert_eq!(owner.call("chat.send", send(1)).await["status"], "in_flight", "the same turn again costs nothing");
    owner.call("chat.send", send(2)).await;
    let error = owner.error("chat.send", send(3)).await;
    assert_eq!(
        (&error["details"]["code"], &error["retryable"], &error["retryAfterMs"]),
        (&json!("RATE_LIMITED"), &json!(true), &json!(30_000))
    );
    assert_eq!(error["message"], "too many turns (retry in 30 s)");
    // Calls outside of turns are counted for each client; a program that calls on and on takes no turns.
    for _ in 0..2 {
        owner.call("tools.invoke", json!({"name": "look"})).await;
    }
    // Neither a new connection nor the other way in brings new ones.
    let mut again = world.owner().await;
    assert_eq!(again.error("tools.invoke", json!({"name": "look"})).await["details"]["code"], "RATE_LIMITED");
    let mut other = world.connect(Hello::device(5)).await.0;
    other.call("tools.invoke", json!({"name": "look"})).await;
    let bearer = format!("Bearer {OWNER}");
    let headers = [("authorization", bearer.as_str())];
    let body = json!({"model": "skynet", "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let reply = http(world.address, "POST", "/v1/chat/completions", &headers, &body).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("30")), "{}", reply.body);
    let reply = http(world.address, "POST", "/tools/invoke", &headers, r#"{"tool": "look"}"#).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("30")), "{}", reply.body);
    world.advance(30_000);
    again.call("chat.send", send(3)).await;
}

#[tokio::test]
async fn a_channel_has_so_many_turns_a_minute_of_all_its_users() {
    let world = World::of(RatesConfig { channel_turns_per_minute: 1, ..RatesConfig::default() }, |_| {}).await;
    let mut owner = world.owner().await;
    owner.call("chat.send", send(1)).await;
    assert_eq!(owner.error("chat.send", send(2)).await["retryAfterMs"], 60_000);
    // Another channel has its own.
    owner.call("tools.invoke", json!({"name": "look"})).await;
}

#[tokio::test]
async fn a_client_may_call_one_method_so_often_and_others_still() {
    let world = World::of(RatesConfig { calls_per_minute: 3, ..RatesConfig::default() }, |_| {}).await;
    let mut owner = world.owner().await;
    for _ in 0..3 {
        owner.call("ping", json!({})).await;
    }
    assert_eq!(owner.error("ping", json!({})).await["message"], "too many calls of ping (retry in 20 s)");
    owner.call("health", json!({})).await;
    let mut again = world.owner().await;
    assert_eq!(again.error("ping", json!({})).await["retryAfterMs"], 20_000, "it is the same client");
    let mut other = world.connect(Hello::device(5)).await.0;
    other.call("ping", json!({})).await;
}

#[tokio::test]
async fn a_user_with_many_devices_has_the_calls_of_a_few() {
    let rates = RatesConfig { calls_per_minute: 3, user_calls_per_minute: 5, ..RatesConfig::default() };
    let world = World::of(rates, |_| {}).await;
    let mut calls = 0;
    for seed in 1..=4 {
        let mut device = world.connect(Hello::device(seed)).await.0;
        for _ in 0..2 {
            if calls < 5 {
                device.call("ping", json!({})).await;
                calls += 1;
            } else {
                assert_eq!(device.error("ping", json!({})).await["message"], "too many calls of ping (retry in 12 s)");
            }
        }
        device.call("health", json!({})).await;
    }
    world.advance(12_000);
    let mut owner = world.owner().await;
    owner.call("ping", json!({})).await;
    assert_eq!(owner.error("ping", json!({})).await["retryAfterMs"], 12_000, "a token is one of the user's clients");
}

#[tokio::test]
async fn a_client_that_runs_wild_leaves_room_for_the_others_of_its_user() {
    let rates = RatesConfig { calls_per_minute: 3, user_calls_per_minute: 5, ..RatesConfig::default() };
    let world = World::of(rates, |_| {}).await;
    let mut wild = world.connect(Hello::device(1)).await.0;
    for _ in 0..3 {
        wild.call("ping", json!({})).await;
    }
    for _ in 0..9 {
        wild.error("ping", json!({})).await;
    }
    world.owner().await.call("ping", json!({})).await;
}

#[tokio::test]
async fn each_login_that_holds_and_each_that_does_not_has_an_audit_row() {
    let world = World::start().await;
    world.owner().await;
    refused(&world, Hello::new().token("a-wrong-token"), &[]).await;
    let reply = http(world.address, "POST", "/tools/invoke", &[("authorization", "Bearer wrong")], "{}").await;
    assert_eq!(reply.status, 401);
    let rows = auth_rows(&world);
    let told: Vec<_> = rows.iter().map(|row| (row.actor.as_str(), row.subject.as_str(), row.verdict.as_str())).collect();
    assert_eq!(told, [("token owner", "connect", "ok"), ("client", "connect", "denied"), ("client", "http", "denied")]);
    assert_eq!((&rows[1].detail["reason"], &rows[1].detail["peer"]), (&json!("AUTH_TOKEN_MISMATCH"), &json!("127.0.0.1")));
    assert!(!format!("{rows:?}").contains("wrong"), "no row holds what was shown");
}

#[tokio::test]
async fn a_flood_of_failures_does_not_fill_the_log_and_is_counted() {
    let world = World::start().await;
    for _ in 0..70 {
        refused(&world, Hello::new().token("wrong"), &[]).await;
    }
    assert_eq!(auth_rows(&world).len(), 60);
    world.advance(1_000);
    refused(&world, Hello::new().token("wrong"), &[]).await;
    assert_eq!(auth_rows(&world).last().unwrap().detail["more_before"], 10);
}

#[tokio::test]
async fn nobody_gets_in_whom_the_audit_log_cannot_take() {
    let world = World::start().await;
    world.audit.1.store(true, std::sync::atomic::Ordering::Relaxed);
    let (error, _) = refused(&world, Hello::new(), &[]).await;
    assert_eq!(error["code"], "UNAVAILABLE", "{error}");
}
