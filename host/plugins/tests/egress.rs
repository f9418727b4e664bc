//! The way out: what is not granted is not dialled, and what is dialled is what was
//! checked.

use crate::support::package::id;
use crate::support::server::{Answer, Server};
use crate::support::stubs::{Names, SetSecrets};
use crate::support::world::context;
use crate::support::{Package, World, Worldly};
use crate::zoo::{Guest, zoo};
use serde_json::{Value, json};
use skynet_core::admin::PluginAdmin as _;
use skynet_core::error::FaultKind;
use skynet_core::{Denial, ModelError, PluginError, ToolError};
use std::sync::Arc;

/// A server that the plugin `acme/tool` asks to speak to under the name
/// `api.example.com`, and a resolver that gives these answers.
struct Net {
    server: Server,
    names: Arc<Names>,
    world: World,
}

impl Net {
    async fn with(answers: &[&[&str]]) -> Self {
        Self::of(answers, Answer::Hello, |_| {}).await
    }

    async fn of(answers: &[&[&str]], answer: Answer, change: impl FnOnce(&mut Worldly)) -> Self {
        let server = Server::start(answer).await;
        let names = Arc::new(Names::answering(answers));
        let mut worldly = Worldly { names: Arc::clone(&names), ..Worldly::default() };
        change(&mut worldly);
        let net = Self { server, names, world: World::with(worldly).await };
        net.install("tool", json!({"net": [{"url": net.url()}]})).await;
        net
    }

    fn authority(&self) -> String {
        format!("api.example.com:{}", self.server.port())
    }

    fn url(&self) -> String {
        format!("http://{}", self.authority())
    }

    async fn install(&self, name: &str, asking: Value) {
        let guest = Guest::tool(zoo!("fetch")).importing("import wasi:io/poll@0.2.12; import wasi:io/streams@0.2.12;");
        let file = Package::new(name, "1.0.0", &guest).asking(asking).file();
        self.world.drop_file(&format!("{name}.wasm"), &file).await;
    }

    /// Grants `name` its server, at an address that need not be public.
    async fn grant_private(&self, name: &str) {
        let granted = json!({"net": [{"url": self.url(), "private": true}]});
        self.world.host.grant(&id(name), Some(granted), "owner").await.unwrap();
    }

    /// `how` is the number of requests and the kind, as `zoo/fetch.wat` reads them.
    async fn fetch(&self, how: &str) -> Result<String, PluginError> {
        self.fetch_as("tool", how).await
    }

    async fn fetch_as(&self, name: &str, how: &str) -> Result<String, PluginError> {
        self.world.call_with(name, &json!(format!("{how}{}/path?key=value", self.authority()))).await
    }
}

fn denial(result: Result<String, PluginError>) -> Denial {
    match result {
        Err(PluginError::Denied(denial)) => denial,
        other => panic!("not denied: {other:?}"),
    }
}

fn failure(result: Result<String, PluginError>) -> String {
    match result {
        Err(PluginError::Tool(ToolError::Failed(text))) => text,
        other => panic!("no failure: {other:?}"),
    }
}

#[tokio::test]
async fn a_granted_server_is_reached_and_the_way_is_audited() {
    let net = Net::with(&[&["127.0.0.1"]]).await;
    net.grant_private("tool").await;
    assert_eq!(net.fetch("1h").await.unwrap(), "hi");
    assert_eq!(net.names.asked(), ["api.example.com"]);
    let requests = net.server.requests();
    assert!(requests[0].starts_with("get /path?key=value http/1.1\r\n"), "{requests:?}");
    assert!(requests[0].contains(&format!("\r\nhost: {}\r\n", net.authority())), "{requests:?}");
    let row = &net.world.audited("egress", "ok").await[0];
    assert!(row.actor.starts_with("acme/tool@1.0.0#"), "{row:?}");
    assert_eq!(row.subject, format!("GET {}", net.url()), "neither path nor query");
    assert_eq!(row.detail["address"], "127.0.0.1");
    let end = &net.world.audited("egress.end", "ok").await[0];
    assert_eq!((&end.actor, &end.subject, &end.detail["exchange"]), (&row.actor, &row.subject, &row.detail["exchange"]));
    assert_eq!(end.detail["status"], 200);
    assert!(["out", "in", "ms"].iter().all(|number| end.detail[number].is_u64()), "{end:?}");
}

