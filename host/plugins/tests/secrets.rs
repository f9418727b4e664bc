//! Secrets at the door, revealed, and what a canary leaves behind: nothing.

use crate::support::package::id;
use crate::support::server::{Answer, Server, forms};
use crate::support::stubs::SetSecrets;
use crate::support::{Package, World, Worldly};
use crate::zoo::{Guest, zoo};
use serde_json::{Value, json};
use skynet_core::admin::PluginAdmin as _;
use skynet_core::{Denial, PluginError};
use skynet_policy::scrub::Known;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// In lower case, as the test server remembers requests so; with what JSON and URLs escape.
const CANARY: &str = "canary/9c2e\\7f41-\"b6\"";

/// A server on this machine, and the plugin `acme/tool` that may send it the secret `key`.
struct Keyed {
    server: Server,
    world: World,
}

impl Keyed {
    async fn new(answer: Answer, guest: Guest, value: &str, servers: fn(&str) -> Vec<String>) -> Self {
        let server = Server::start(answer).await;
        let url = format!("http://{}", server.address);
        let known = Known::default();
        known.learn([("key", value)]);
        let set = BTreeMap::from([((id("tool"), "key".to_owned()), (value.to_owned(), servers(&url)))]);
        let world = World::with(Worldly { secrets: Arc::new(SetSecrets { set, gate: None }), known, ..Worldly::default() }).await;
        let secret = json!({"name": "key", "header": "authorization", "format": "Bearer {}", "url": url});
        let asking = json!({"net": [{"url": url}], "secrets": [secret]});
        world.drop_file("tool.wasm", &Package::new("tool", "1.0.0", &guest).asking(asking).file()).await;
        let granted = json!({"net": [{"url": url, "private": true}], "secrets": [secret]});
        world.host.grant(&id("tool"), Some(granted), "owner").await.unwrap();
        Self { server, world }
    }

    async fn fetch(&self) -> Result<String, PluginError> {
        self.world.call_with("tool", &json!(format!("1h{}/x", self.server.address))).await
    }
}

fn fetching() -> Guest {
    Guest::tool(zoo!("fetch")).importing("import wasi:io/poll@0.2.12; import wasi:io/streams@0.2.12;")
}

fn anywhere(_: &str) -> Vec<String> {
    Vec::new()
}

fn denial(result: Result<String, PluginError>) -> Denial {
    match result {
        Err(PluginError::Denied(denial)) => denial,
        other => panic!("not denied: {other:?}"),
    }
}

fn finds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

/// The forms of the canary that are in these bytes.
fn found_in(bytes: &[u8]) -> Vec<String> {
    forms(CANARY).into_iter().filter(|form| finds(bytes, form)).collect()
}

fn every_file(folder: &Path, look: &mut impl FnMut(&Path, Vec<u8>)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => every_file(&path, look),
            false => look(&path, std::fs::read(&path).unwrap()),
        }
    }
}

#[tokio::test]
async fn a_secret_goes_only_where_its_owner_and_the_grant_both_say() {
    let net = Keyed::new(Answer::Hello, fetching(), "hunter2-hunter2", |url| vec![url.to_owned()]).await;
    assert_eq!(net.fetch().await.unwrap(), "hi");
    assert!(net.world.audited("secret", "scrubbed").await.is_empty(), "nothing was taken out");
    assert!(net.server.requests()[0].contains("\r\nauthorization: bearer hunter2-hunter2\r\n"));
    assert_eq!(net.world.audited("egress", "ok").await[0].detail["secrets"], json!(["key"]));

    let net = Keyed::new(Answer::Hello, fetching(), "hunter2-hunter2", |_| vec!["https://api.example.com".into()]).await;
    let denied = denial(net.fetch().await);
    assert!(denied.why.contains("`key`") && denied.why.contains("may go to https://api.example.com only"), "{denied}");
    assert!(denied.remedy.contains("skynet secret set key --keep --for https://api.example.com --for http://127.0.0.1"), "{denied}");
    assert_eq!(net.server.connections(), 0);
    assert_eq!(net.world.audited("secret", "denied").await.len(), 1);
}

#[tokio::test]
async fn an_owner_can_say_that_a_server_takes_no_secret() {
    let net = Keyed::new(Answer::Hello, fetching(), "", anywhere).await;
    assert_eq!(net.fetch().await.unwrap(), "hi");
    assert!(!net.server.requests()[0].contains("authorization"));
    assert_eq!(net.world.audited("egress", "ok").await[0].detail["secrets"], Value::Null);
}

#[tokio::test]
async fn a_value_that_no_header_may_carry_stops_the_request_and_is_not_quoted() {
    let net = Keyed::new(Answer::Hello, fetching(), "hunter2\nhunter2", anywhere).await;
    let denied = denial(net.fetch().await);
    assert!(denied.why.contains("`key`") && denied.why.contains("no header may carry"), "{denied}");
    assert!(!denied.to_string().contains("hunter2"), "{denied}");
    assert_eq!(net.server.connections(), 0);
}

#[tokio::test]
async fn a_request_without_its_secret_cannot_go_unrecorded() {
    let net = Keyed::new(Answer::Hello, fetching(), "hunter2\nhunter2", anywhere).await;
    let before = net.world.audited("secret", "denied").await.len();
    denial(net.fetch().await);
    assert_eq!(net.world.audited("secret", "denied").await.len(), before + 1);
}

