//! Channels and hooks: plain events in, plain answers out.

use crate::support::package::id;
use crate::support::server::{Answer, Server, forms};
use crate::support::stubs::SetSecrets;
use crate::support::{Package, World, Worldly};
use crate::zoo::Guest;
use serde_json::json;
use skynet_core::admin::PluginAdmin as _;
use skynet_core::channel::{Action, Event, Frame, Incoming};
use skynet_core::error::FaultKind;
use skynet_core::hook::Verdict;
use skynet_core::{PluginError, ToolError};
use std::sync::Arc;

async fn world_with(name: &str, guest: &Guest) -> World {
    let world = World::start().await;
    world.drop_file("it.wasm", &Package::new(name, "1.0.0", guest).file()).await;
    assert!(world.serving(name).await.is_some(), "{:?}", world.state("it.wasm").await);
    world
}

fn fault_kind(error: PluginError) -> FaultKind {
    match error {
        PluginError::Fault(fault) => fault.kind,
        other => panic!("not a fault: {other}"),
    }
}

#[tokio::test]
async fn a_channel_turns_a_frame_into_a_message_and_a_timer() {
    let world = world_with("channel", &Guest::channel()).await;
    let frame = Frame { source: "socket-1".into(), data: b"hello".to_vec(), is_text: true };
    let actions = world.host.handle(&id("channel"), Event::Frame(frame)).await.unwrap();
    let message = Incoming {
        conversation: "socket-1".into(),
        message: String::new(),
        sender: "ada".into(),
        sender_name: None,
        text: "hello".into(),
        attachments: Vec::new(),
        is_direct: true,
        mentions_us: false,
    };
    assert_eq!(actions, [Action::Message(message), Action::SetTimer { name: "beat".into(), after_ms: 5000 }]);
}

#[tokio::test]
async fn a_channel_starts_with_the_state_it_saved() {
    let world = world_with("channel", &Guest::channel()).await;
    let actions = world.host.handle(&id("channel"), Event::Started { state: String::new() }).await.unwrap();
    assert_eq!(actions, [Action::SaveState { state: "ready".into() }]);
}

#[tokio::test]
async fn what_a_channel_says_is_wrong_is_an_error_and_a_trap_is_a_fault() {
    let world = world_with("channel", &Guest::channel()).await;
    let said = world.host.handle(&id("channel"), Event::Connected { source: "socket-1".into() }).await.unwrap_err();
    assert!(matches!(&said, PluginError::Tool(ToolError::Failed(text)) if text == "not my event"), "{said}");
    let trapped = world.host.handle(&id("channel"), Event::Timer { name: "beat".into() }).await.unwrap_err();
    assert!(trapped.to_string().contains("channel.handle"), "{trapped}");
    assert_eq!(fault_kind(trapped), FaultKind::Trap);
    assert_eq!(world.host.memory_in_use(), 0);
    let absent = world.host.handle(&id("nobody"), Event::Timer { name: "beat".into() }).await.unwrap_err();
    assert!(absent.to_string().contains("skynet plugin info acme/nobody"), "{absent}");
}

#[tokio::test]
async fn a_channels_token_is_put_in_at_the_door_and_is_nowhere_in_its_memory() {
    const TOKEN: &str = "bot-token-9c2e7f41";
    let server = Server::start(Answer::Hello).await;
    let url = format!("http://{}", server.address);
    let secrets = Arc::new(SetSecrets::one(&id("channel"), "bot_token", TOKEN));
    let world = World::with(Worldly { secrets, ..Worldly::default() }).await;
    let secret = json!({"name": "bot_token", "header": "authorization", "format": "Bearer {}", "url": url});
    let asking = json!({"net": [{"url": url}], "secrets": [secret]});
    let package = Package::new("channel", "1.0.0", &Guest::fetching_channel()).asking(asking.clone());
    world.drop_file("it.wasm", &package.file()).await;
    let frame = || Event::Frame(Frame { source: "s".into(), data: format!("{}/x", server.address).into_bytes(), is_text: true });
    let channel = id("channel");
    let handle = || world.host.handle(&channel, frame());
    assert!(handle().await.is_err(), "without a grant it does not serve");

    // Granted, but not this server at a private address: a typed denial and a row, and nothing leaves.
    world.host.grant(&channel, Some(asking), "owner").await.unwrap();
    match handle().await {
        Err(PluginError::Denied(denial)) => {
            assert!(denial.why.contains("127.0.0.1") && denial.remedy.ends_with(&format!("acme/channel --private={url}")), "{denial}");
        }
        other => panic!("{other:?}"),
    }
    let rows = world.audited("egress", "denied").await;
    assert_eq!((rows.len(), rows[0].subject.clone(), server.connections()), (1, format!("GET {url}"), 0));
    assert!(rows[0].actor.starts_with("acme/channel@1.0.0#"), "{rows:?}");

    let granted = json!({"net": [{"url": url, "private": true}], "secrets": [secret]});
    world.host.grant(&channel, Some(granted), "owner").await.unwrap();
    let actions = handle().await.unwrap();
    let [Action::SaveState { state }] = &actions[..] else { panic!("{actions:?}") };
    let memory: Vec<u8> = state.as_bytes().chunks(2).map(|pair| (pair[0] - b'a') << 4 | (pair[1] - b'a')).collect();
    let holds = |text: &str| memory.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()));
    assert!(server.requests()[0].contains(&format!("authorization: bearer {TOKEN}")), "{:?}", server.requests());
    assert!(holds(&server.address.to_string()), "this is its memory");
    assert!(!forms(TOKEN).iter().any(|form| holds(form)), "the token is in the guest");
    assert_eq!(world.audited("egress", "ok").await[0].detail["secrets"], json!(["bot_token"]));

    // What was taken back is refused in the next event.
    world.host.revoke(&channel, "owner").await.unwrap();
    assert!(handle().await.is_err());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_hook_allows_blocks_or_modifies() {
    let world = world_with("hook", &Guest::hook()).await;
    let (hook, payload) = (id("hook"), json!({"a": 1}));
    let before = |point| world.host.before(&hook, point, &payload);
    assert_eq!(before("allow.this").await.unwrap(), Verdict::Allow);
    assert_eq!(before("block.this").await.unwrap(), Verdict::Block("not today".into()));
    assert_eq!(before("modify.this").await.unwrap(), Verdict::Modify(json!({"changed": true})));
}

#[tokio::test]
async fn a_hook_that_answers_nonsense_or_traps_is_at_fault() {
    let world = world_with("hook", &Guest::hook()).await;
    let (hook, payload) = (id("hook"), json!({}));
    assert_eq!(fault_kind(world.host.before(&hook, "j", &payload).await.unwrap_err()), FaultKind::BadAnswer);
    assert_eq!(fault_kind(world.host.before(&hook, "t", &payload).await.unwrap_err()), FaultKind::Trap);
    world.host.after(&hook, "a", &payload).await.unwrap();
    assert_eq!(world.host.memory_in_use(), 0);
    assert_eq!(fault_kind(world.host.after(&hook, "t", &payload).await.unwrap_err()), FaultKind::Trap);
}