#[tokio::test]
async fn a_server_that_was_not_granted_is_denied_before_its_name_is_looked_up() {
    let net = Net::with(&[&["127.0.0.1"]]).await;
    net.grant_private("tool").await;
    for elsewhere in
        ["1hevil.example.com/x", "1sapi.example.com/x", "1hapi.example.com:1/x", "1h127.0.0.1/x", "1hapi.example.com.evil.com/x"]
    {
        let denied = denial(net.world.call_with("tool", &json!(elsewhere)).await);
        assert!(denied.who.starts_with("acme/tool@1.0.0#"), "{denied}");
        assert!(denied.remedy.contains("skynet plugin grant acme/tool"), "{denied}");
        assert!(denied.what.starts_with("GET http"), "{denied}");
    }
    assert!(net.names.asked().is_empty());
    assert_eq!(net.server.connections(), 0);
    let rows = net.world.audited("egress", "denied").await;
    assert_eq!(rows.len(), 5);
    assert!(rows[4].subject == "GET http://evil.example.com" && rows[4].detail["why"].is_string(), "{:?}", rows[4]);
}

#[tokio::test]
async fn a_private_address_needs_the_owners_word_for_that_very_server() {
    let net = Net::with(&[&["127.0.0.1"]]).await;
    net.world.host.grant(&id("tool"), None, "owner").await.unwrap();
    let denied = denial(net.fetch("1h").await);
    assert!(denied.why.contains("127.0.0.1"), "{denied}");
    assert_eq!(net.server.connections(), 0);
    net.grant_private("tool").await;
    assert_eq!(net.fetch("1h").await.unwrap(), "hi");
}

#[tokio::test]
async fn addresses_that_no_grant_opens_are_never_dialled() {
    for address in ["169.254.169.254", "0.0.0.0", "224.0.0.1"] {
        let net = Net::with(&[&[address]]).await;
        net.grant_private("tool").await;
        let denied = denial(net.fetch("1h").await);
        assert!(denied.why.contains(address), "{denied}");
    }
}

#[tokio::test]
async fn an_answer_that_mixes_public_and_private_addresses_is_refused_whole() {
    for answer in [&["93.184.216.34", "127.0.0.1"], &["127.0.0.1", "93.184.216.34"]] {
        let net = Net::with(&[answer]).await;
        net.grant_private("tool").await;
        let denied = denial(net.fetch("1h").await);
        assert!(denied.why.contains("127.0.0.1"), "{denied}");
        assert_eq!(net.server.connections(), 0);
    }
}

