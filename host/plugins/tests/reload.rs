//! What serves over time: swaps, restarts, faults, the owner's switch. At no moment
//! neither the old nor the new, and never a failed call.

use crate::support::package::{author, id, saying, second_author};
use crate::support::stubs::{NoCompiler, SlowCompiler};
use crate::support::world::{call, poll_once};
use crate::support::{Package, World, Worldly};
use crate::zoo::{Guest, zoo};
use serde_json::json;
use skynet_core::admin::{AdminError, PluginAdmin as _};
use skynet_core::plugin::{PluginEvent, PluginState};
use skynet_core::ports::PluginStore as _;
use skynet_core::{PluginError, ToolError};
use skynet_policy::release::WitDeclaration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Says `text` for `{}` and traps otherwise.
fn moody(version: &str, text: &str) -> Vec<u8> {
    Package::new("tool", version, &Guest::tool(zoo!("moody")).says(text)).file()
}

async fn provoke(world: &World, times: usize) {
    let mut events = world.host.events();
    for _ in 0..times {
        assert!(matches!(world.call_with("tool", &json!({"trap": true})).await, Err(PluginError::Fault(_))));
    }
    while !matches!(events.recv().await.unwrap(), PluginEvent::RolledBack { .. }) {}
}

fn is_unknown(result: Result<String, PluginError>) -> bool {
    matches!(result, Err(PluginError::Tool(ToolError::UnknownTool(_))))
}

#[tokio::test]
async fn a_new_version_takes_over_and_an_old_snapshot_still_calls_the_old_one() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &saying("tool", "1.0.0", "one")).await;
    let (old, first) = (world.snapshot(), world.serving("tool").await.unwrap());
    assert_eq!(world.call("tool").await.unwrap(), "one");
    world.drop_file("tool.wasm", &saying("tool", "2.0.0", "two")).await;
    let second = world.serving("tool").await.unwrap();
    assert_eq!(world.call("tool").await.unwrap(), "two");
    assert_eq!(call(&*old, "tool", &json!({})).await.unwrap(), "one", "a turn keeps the set it began with");
    assert_eq!((first.version.to_string(), second.version.to_string()), ("1.0.0".into(), "2.0.0".into()));
    assert!(second.generation > first.generation);
    assert!(world.snapshot().revision() > old.revision());
}

#[tokio::test]
async fn a_call_in_flight_ends_on_the_generation_that_it_began_on() {
    let world = World::start().await;
    let sleeper = Guest::tool(zoo!("sleep")).importing("import wasi:io/poll@0.2.12;").says("slept");
    let asking = json!({"limits": {"wall_ms": 3_000_000}});
    world.drop_file("tool.wasm", &Package::new("tool", "1.0.0", &sleeper).asking(asking).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    let snapshot = world.snapshot();
    let mut in_flight = Box::pin(call(&*snapshot, "tool", &serde_json::Value::Null));
    while world.host.memory_in_use() < 8 << 20 {
        assert!(poll_once(&mut in_flight).await.is_pending());
        tokio::task::yield_now().await;
    }
    world.drop_file("tool.wasm", &saying("tool", "2.0.0", "two")).await;
    assert_eq!(world.call("tool").await.unwrap(), "two");
    assert!(poll_once(&mut in_flight).await.is_pending(), "the swap did not end it");
    tokio::time::pause();
    assert_eq!(in_flight.await.unwrap(), "slept");
}

#[tokio::test]
async fn the_same_file_again_changes_nothing() {
    let world = World::start().await;
    let file = saying("tool", "1.0.0", "one");
    world.drop_file("tool.wasm", &file).await;
    let (first, revision) = (world.serving("tool").await, world.snapshot().revision());
    world.drop_file("tool.wasm", &file).await;
    assert_eq!(world.serving("tool").await, first);
    assert_eq!(world.snapshot().revision(), revision);
    assert_eq!(world.audited("admission", "ok").await.len(), 1);
}

#[tokio::test]
async fn a_lower_version_is_refused_and_the_higher_one_serves_on() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &saying("tool", "1.1.0", "new")).await;
    world.drop_file("tool.wasm", &saying("tool", "1.0.9", "old")).await;
    let refusal = world.refusal("tool.wasm").await;
    assert!(refusal.contains("1.0.9") && refusal.contains("1.1.0") && refusal.contains("skynet plugin rollback"), "{refusal}");
    assert_eq!(world.call("tool").await.unwrap(), "new");
}

