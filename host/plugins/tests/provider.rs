//! Completions: deltas in order, one end, and nothing that runs on unread.

use crate::support::package::id;
use crate::support::stubs::{Gate, SetSecrets};
use crate::support::world::{context, poll_once};
use crate::support::{Package, World, Worldly};
use crate::zoo::Guest;
use futures_util::StreamExt as _;
use serde_json::json;
use skynet_core::admin::PluginAdmin as _;
use skynet_core::error::FaultKind;
use skynet_core::ports::CompletionStream;
use skynet_core::{
    Blob, Completion, CompletionItem, CompletionRequest, Delta, Message, ModelError, Part, PluginError, ResultPart, Role, StopReason,
    SystemBlock, ThinkingLevel, ToolCall, ToolChoice, ToolDefinition, ToolResult, Usage,
};
use std::sync::Arc;
use std::time::Duration;

async fn world() -> World {
    let world = World::start().await;
    world.drop_file("model.wasm", &Package::new("provider-zoo", "1.0.0", &Guest::provider().says("parrot")).file()).await;
    world
}

/// A request with something in every field, so that each has to cross.
pub(crate) fn request(model: &str) -> CompletionRequest {
    let image = Blob { mime: "image/png".into(), data: vec![1, 2, 3] };
    let call = ToolCall { id: "1".into(), name: "time__now".into(), arguments: "{}".into() };
    let result = ToolResult {
        id: "1".into(),
        name: "time__now".into(),
        content: vec![ResultPart::Json { value: json!({"h": 1}) }],
        is_error: false,
    };
    CompletionRequest {
        model: model.into(),
        system: vec![SystemBlock { text: "Be short.".into(), cache_anchor: true }],
        messages: vec![
            Message { role: Role::User, parts: vec![Part::Text { text: "Hi".into() }, Part::Image { image }] },
            Message { role: Role::Assistant, parts: vec![Part::ToolCall { call }] },
            Message { role: Role::Tool, parts: vec![Part::ToolResult { result }] },
        ],
        tools: vec![ToolDefinition { name: "time__now".into(), description: "The time.".into(), parameters: json!({}) }],
        tool_choice: ToolChoice::Named("time__now".into()),
        max_output: Some(100),
        temperature: Some(0.5),
        thinking: ThinkingLevel::Low,
        stop: vec!["END".into()],
        options: json!({"seed": 1}),
    }
}

async fn ask(world: &World, model: &str) -> CompletionStream {
    let plugin = world.serving("provider-zoo").await.unwrap();
    world.snapshot().complete(&plugin, request(model), context())
}

/// Reads to the end: what came, and how it ended.
pub(crate) async fn read(mut stream: CompletionStream) -> (Vec<Delta>, Result<Completion, ModelError>) {
    let mut deltas = Vec::new();
    let end = loop {
        match stream.next().await.expect("a stream ends in an end or an error") {
            Ok(CompletionItem::Deltas(more)) => deltas.extend(more),
            Ok(CompletionItem::End(end)) => break Ok(end),
            Err(error) => break Err(error),
        }
    };
    assert!(stream.next().await.is_none(), "nothing follows the end");
    (deltas, end)
}

fn fault_kind(error: ModelError) -> FaultKind {
    match error {
        ModelError::Plugin(PluginError::Fault(fault)) => fault.kind,
        other => panic!("not a fault: {other:?}"),
    }
}

/// Lets everything else run until a condition holds.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn deltas_come_in_order_and_end_once_with_the_totals() {
    let world = world().await;
    let (deltas, end) = read(ask(&world, "text").await).await;
    let usage = Usage { input: 7, output: 3, ..Usage::default() };
    let text = |text: &str| Delta::Text(text.into());
    assert_eq!(deltas, [text("hello "), text("wide "), text("world"), Delta::Usage(usage), Delta::Stop(StopReason::EndTurn)]);
    assert_eq!(end.unwrap(), Completion { stop: StopReason::EndTurn, usage });
    assert_eq!(world.host.memory_in_use(), 0);
}

#[tokio::test]
async fn the_models_of_a_provider_are_on_offer_under_its_short_name() {
    let world = world().await;
    let snapshot = world.snapshot();
    let names: Vec<String> = snapshot.models().iter().map(|model| model.full_name()).collect();
    assert_eq!(names, ["zoo/parrot"]);
    let world = world.restart_without_scan(|_| {}).await;
    assert_eq!(world.snapshot().models().len(), 1, "known at once after a restart");
}

#[tokio::test]
async fn a_reader_that_falls_behind_makes_the_guest_wait() {
    let world = world().await;
    let mut stream = ask(&world, "flood").await;
    let mut lists = 0;
    // The guest emits as fast as it can; what is not read yet stays within the queue.
    for _ in 0..5 {
        assert!(matches!(stream.next().await, Some(Ok(CompletionItem::Deltas(_)))));
        lists += 1;
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
    }
    let mut at_hand = 0;
    while let std::task::Poll::Ready(item) = poll_once(&mut stream.next()).await {
        assert!(matches!(item, Some(Ok(CompletionItem::Deltas(_)))));
        at_hand += 1;
    }
    assert!(at_hand <= 33, "{at_hand} lists waited unread after {lists}");
    assert!(world.host.memory_in_use() < 4 << 20, "a waiting guest holds no more than its memory");
}

