//! How often a plugin may be called: a minute's worth at hand, one at a time after it, the
//! same for all its versions. The clock of the buckets is simulated.

use crate::support::package::{id, saying};
use crate::support::world::context;
use crate::support::{Package, World, Worldly};
use crate::zoo::Guest;
use serde_json::json;
use skynet_core::channel::Event;
use skynet_core::{ModelError, PluginError};
use std::time::Duration;

async fn world(calls: u32, events: u32) -> World {
    let mut worldly = Worldly::default();
    worldly.rates.plugin_calls_per_minute = calls;
    worldly.rates.channel_events_per_minute = events;
    let world = World::with(worldly).await;
    world.put("tool.wasm", &saying("tool", "1.0.0", "one"));
    world.put("other.wasm", &saying("other", "1.0.0", "other"));
    world.put("channel.wasm", &Package::new("channel", "1.0.0", &Guest::channel()).file());
    world.put("hook.wasm", &Package::new("hook", "1.0.0", &Guest::hook()).file());
    world.drop_file("model.wasm", &Package::new("provider-zoo", "1.0.0", &Guest::provider()).file()).await;
    tokio::time::pause();
    world
}

fn busy<T: std::fmt::Debug>(result: Result<T, PluginError>) -> String {
    match result {
        Err(PluginError::Busy(text)) => text,
        other => panic!("not busy: {other:?}"),
    }
}

#[tokio::test]
async fn a_plugin_called_too_often_says_when_to_come_again_and_no_other_plugin_notices() {
    let world = world(60, 60).await;
    for _ in 0..60 {
        assert_eq!(world.call("tool").await.unwrap(), "one");
    }
    let text = busy(world.call("tool").await);
    assert!(text.starts_with("acme/tool@1.0.0#"), "{text}");
    assert!(text.contains("60 calls of this minute (rates.plugin_calls_per_minute); there is room again in 1001 ms"), "{text}");
    assert_eq!(world.call("other").await.unwrap(), "other");
    tokio::time::advance(Duration::from_millis(1001)).await;
    assert_eq!(world.call("tool").await.unwrap(), "one");
    busy(world.call("tool").await);
}

#[tokio::test]
async fn a_new_version_brings_no_new_calls() {
    let world = world(3, 60).await;
    for _ in 0..3 {
        assert_eq!(world.call("tool").await.unwrap(), "one");
    }
    world.drop_file("tool.wasm", &saying("tool", "1.0.1", "two")).await;
    assert!(busy(world.call("tool").await).starts_with("acme/tool@1.0.1#"));
}

#[tokio::test]
async fn a_flood_of_refused_calls_has_one_row_a_minute_that_counts_them() {
    let world = world(1, 60).await;
    world.call("tool").await.unwrap();
    for _ in 0..500 {
        busy(world.call("tool").await);
    }
    let rows = world.audited("rate", "denied").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].actor.starts_with("acme/tool@1.0.0#") && rows[0].subject == "tool.call go" && rows[0].detail["refused"] == 1);
    tokio::time::advance(Duration::from_secs(61)).await;
    world.call("tool").await.unwrap();
    busy(world.call("tool").await);
    let rows = world.audited("rate", "denied").await;
    assert!(rows.len() == 2 && rows[0].detail["refused"] == 500, "the 499 that had no row and this one: {rows:?}");
}

#[tokio::test]
async fn the_events_of_a_channel_have_a_count_of_their_own_and_hooks_have_none() {
    let world = world(1, 2).await;
    let channel = id("channel");
    let started = || world.host.handle(&channel, Event::Started { state: String::new() });
    for _ in 0..2 {
        started().await.unwrap();
    }
    let text = busy(started().await);
    assert!(text.contains("2 channel events of this minute (rates.channel_events_per_minute)"), "{text}");
    for _ in 0..10 {
        world.host.before(&id("hook"), "allow.this", &json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn a_provider_asked_too_often_is_unavailable_for_so_long() {
    let world = world(1, 60).await;
    let plugin = world.serving("provider-zoo").await.unwrap();
    let ask = || async { crate::provider::read(world.snapshot().complete(&plugin, crate::provider::request("parrot"), context())).await.1 };
    let _ = ask().await;
    match ask().await {
        Err(ModelError::Unavailable { message, retry_after_ms }) => {
            assert!(message.starts_with("acme/provider-zoo@1.0.0#"), "{message}");
            assert_eq!(retry_after_ms, Some(60_001));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn no_limit_is_no_limit() {
    let world = world(0, 0).await;
    for _ in 0..200 {
        world.call("tool").await.unwrap();
    }
}