#[tokio::test]
async fn a_removed_file_ends_its_plugin_and_keeps_its_state() {
    let world = World::start().await;
    let file = Package::new("tool", "1.0.0", &Guest::tool(zoo!("kv"))).asking(json!({"kv": {"bytes": 10_000, "keys": 10}})).file();
    world.drop_file("tool.wasm", &file).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    world.call_with("tool", &json!("skey")).await.unwrap();
    world.remove("tool.wasm").await;
    assert!(is_unknown(world.call("tool").await));
    assert!(matches!(world.state("acme/tool").await, PluginState::Disabled { reason } if reason.contains("gone")));
    world.drop_file("tool.wasm", &file).await;
    assert_eq!(world.call_with("tool", &json!("gkey")).await.unwrap(), "said", "grant and values are still there");
}

#[tokio::test]
async fn a_plugin_whose_file_was_replaced_by_rubbish_ends_when_the_rubbish_goes() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &saying("tool", "1.0.0", "one")).await;
    world.drop_file("tool.wasm", b"rubbish").await;
    assert_eq!(world.call("tool").await.unwrap(), "one");
    world.remove("tool.wasm").await;
    assert!(is_unknown(world.call("tool").await), "no file, no plugin");
}

#[tokio::test]
async fn a_renamed_file_serves_on_without_a_gap() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &saying("tool", "1.0.0", "one")).await;
    let mut events = world.host.events();
    let serving = world.serving("tool").await;
    std::fs::rename(world.inbox("tool.wasm"), world.inbox("tool-1.0.0.wasm")).unwrap();
    world.host.settled().await;
    assert_eq!(world.serving("tool").await, serving);
    assert!(events.try_recv().is_err(), "nothing happened");
    world.remove("tool-1.0.0.wasm").await;
    assert!(is_unknown(world.call("tool").await));
}

#[tokio::test]
async fn a_restart_serves_the_last_good_set_before_any_scan_and_without_a_compiler() {
    let world = World::start().await;
    world.drop_file("one.wasm", &saying("one", "1.0.0", "one")).await;
    world.drop_file("two.wasm", &saying("two", "3.0.0", "two")).await;
    let served = (world.serving("one").await, world.serving("two").await);
    let world = world.restart_without_scan(|worldly| worldly.compiler = Arc::new(NoCompiler)).await;
    assert_eq!((world.serving("one").await, world.serving("two").await), served, "the same generations");
    assert_eq!(world.call("one").await.unwrap(), "one");
    assert_eq!(world.call("two").await.unwrap(), "two");
    // The scan that follows finds nothing new.
    let world = world.restart(|_| {}).await;
    world.host.settled().await;
    assert_eq!((world.serving("one").await, world.serving("two").await), served);
}

#[tokio::test]
async fn a_file_removed_while_the_host_was_down_no_longer_serves() {
    let world = World::start().await;
    world.drop_file("one.wasm", &saying("one", "1.0.0", "one")).await;
    world.drop_file("two.wasm", &saying("two", "1.0.0", "two")).await;
    std::fs::remove_file(world.inbox("one.wasm")).unwrap();
    let world = world.restart(|_| {}).await;
    world.host.settled().await;
    assert!(is_unknown(world.call("one").await));
    assert_eq!(world.call("two").await.unwrap(), "two");
}

