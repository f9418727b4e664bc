//! Who hears what, in which order, with which numbers.

use crate::wire::Hello;
use crate::world::World;
use serde_json::{Value, json};

fn send(key: &str) -> Value {
    json!({"sessionKey": "main", "message": key, "idempotencyKey": key})
}

#[tokio::test]
async fn broadcasts_are_numbered_per_socket_without_gaps() {
    let world = World::start().await;
    let mut early = world.owner().await;
    early.call("chat.send", send("a")).await;
    let mut seen = early.run("a").await;
    let mut late = world.owner().await;
    early.call("chat.send", send("b")).await;
    seen.extend(early.run("b").await);
    let numbers = |events: &[Value]| events.iter().filter_map(|event| event["seq"].as_u64()).collect::<Vec<_>>();
    let count = seen.len() as u64;
    assert_eq!(numbers(&seen), (1..=count).collect::<Vec<_>>());
    let late_seen = late.run("b").await;
    assert_eq!(numbers(&late_seen), (1..=late_seen.len() as u64).collect::<Vec<_>>(), "each socket counts from 1");
}

#[tokio::test]
async fn who_may_not_read_hears_nothing_of_turns() {
    let world = World::with(|config| config.tick_interval_ms = 50).await;
    let (mut deaf, _) = world.connect(Hello::new().client("cli", "cli")).await;
    let mut owner = world.owner().await;
    owner.call("chat.send", send("a")).await;
    owner.run("a").await;
    deaf.event("tick").await;
    deaf.event("tick").await;
    let heard: Vec<Value> = deaf.kept().into_iter().filter(|frame| frame["event"] == "chat" || frame["event"] == "agent").collect();
    assert_eq!(heard, Vec::<Value>::new());
}

#[tokio::test]
async fn ticks_come_at_their_pace_to_everyone() {
    let world = World::with(|config| config.tick_interval_ms = 50).await;
    let (mut socket, hello) = world.connect(Hello::new().client("cli", "cli")).await;
    assert_eq!(hello["policy"]["tickIntervalMs"], 50);
    let first = socket.event("tick").await;
    let second = socket.event("tick").await;
    assert_eq!(first["seq"].as_u64().unwrap() + 1, second["seq"].as_u64().unwrap());
    assert!(first["payload"]["ts"].is_u64());
}

#[tokio::test]
async fn every_frame_has_only_keys_that_clients_allow() {
    let world = World::with(|config| config.tick_interval_ms = 50).await;
    let mut owner = world.owner().await;
    owner.call("sessions.subscribe", json!({})).await;
    owner.call("chat.send", send("a")).await;
    owner.run("a").await;
    owner.event("tick").await;
    owner.request("nope", json!({})).await;
    owner.ask("last-heartbeat", json!({})).await;
    owner.event("tick").await;
    for frame in owner.kept() {
        let allowed: &[&str] = match frame["type"].as_str().unwrap() {
            "res" => &["type", "id", "ok", "payload", "error"],
            "event" => &["type", "event", "payload", "seq", "stateVersion"],
            other => panic!("{other}"),
        };
        for (key, value) in frame.as_object().unwrap() {
            assert!(allowed.contains(&key.as_str()), "{frame}");
            assert!(key == "payload" || !value.is_null(), "{frame}");
        }
    }
}

#[tokio::test]
async fn those_who_watch_all_sessions_hear_of_changes_and_can_stop() {
    let world = World::start().await;
    let mut watcher = world.owner().await;
    assert_eq!(watcher.call("sessions.subscribe", json!({})).await, json!({"subscribed": true}));
    let mut owner = world.owner().await;
    owner.call("sessions.patch", json!({"key": "notes", "label": "Notes"})).await;
    let event = watcher.event("sessions.changed").await;
    assert_eq!((&event["payload"]["reason"], &event["payload"]["session"]["label"]), (&json!("patch"), &json!("Notes")));
    owner.call("chat.send", send("a")).await;
    for phase in ["start", "message", "end"] {
        let event = watcher.until(|frame| frame["event"] == "sessions.changed" && frame["payload"]["phase"] == phase).await;
        assert_eq!(event["payload"]["sessionKey"], "agent:main:main");
    }
    watcher.call("sessions.unsubscribe", json!({})).await;
    watcher.kept();
    owner.call("sessions.patch", json!({"key": "notes", "label": "Other"})).await;
    owner.call("chat.send", send("b")).await;
    watcher.run("b").await;
    assert!(watcher.kept().iter().all(|frame| frame["event"] != "sessions.changed"));
}

#[tokio::test]
async fn a_listed_client_that_leaves_changes_the_presence() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let (tui, hello) = world.connect(Hello::device(4).client("openclaw-tui", "ui")).await;
    assert_eq!(hello["snapshot"]["presence"].as_array().unwrap().len(), 2, "the gateway and itself");
    let listed = owner.call("system-presence", json!({})).await;
    assert_eq!((listed.as_array().unwrap().len(), &listed[1]["mode"]), (2, &json!("ui")));
    drop(tui);
    let event = owner.event("presence").await;
    assert_eq!(event["payload"]["presence"].as_array().unwrap().len(), 1);
    assert!(event["stateVersion"]["presence"].as_u64().unwrap() > hello["snapshot"]["stateVersion"]["presence"].as_u64().unwrap());
}

#[tokio::test]
async fn that_plugins_have_updates_is_told_to_those_who_manage_them_and_to_nobody_else() {
    let world = World::start().await;
    let (mut owner, hello) = world.connect(Hello::new()).await;
    let mut reader = world.scoped(&["operator.read", "operator.write"]).await;
    assert!(hello["features"]["events"].as_array().unwrap().contains(&json!("plugins.updates")));
    world.herald.updates(&json!({"updates": [{"id": "acme/clock", "widens": ["it asks for more"]}]}));
    let event = owner.event("plugins.updates").await;
    assert_eq!(event["payload"]["updates"][0]["id"], "acme/clock");
    // What the reader hears next was said later.
    reader.call("chat.send", send("a")).await;
    assert!(reader.run("a").await.iter().all(|event| event["event"] != "plugins.updates"));
}