#[tokio::test]
async fn what_a_server_echoes_in_any_form_stands_in_no_result_and_no_file() {
    let net = Keyed::new(Answer::Echo, fetching(), CANARY, anywhere).await;
    let said = net.fetch().await.unwrap();
    assert!(net.server.requests()[0].contains(CANARY), "it was sent");
    assert_eq!(said.matches("[secret key]").count(), 6, "{said}");
    assert_eq!(found_in(said.as_bytes()), Vec::<String>::new());
    let scrubbed = net.world.audited("secret", "scrubbed").await;
    let told: Vec<_> = scrubbed.iter().map(|row| (row.subject.as_str(), &row.detail)).collect();
    assert_eq!(told, [("key", &json!({"during": "tool.call go", "where": {"key": ["result", "response"]}}))]);
    assert_eq!(scrubbed[0].actor, net.world.serving("tool").await.unwrap().to_string());
    let rows = format!("{:?} {scrubbed:?}", net.world.audited("egress", "ok").await);
    assert_eq!(found_in(rows.as_bytes()), Vec::<String>::new());
    let mut looked = 0;
    every_file(net.world.folder(), &mut |path, bytes| {
        looked += 1;
        assert_eq!(found_in(&bytes), Vec::<String>::new(), "{}", path.display());
    });
    assert!(looked > 3, "the database and the plugin's files are there");
}

/// The guest's memory after it made a request that carried the canary.
async fn memory(answer: Answer) -> Vec<u8> {
    let net = Keyed::new(answer, Guest::dumping(), CANARY, anywhere).await;
    let letters = net.fetch().await.unwrap();
    assert!(net.server.requests()[0].contains(CANARY), "it was sent");
    letters.as_bytes().chunks(2).map(|pair| (pair[0] - b'a') << 4 | (pair[1] - b'a')).collect()
}

#[tokio::test]
async fn a_guest_that_made_the_request_has_the_value_nowhere_in_its_memory() {
    let memory = memory(Answer::Hello).await;
    assert!(memory.len() >= 64 * 1024 && finds(&memory, "127.0.0.1:"), "this is its memory: it has the address");
    assert_eq!(found_in(&memory), Vec::<String>::new());
    assert!(!finds(&memory, "canary"));
}

#[tokio::test]
async fn a_value_that_is_in_a_guests_memory_would_be_found_there() {
    let found = found_in(&memory(Answer::Echo).await);
    assert_eq!(found.len(), forms(CANARY).len(), "a server that echoes puts it there: {found:?}");
}

/// A plugin `acme/tool` that was granted `shown` and `bound` to see, with its secrets.
async fn revealing() -> World {
    let entry = |name: &str, servers: &[&str]| {
        ((id("tool"), name.to_owned()), (CANARY.to_owned(), servers.iter().map(ToString::to_string).collect()))
    };
    let set = BTreeMap::from([entry("shown", &[]), entry("bound", &["https://api.example.com"]), entry("other", &[])]);
    let worldly = Worldly { secrets: Arc::new(SetSecrets { set, gate: None }), ..Worldly::default() };
    let world = World::with(worldly).await;
    let package = Package::new("tool", "1.0.0", &Guest::tool(zoo!("reveal")));
    world.drop_file("tool.wasm", &package.asking(json!({"reveal": ["shown", "bound", "gone"]})).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    world
}

#[tokio::test]
async fn a_revealed_secret_is_audited_and_all_others_stay_hidden_without_a_reason() {
    let world = revealing().await;
    assert_eq!(world.call_with("tool", &json!("shown")).await.unwrap(), CANARY);
    let row = &world.audited("secret", "ok").await[0];
    assert_eq!((row.subject.as_str(), &row.detail["revealed"]), ("shown", &json!(true)));
    for hidden in ["bound", "other", "gone", ""] {
        match world.call_with("tool", &json!(hidden)).await {
            // Neither the guest nor the model hears why; the audit log says it to the owner.
            Err(PluginError::Denied(denial)) => assert_eq!(denial.why, "this secret is not to be had", "{hidden}"),
            other => panic!("{hidden}: {other:?}"),
        }
    }
    let whys: Vec<String> = world.audited("secret", "denied").await.iter().map(|row| row.detail["why"].to_string()).collect();
    let expected =
        ["\"it was not granted\"", "\"it is not set\"", "\"it was not granted\"", "\"its owner bound it to https://api.example.com\""];
    assert_eq!(whys, expected);
    world.fuse().refuse_rows();
    assert!(world.call_with("tool", &json!("shown")).await.is_err(), "no row, no value");
}

#[tokio::test]
async fn a_revealed_secret_does_not_come_back_out_of_the_guest() {
    let world = revealing().await;
    let known = Known::default();
    known.learn([("shown", CANARY)]);
    let world = world.restart(|worldly| worldly.known = known).await;
    world.host.settled().await;
    assert_eq!(world.call_with("tool", &json!("shown")).await.unwrap(), "[secret shown]");
}

#[tokio::test]
async fn a_component_that_wants_to_see_secrets_and_does_not_ask_is_refused_by_name() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &Package::new("tool", "1.0.0", &Guest::tool(zoo!("reveal"))).file()).await;
    let refusal = world.refusal("tool.wasm").await;
    assert!(refusal.contains("secret-reveal") && refusal.contains("`reveal`"), "{refusal}");
}

#[tokio::test]
async fn a_secret_that_was_taken_out_of_what_a_shell_said_is_in_the_log_by_name() {
    let world = World::start().await;
    let package = Package::new("tool", "1.0.0", &Guest::tool(zoo!("terminal"))).asking(json!({"terminal": true}));
    world.drop_file("tool.wasm", &package.file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    assert_eq!(world.call_with("tool", &json!("env")).await.unwrap(), "[secret key]");
    let scrubbed = world.audited("secret", "scrubbed").await;
    let told: Vec<_> = scrubbed.iter().map(|row| (row.subject.as_str(), &row.detail)).collect();
    assert_eq!(told, [("key", &json!({"during": "tool.call go", "where": {"key": ["service"]}}))]);
}