#[tokio::test]
async fn dropping_the_stream_ends_the_guest_and_frees_its_store() {
    let world = world().await;
    for model in ["flood", "silent", "cpu"] {
        let mut stream = ask(&world, model).await;
        until(|| world.host.memory_in_use() > 0).await;
        if model == "flood" {
            assert!(stream.next().await.unwrap().is_ok());
        }
        drop(stream);
        until(|| world.host.memory_in_use() == 0).await;
    }
    assert!(read(ask(&world, "text").await).await.1.is_ok());
}

#[tokio::test]
async fn a_silent_provider_is_given_up_after_three_minutes() {
    let world = world().await;
    let stream = ask(&world, "silent").await;
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let (deltas, end) = read(stream).await;
    assert!(deltas.is_empty());
    assert_eq!(fault_kind(end.unwrap_err()), FaultKind::Timeout);
    assert!(begun.elapsed() < Duration::from_secs(190), "{:?}", begun.elapsed());
    until(|| world.host.memory_in_use() == 0).await;
}

#[tokio::test]
async fn a_delta_larger_than_the_host_takes_is_refused_to_the_guest() {
    let world = world().await;
    let (deltas, end) = read(ask(&world, "big").await).await;
    assert!(deltas.is_empty(), "none of it came through");
    end.unwrap();
}

#[tokio::test]
async fn a_trap_after_some_text_is_a_fault_after_that_text() {
    let world = world().await;
    let (deltas, end) = read(ask(&world, "x").await).await;
    assert_eq!(deltas, [Delta::Text("hello".into())]);
    let error = end.unwrap_err();
    assert!(error.to_string().contains("acme/provider-zoo@1.0.0#"), "{error}");
    assert_eq!(fault_kind(error), FaultKind::Trap);
    assert_eq!(world.host.memory_in_use(), 0);
}