#[tokio::test]
async fn a_plugin_whose_key_was_revoked_does_not_come_back_after_a_restart() {
    let world = World::start().await;
    world.drop_file("one.wasm", &saying("one", "1.0.0", "one")).await;
    world.drop_file("two.wasm", &Package::new("two", "1.0.0", &Guest::saying("two")).signed_by(&second_author()).file()).await;
    let world = world
        .restart(|worldly| {
            let mut trust = worldly.trust.lock().unwrap();
            trust.as_mut().unwrap().revoke(&author().public().key_id(), "stolen").unwrap();
        })
        .await;
    world.host.settled().await;
    assert!(is_unknown(world.call("one").await));
    assert!(world.refusal("one.wasm").await.contains("stolen"));
    assert_eq!(world.call("two").await.unwrap(), "two");
}

#[tokio::test]
async fn three_faults_bring_the_old_version_back_and_a_restart_keeps_it() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &saying("tool", "1.0.0", "steady")).await;
    let steady = world.serving("tool").await.unwrap();
    world.drop_file("tool.wasm", &moody("2.0.0", "moody")).await;
    assert_eq!(world.call("tool").await.unwrap(), "moody");
    provoke(&world, 3).await;
    assert_eq!(world.serving("tool").await, Some(steady.clone()));
    assert_eq!(world.call("tool").await.unwrap(), "steady");
    // The bad file is still there: neither a look nor a restart brings it back.
    world.drop_file("tool.wasm", &moody("2.0.0", "moody")).await;
    assert_eq!(world.serving("tool").await, Some(steady.clone()));
    // Nor does a rollback that finds nothing to go back to.
    world.host.rollback(&id("tool"), "owner").await.unwrap_err();
    world.drop_file("tool.wasm", &moody("2.0.0", "moody")).await;
    assert_eq!(world.serving("tool").await, Some(steady.clone()));
    let world = world.restart(|_| {}).await;
    world.host.settled().await;
    assert_eq!(world.serving("tool").await, Some(steady));
    assert_eq!(world.call("tool").await.unwrap(), "steady");
    // A repaired version is another release.
    world.drop_file("tool.wasm", &moody("2.0.1", "repaired")).await;
    assert_eq!(world.call("tool").await.unwrap(), "repaired");
}

#[tokio::test]
async fn a_rolled_back_plugin_survives_a_restart_under_another_file_name() {
    let world = World::start().await;
    world.drop_file("tool-1.wasm", &saying("tool", "1.0.0", "steady")).await;
    world.drop_file("tool-2.wasm", &moody("2.0.0", "moody")).await;
    world.remove("tool-1.wasm").await;
    assert_eq!(world.call("tool").await.unwrap(), "moody");
    provoke(&world, 3).await;
    let world = world.restart(|_| {}).await;
    world.host.settled().await;
    assert_eq!(world.call("tool").await.unwrap(), "steady", "its file holds the plugin, if another version of it");
    world.remove("tool-2.wasm").await;
    assert!(is_unknown(world.call("tool").await));
}

#[tokio::test]
async fn three_faults_with_nothing_to_go_back_to_end_the_plugin_until_the_owner_says_otherwise() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &moody("1.0.0", "moody")).await;
    provoke(&world, 3).await;
    assert!(is_unknown(world.call("tool").await));
    assert!(matches!(world.state("acme/tool").await, PluginState::Sick { reason } if reason.contains("unreachable")));
    let world = world.restart(|_| {}).await;
    world.host.settled().await;
    assert!(matches!(world.state("acme/tool").await, PluginState::Sick { .. }));
    world.host.set_enabled(&id("tool"), true, "owner").await.unwrap();
    assert_eq!(world.call("tool").await.unwrap(), "moody");
}

#[tokio::test]
async fn faults_that_lie_far_apart_do_not_trip_the_breaker() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &moody("1.0.0", "moody")).await;
    for _ in 0..5 {
        assert!(world.call_with("tool", &json!({"trap": true})).await.is_err());
        assert!(world.call_with("tool", &json!({"trap": true})).await.is_err());
        world.clock.advance(Duration::from_secs(61));
    }
    world.host.settled().await;
    assert_eq!(world.call("tool").await.unwrap(), "moody");
}