#[tokio::test]
async fn each_request_looks_up_once_and_dials_what_was_checked() {
    // The second look-up would answer otherwise: whoever asked twice would be caught.
    let net = Net::with(&[&["127.0.0.1"], &["169.254.169.254"]]).await;
    net.grant_private("tool").await;
    assert_eq!(net.fetch("1h").await.unwrap(), "hi");
    assert_eq!(net.names.asked().len(), 1);
    denial(net.fetch("1h").await);
    assert_eq!(net.names.asked().len(), 2, "nothing is remembered from the request before");
    assert_eq!(net.server.requests().len(), 1);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_an_error_and_no_denial() {
    let net = Net::with(&[]).await;
    net.grant_private("tool").await;
    assert_eq!(failure(net.fetch("1h").await), "01", "DNS-error");
}

fn secret(url: &str) -> Value {
    json!({"name": "api-key", "header": "authorization", "format": "Bearer {}", "url": url})
}

/// Secrets travel in the clear to this machine only, so their server is a literal.
async fn with_secret(set: bool) -> Net {
    let secrets = if set { SetSecrets::one(&id("keyed"), "api-key", "hunter2") } else { SetSecrets::default() };
    let net = Net::of(&[&["127.0.0.1"]], Answer::Hello, |worldly| {
        worldly.secrets = Arc::new(secrets);
    })
    .await;
    let (keyed, other) = (format!("http://127.0.0.1:{}", net.server.port()), net.url());
    let asking = json!({"net": [{"url": keyed}, {"url": other}], "secrets": [secret(&keyed)]});
    net.install("keyed", asking).await;
    let granted = json!({"net": [{"url": keyed, "private": true}, {"url": other, "private": true}], "secrets": [secret(&keyed)]});
    net.world.host.grant(&id("keyed"), Some(granted), "owner").await.unwrap();
    net
}

fn authorization(request: &str) -> Option<&str> {
    let lines: Vec<&str> = request.lines().filter(|line| line.starts_with("authorization:")).collect();
    assert!(lines.len() <= 1, "{request}");
    lines.first().copied()
}

#[tokio::test]
async fn a_credential_is_added_for_its_server_alone_and_replaces_the_guests_own() {
    let net = with_secret(true).await;
    let its_server = format!("127.0.0.1:{}/x", net.server.port());
    net.world.call_with("keyed", &json!(format!("1h{its_server}"))).await.unwrap();
    net.world.call_with("keyed", &json!(format!("1H{its_server}"))).await.unwrap();
    net.fetch_as("keyed", "1h").await.unwrap();
    net.fetch_as("keyed", "1H").await.unwrap();
    let requests = net.server.requests();
    let found: Vec<Option<&str>> = requests.iter().map(|request| authorization(request)).collect();
    let ours = Some("authorization: bearer hunter2");
    assert_eq!(found, [ours, ours, None, Some("authorization: bearer of-the-guest")]);
    assert!(!format!("{:?}", net.world.audited("egress", "ok").await).contains("hunter2"));
}

#[tokio::test]
async fn a_request_whose_credential_is_not_set_is_not_sent_and_the_error_says_which() {
    let net = with_secret(false).await;
    let denied = denial(net.world.call_with("keyed", &json!(format!("1h127.0.0.1:{}/x", net.server.port()))).await);
    let server = format!("http://127.0.0.1:{}", net.server.port());
    assert!(denied.why.contains("`api-key`") && denied.why.contains(&server) && denied.why.contains("is not set"), "{denied}");
    assert!(denied.remedy.contains("skynet secret set api-key"), "{denied}");
    assert_eq!(net.server.connections(), 0);
    let row = &net.world.audited("secret", "denied").await[0];
    assert_eq!((row.subject.as_str(), row.detail["server"].as_str()), ("api-key", Some(server.as_str())));
    assert!(row.actor.starts_with("acme/keyed@1.0.0#"), "{row:?}");
}

#[tokio::test]
async fn a_provider_without_its_secret_says_which_and_one_that_was_not_let_in_says_so() {
    for set in [false, true] {
        let net = with_secret(set).await;
        let server = format!("127.0.0.1:{}", net.server.port());
        let url = format!("http://{server}");
        let asking = json!({"net": [{"url": url}], "secrets": [secret(&url)]});
        net.world.remove("keyed.wasm").await;
        let file = Package::new("keyed", "1.0.1", &Guest::unauthorized()).asking(asking).file();
        net.world.drop_file("keyed.wasm", &file).await;
        // It came as a tool, and is a provider from here on.
        let granted = json!({"net": [{"url": url, "private": true}], "secrets": [secret(&url)]});
        net.world.host.grant(&id("keyed"), Some(granted), "owner").await.unwrap();
        let plugin = net.world.serving("keyed").await.unwrap();
        let request = crate::provider::request(&format!("{server}/x"));
        let (_, end) = crate::provider::read(net.world.snapshot().complete(&plugin, request, context())).await;
        let error = end.unwrap_err();
        let told = error.to_string().contains("skynet secret set api-key");
        let unauthorized = matches!(error, ModelError::Unauthorized(_));
        assert_eq!((unauthorized, told), (set, !set), "{error}");
        assert_eq!(net.server.requests().len(), usize::from(set));
    }
}

#[tokio::test]
async fn a_body_without_end_stops_at_the_byte_limit() {
    let net = Net::of(&[&["127.0.0.1"]], Answer::Endless, |_| {}).await;
    net.grant_private("tool").await;
    assert_eq!(failure(net.fetch("1h").await), "body broke off");
    assert_eq!(net.world.host.memory_in_use(), 0);
}

#[tokio::test]
async fn a_head_without_end_is_an_error() {
    let net = Net::of(&[&["127.0.0.1"]], Answer::EndlessHead, |_| {}).await;
    net.grant_private("tool").await;
    assert_eq!(failure(net.fetch("1h").await).len(), 2, "an error code");
}

#[tokio::test]
async fn a_body_that_stalls_ends_at_the_time_out_between_its_pieces() {
    let net = Net::of(&[&["127.0.0.1"]], Answer::Stalls, |_| {}).await;
    net.grant_private("tool").await;
    assert_eq!(failure(net.fetch("1I").await), "body broke off");
}

#[tokio::test]
async fn a_header_larger_than_the_host_takes_ends_the_call() {
    let net = Net::with(&[&["127.0.0.1"]]).await;
    net.grant_private("tool").await;
    assert!(net.fetch("1B").await.is_err());
    assert_eq!(net.server.connections(), 0);
    assert_eq!(net.fetch("1h").await.unwrap(), "hi");
}

#[tokio::test]
async fn a_connection_serves_many_requests_of_one_plugin_and_none_of_another() {
    let net = Net::with(&[&["127.0.0.1"]]).await;
    net.install("other", json!({"net": [{"url": net.url()}]})).await;
    net.grant_private("tool").await;
    net.grant_private("other").await;
    assert_eq!(net.fetch("3h").await.unwrap(), "hi");
    assert_eq!(net.fetch("2h").await.unwrap(), "hi");
    assert_eq!((net.server.connections(), net.server.requests().len()), (1, 5));
    assert_eq!(net.fetch_as("other", "2h").await.unwrap(), "hi");
    assert_eq!((net.server.connections(), net.server.requests().len()), (2, 7));
    assert_eq!(net.names.asked().len(), 7, "an open connection saves no check");
}

#[tokio::test]
async fn one_call_makes_at_most_so_many_requests() {
    let net = Net::with(&[&["127.0.0.1"]]).await;
    net.grant_private("tool").await;
    let denied = denial(net.fetch("0h").await);
    assert!(denied.why.contains("more than 32 requests in one call"), "{denied}");
    assert_eq!(net.server.requests().len(), 32);
    assert_eq!(net.fetch("1h").await.unwrap(), "hi", "the next call has its own budget");
}

#[tokio::test]
async fn a_request_that_cannot_be_audited_is_not_sent() {
    let net = Net::with(&[&["127.0.0.1"]]).await;
    net.grant_private("tool").await;
    net.world.fuse().refuse_rows();
    assert_eq!(failure(net.fetch("1h").await), "38", "internal-error");
    assert_eq!(net.server.connections(), 0);
}

#[tokio::test]
async fn a_guest_that_follows_a_redirect_comes_through_the_door_again() {
    for (place, denied_at) in [
        ("http://169.254.169.254/latest/", "http://169.254.169.254"),
        ("http://127.0.0.1:1/", "http://127.0.0.1:1"),
        ("http://evil.example.com/", "http://evil.example.com"),
        ("http://api.example.com:1/x", "http://api.example.com:1"),
    ] {
        let net = Net::of(&[&["127.0.0.1"]], Answer::Redirects(place), |_| {}).await;
        net.grant_private("tool").await;
        let denied = denial(net.fetch("1F").await);
        assert_eq!(denied.what, format!("GET {denied_at}"));
        assert_eq!((net.server.requests().len(), net.names.asked().len()), (1, 1), "{place}");
        assert_eq!(net.world.audited("egress", "ok").await.len(), 1);
    }
}

#[tokio::test]
async fn a_plugin_is_told_when_it_may_send_again_after_so_many_requests_in_a_minute() {
    let net = Net::with(&[&["127.0.0.1"]]).await;
    net.install("other", json!({"net": [{"url": net.url()}]})).await;
    net.grant_private("tool").await;
    net.grant_private("other").await;
    let mut refused = None;
    // `P` is 32 requests, as many as one call has; some come back meanwhile.
    for _ in 0..1000 {
        refused = net.fetch("Ph").await.err();
        if refused.is_some() {
            break;
        }
    }
    let Some(PluginError::Busy(text)) = refused else { panic!("{refused:?}") };
    assert!(text.starts_with("acme/tool@1.0.0#") && text.contains("600 requests in a minute; there are more in"), "{text}");
    assert!(net.server.requests().len() >= 600);
    assert_eq!(net.fetch_as("other", "1h").await.unwrap(), "hi", "another plugin has its own");
}

#[tokio::test]
async fn a_provider_that_used_up_its_requests_says_when_it_may_be_asked_again() {
    let net = Net::with(&[&["127.0.0.1"]]).await;
    let server = format!("127.0.0.1:{}", net.server.port());
    let url = format!("http://{server}");
    let file = Package::new("keyed", "1.0.0", &Guest::unauthorized()).asking(json!({"net": [{"url": url}]})).file();
    net.world.drop_file("keyed.wasm", &file).await;
    net.world.host.grant(&id("keyed"), Some(json!({"net": [{"url": url, "private": true}]})), "owner").await.unwrap();
    let plugin = net.world.serving("keyed").await.unwrap();
    for _ in 0..5000 {
        let request = crate::provider::request(&format!("{server}/x"));
        let (_, end) = crate::provider::read(net.world.snapshot().complete(&plugin, request, context())).await;
        match end.unwrap_err() {
            ModelError::Unauthorized(_) => {}
            ModelError::Unavailable { retry_after_ms: Some(wait), message } => {
                assert!(wait <= 101 && message.contains("600 requests in a minute"), "{wait} {message}");
                return;
            }
            other => panic!("{other}"),
        }
    }
    panic!("it was never told to wait");
}

#[tokio::test]
async fn a_body_that_drips_for_ever_ends_with_the_call() {
    let net = Net::of(&[&["127.0.0.1"]], Answer::Drips, |_| {}).await;
    net.grant_private("tool").await;
    // From here on time passes as soon as everybody waits.
    tokio::time::pause();
    let Err(PluginError::Fault(fault)) = net.fetch("1h").await else { panic!("the body came to an end") };
    assert_eq!(fault.kind, FaultKind::Timeout, "{fault}");
    assert_eq!(net.world.host.memory_in_use(), 0);
    tokio::time::resume();
    let ended = &net.world.audited("egress.end", "error").await[0];
    assert!(ended.detail["in"].as_u64().unwrap() >= 20, "{ended:?}");
}