#[tokio::test]
async fn every_provider_error_arrives_as_the_case_that_the_router_decides_by() {
    let world = world().await;
    let mut seen = Vec::new();
    for case in 0..10 {
        let error = read(ask(&world, &case.to_string()).await).await.1.unwrap_err();
        seen.push(format!("{case}: {error:?}"));
    }
    expect_test::expect![[r#"
        0: Unauthorized("slow down")
        1: RateLimited { message: "slow down", retry_after_ms: Some(1500) }
        2: Unavailable { message: "slow down", retry_after_ms: Some(1500) }
        3: InvalidRequest("slow down")
        4: ContextOverflow("slow down")
        5: Refused("slow down")
        6: Other("the host denied the connection: slow down")
        7: Protocol("slow down")
        8: Plugin(Cancelled)
        9: Other("slow down: oddity")"#]]
    .assert_eq(&seen.join("\n"));
    assert!(world.serving("provider-zoo").await.is_some(), "an error is no fault");
}

#[tokio::test]
async fn a_generation_that_is_not_in_the_snapshot_is_not_asked() {
    let world = world().await;
    let mut plugin = world.serving("provider-zoo").await.unwrap();
    plugin.generation.0 += 1;
    let (deltas, end) = read(world.snapshot().complete(&plugin, request("text"), context())).await;
    assert!(deltas.is_empty());
    assert!(end.unwrap_err().to_string().contains("not part of this turn"));
    assert_eq!(plugin.id, id("provider-zoo"));
}

/// The names of all models on offer now.
fn models_now(world: &World) -> Vec<String> {
    world.snapshot().models().iter().map(|model| model.info.id.clone()).collect()
}

#[tokio::test]
async fn a_new_version_offers_the_old_ones_models_until_it_was_asked_and_holds_up_nobody() {
    let world = world().await;
    assert_eq!(models_now(&world), ["parrot"]);
    world.put("model.wasm", &Package::new("provider-zoo", "2.0.0", &Guest::mute_provider()).file());
    let host = world.host.clone();
    let settling = tokio::spawn(async move { host.settled().await });
    while world.serving("provider-zoo").await.unwrap().version.major < 2 {
        assert_eq!(models_now(&world), ["parrot"]);
        tokio::task::yield_now().await;
    }
    assert_eq!(models_now(&world), ["parrot"], "of the version that has not answered yet");
    assert_eq!(world.snapshot().models()[0].plugin.version.major, 2);

    world.put("echo.wasm", &crate::support::package::saying("echo", "1.0.0", "hello"));
    let host = world.host.clone();
    let more = tokio::spawn(async move { host.settled().await });
    while world.serving("echo").await.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.call("echo").await.unwrap(), "hello");
    let id = id("provider-zoo").to_string();
    let notes = |list: Vec<skynet_core::plugin::PluginStatus>| list.into_iter().find(|status| status.name == id).unwrap().note;
    assert_eq!(notes(world.host.list().await), None);
    assert!(!settling.is_finished() && !more.is_finished(), "the provider is still being asked");
}

/// A host with a provider that may keep things and waits at a gate before it says which models it has.
async fn gated() -> (World, Arc<Gate>) {
    let gate = Gate::closed();
    let secrets = SetSecrets { gate: Some(Arc::clone(&gate)), ..SetSecrets::default() };
    let world = World::with(Worldly { secrets: Arc::new(secrets), ..Worldly::default() }).await;
    world.drop_file("model.wasm", &pausing("1.0.0", "parrot")).await;
    let asked = async {
        gate.arrived().await;
        gate.open();
    };
    let plugin = id("provider-zoo");
    let (granted, ()) = tokio::join!(world.host.grant(&plugin, None, "owner"), asked);
    granted.unwrap();
    assert_eq!(models_now(&world), ["parrot"]);
    (world, gate)
}

fn pausing(version: &str, model: &str) -> Vec<u8> {
    let asking = json!({"reveal": ["pause"], "kv": {"bytes": 1000, "keys": 3}});
    Package::new("provider-zoo", version, &Guest::pausing_provider().says(model)).asking(asking).file()
}

#[tokio::test]
async fn a_provider_that_was_rolled_back_while_it_was_asked_stays_so_after_a_restart() {
    let (world, gate) = gated().await;
    world.put("model.wasm", &pausing("2.0.0", "macaw"));
    let host = world.host.clone();
    let settling = tokio::spawn(async move { host.settled().await });
    gate.arrived().await;
    let back = world.host.rollback(&id("provider-zoo"), "owner").await.unwrap();
    assert_eq!(back.version.major, 1);
    gate.open();
    settling.await.unwrap();
    assert_eq!(world.serving("provider-zoo").await.unwrap().version.major, 1);
    let world = world.restart_without_scan(|_| {}).await;
    assert_eq!(world.serving("provider-zoo").await.unwrap().version.major, 1);
}

#[tokio::test]
async fn a_grant_that_was_narrowed_while_its_provider_was_asked_stays_narrow_and_in_force() {
    let (world, gate) = gated().await;
    world.put("model.wasm", &pausing("2.0.0", "macaw"));
    let host = world.host.clone();
    let settling = tokio::spawn(async move { host.settled().await });
    gate.arrived().await;
    let host = world.host.clone();
    let narrowing = tokio::spawn(async move { host.grant(&id("provider-zoo"), Some(json!({"reveal": ["pause"]})), "owner").await });
    // What the narrower grant put in service is asked, too.
    gate.arrived().await;
    gate.open();
    settling.await.unwrap();
    assert_eq!(models_now(&world), ["parrot"], "of what served before, until it has answered");
    let may = world.host.info(&id("provider-zoo")).await.unwrap()["may"].to_string();
    assert!(may.contains("pause") && !may.contains("store of its own"), "{may}");
    assert!(read(ask(&world, "text").await).await.1.is_ok(), "its grant holds");
    gate.open();
    narrowing.await.unwrap().unwrap();
    assert_eq!(models_now(&world), ["macaw"]);
}

#[tokio::test]
async fn a_provider_without_a_model_says_why_to_its_owner() {
    let world = World::start().await;
    let file = Package::new("provider-zoo", "1.0.0", &Guest::unauthorized()).file();
    world.drop_file("model.wasm", &file).await;
    let status = world.host.list().await.into_iter().find(|status| status.name == id("provider-zoo").to_string()).unwrap();
    assert!(status.note.as_ref().is_some_and(|note| note.starts_with("it offers no model")), "{status:?}");
}

#[tokio::test]
async fn no_plugin_takes_the_name_that_another_providers_models_go_by() {
    let world = World::start().await;
    let provider = |name: &str, says: &str| Package::new(name, "1.0.0", &Guest::provider().says(says)).file();
    world.drop_file("model.wasm", &provider("provider-zoo", "parrot")).await;
    world.drop_file("other.wasm", &provider("zoo", "parrot")).await;
    let refusal = world.refusal("other.wasm").await;
    assert!(refusal.contains("`zoo/…`, and so are those of acme/provider-zoo") && refusal.contains("Remove one"), "{refusal}");
    assert_eq!(world.serving("zoo").await, None);
    // An update of the one that serves is no other.
    let update = Package::new("provider-zoo", "1.1.0", &Guest::provider().says("parrot")).file();
    world.drop_file("model.wasm", &update).await;
    assert_eq!(world.serving("provider-zoo").await.unwrap().version.to_string(), "1.1.0");
    world.remove("model.wasm").await;
    world.host.rescan().await.unwrap();
    assert!(world.serving("zoo").await.is_some(), "the name is free");
}