#[tokio::test]
async fn an_owner_can_roll_back_once_for_each_version_kept() {
    let world = World::start().await;
    for version in ["1.0.0", "2.0.0", "3.0.0"] {
        world.drop_file("tool.wasm", &saying("tool", version, version)).await;
    }
    assert_eq!(world.host.rollback(&id("tool"), "owner").await.unwrap().version.to_string(), "2.0.0");
    assert_eq!(world.call("tool").await.unwrap(), "2.0.0");
    assert_eq!(world.host.rollback(&id("tool"), "owner").await.unwrap().version.to_string(), "1.0.0");
    let refused = world.host.rollback(&id("tool"), "owner").await.unwrap_err();
    assert!(matches!(&refused, AdminError::Refused(why) if why.contains("no former version")), "{refused}");
    assert_eq!(world.call("tool").await.unwrap(), "1.0.0");
    assert_eq!(world.audited("rollback", "ok").await.len(), 2, "what was refused did not happen");
}

#[tokio::test]
async fn a_former_version_whose_tool_has_another_plugins_name_by_now_does_not_come_back() {
    let world = World::start().await;
    // `tool__go` to a model, then another name, which leaves that one free.
    world.drop_file("tool.wasm", &saying("tool", "1.0.0", "one")).await;
    let renamed = Guest::saying("two").tools(&[("other", r#"{"type":"object"}"#)]);
    world.drop_file("tool.wasm", &Package::new("tool", "2.0.0", &renamed).file()).await;
    world.drop_file("second.wasm", &saying("tool-tool", "1.0.0", "neighbour")).await;
    assert_eq!(world.call("tool-tool").await.unwrap(), "neighbour");
    let refused = world.host.rollback(&id("tool"), "owner").await.unwrap_err();
    assert!(matches!(&refused, AdminError::Refused(why) if why.contains("no former version")), "{refused}");
    assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "2.0.0");
    world.remove("second.wasm").await;
    world.host.rollback(&id("tool"), "owner").await.unwrap();
    assert_eq!(world.call("tool").await.unwrap(), "one", "the name is free again");
}

#[tokio::test]
async fn the_owners_switch_holds_over_new_files_and_restarts() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &saying("tool", "1.0.0", "one")).await;
    world.host.set_enabled(&id("tool"), false, "owner").await.unwrap();
    assert!(is_unknown(world.call("tool").await));
    world.drop_file("tool.wasm", &saying("tool", "1.0.1", "newer")).await;
    assert!(is_unknown(world.call("tool").await), "a new file does not switch it on");
    let world = world.restart(|_| {}).await;
    world.host.settled().await;
    assert!(matches!(world.state("acme/tool").await, PluginState::Disabled { reason } if reason.contains("skynet plugin enable")));
    world.host.set_enabled(&id("tool"), true, "owner").await.unwrap();
    assert_eq!(world.call("tool").await.unwrap(), "newer");
    let unknown = world.host.set_enabled(&id("nobody"), false, "owner").await.unwrap_err();
    assert!(matches!(unknown, AdminError::NotFound(_)));
}

#[tokio::test]
async fn a_plugin_switched_off_while_it_compiles_does_not_serve() {
    let slow = Arc::new(SlowCompiler::new());
    let world = World::with(Worldly { compiler: slow.clone(), ..Worldly::default() }).await;
    slow.go.add_permits(1);
    world.drop_file("tool.wasm", &saying("tool", "1.0.0", "one")).await;
    slow.arrived.acquire().await.unwrap().forget();
    world.put("tool.wasm", &saying("tool", "2.0.0", "two"));
    let (settled, ()) = tokio::join!(world.host.settled(), async {
        slow.arrived.acquire().await.unwrap().forget();
        world.host.set_enabled(&id("tool"), false, "owner").await.unwrap();
        slow.go.add_permits(1);
    });
    let () = settled;
    assert!(is_unknown(world.call("tool").await));
    assert!(matches!(world.state("acme/tool").await, PluginState::Disabled { .. }));
    assert!(world.store.serving().await.unwrap().is_empty(), "nor after a restart");
}

#[tokio::test]
async fn file_events_bring_a_file_into_service_without_a_word() {
    let mut worldly = Worldly::default();
    worldly.config.watch = true;
    let world = World::with(worldly).await;
    let mut events = world.host.events();
    world.host.settled().await;
    world.put("tool.wasm", &saying("tool", "1.0.0", "one"));
    // The first event wakes the host, time does the rest.
    let published = async {
        loop {
            if let Ok(PluginEvent::Published { plugin, .. }) = events.try_recv() {
                return plugin;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            world.clock.advance(Duration::from_millis(1));
        }
    };
    let plugin = tokio::time::timeout(Duration::from_secs(30), published).await.unwrap();
    assert_eq!(plugin.id, id("tool"));
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_swaps_under_twenty_callers_fail_no_call_and_keep_no_memory() {
    let mut worldly = Worldly::default();
    worldly.rates.plugin_calls_per_minute = 0;
    let world = Arc::new(World::with(worldly).await);
    // Two components under rising versions: what is measured are swaps, not the compiler.
    let guests = [Package::new("tool", "0.0.0", &Guest::saying("even")), Package::new("tool", "0.0.0", &Guest::saying("odd"))];
    let file = |number: usize| {
        let mut package = guests[number % 2].clone();
        package.release.version = format!("1.0.{number}").parse().unwrap();
        package.file()
    };
    world.drop_file("tool.wasm", &file(0)).await;
    let (done, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let (world, done, calls) = (Arc::clone(&world), Arc::clone(&done), Arc::clone(&calls));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    let text = world.call("tool").await.unwrap();
                    assert!(text == "even" || text == "odd");
                    calls.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut halfway = 0;
    for number in 1..=200 {
        world.drop_file("tool.wasm", &file(number)).await;
        assert_eq!(world.serving("tool").await.unwrap().version.patch, number as u64);
        if number == 100 {
            halfway = resident_kib();
        }
    }
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(calls.load(Ordering::Relaxed) >= 200);
    assert_eq!(world.host.memory_in_use(), 0);
    let grown = resident_kib().saturating_sub(halfway);
    assert!(grown < 32 * 1024, "the second hundred swaps took {grown} KiB");
}

#[tokio::test]
async fn each_form_of_the_kit_serves_and_says_its_number() {
    let world = World::start().await;
    let component = skynet_plugins::kit(737);
    let look = skynet_plugins::file::look(&component).unwrap();
    let wit = WitDeclaration { world: "tool-plugin".into(), range: "^0.1.0".into(), imports: look.imports, exports: look.exports };
    world.drop_file("tool.wasm", &Package::of(component, "tool", "1.0.0", wit).file()).await;
    let snapshot = world.snapshot();
    let outcome = snapshot.call("tool__act", &json!({}), crate::support::world::context()).await.unwrap();
    assert_eq!(outcome.content, [skynet_core::ResultPart::text("ok, of kit 0737")]);
}

#[test]
fn the_bytes_of_the_kit_are_what_the_zoo_makes_without_its_names() {
    let source = Guest::saying("ok, of kit 0000").tools(&[("act", r#"{"type":"object"}"#)]);
    let made = without_names(&source.build());
    assert_eq!(skynet_plugins::kit(0).escape_ascii().to_string(), made.escape_ascii().to_string());
}

/// A component, and what is in it, without custom sections.
fn without_names(binary: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| {
        let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        (bytes[..length].iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f)), length)
    };
    let is_component = binary[4] == 0x0d;
    let (mut kept, mut rest) = (binary[..8].to_vec(), &binary[8..]);
    while let Some((id, after)) = rest.split_first() {
        let (size, length) = number(after);
        let body = &after[length..length + size];
        rest = &after[length + size..];
        let body = match id {
            0 => continue,
            1 | 4 if is_component => without_names(body),
            _ => body.to_vec(),
        };
        kept.push(*id);
        let mut left = body.len();
        while left >= 0x80 {
            kept.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        kept.push(left as u8);
        kept.extend(body);
    }
    kept
}
