//! The Model Context Protocol on `/mcp`, byte by byte: who comes in, what they are given,
//! and what clients that mean no good are told.

use crate::wire::{Reply, http, request_text, soon};
use crate::world::{OWNER, READER, World};
use serde_json::{Value, json};
use skynet_core::config::RatesConfig;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ACCEPT: (&str, &str) = ("accept", "application/json, text/event-stream");
const TYPE: (&str, &str) = ("content-type", "application/json");

/// The last message of an answer, whether it came as JSON or as events.
fn message(reply: &Reply) -> Value {
    let data = reply.body.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).rfind(|data| !data.is_empty());
    serde_json::from_str(data.unwrap_or(&reply.body)).unwrap_or_else(|_| panic!("no message: {reply:?}"))
}

/// A client with a session.
struct Client<'a> {
    world: &'a World,
    token: &'a str,
    session: String,
}

impl<'a> Client<'a> {
    async fn open(world: &'a World, token: &'a str) -> Self {
        let mut client = Self { world, token, session: String::new() };
        let reply = client.send(&initialize()).await;
        client.session = reply.header("mcp-session-id").unwrap_or_else(|| panic!("no session: {reply:?}")).to_owned();
        let done = client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        assert_eq!(done.status, 202, "{done:?}");
        client
    }

    fn text(&self, method: &str, body: &str) -> String {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", bearer.as_str()), ACCEPT, TYPE];
        if !self.session.is_empty() {
            headers.push(("mcp-session-id", &self.session));
            headers.push(("mcp-protocol-version", "2025-06-18"));
        }
        request_text(self.world.address, method, "/mcp", &headers, body)
    }

    async fn send(&self, message: &Value) -> Reply {
        self.exchange("POST", &message.to_string()).await
    }

    async fn exchange(&self, method: &str, body: &str) -> Reply {
        let mut stream = TcpStream::connect(self.world.address).await.unwrap();
        stream.write_all(self.text(method, body).as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        soon(stream.read_to_end(&mut bytes)).await.unwrap();
        crate::wire::reply(&String::from_utf8_lossy(&bytes))
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        message(&self.send(&json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})).await)
    }

    async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": tool, "arguments": arguments})).await
    }
}

fn initialize() -> Value {
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
}

async fn post(world: &World, headers: &[(&str, &str)], body: &str) -> Reply {
    let bearer = format!("Bearer {OWNER}");
    let mut all = vec![ACCEPT, TYPE];
    if !headers.iter().any(|(name, _)| *name == "authorization") {
        all.push(("authorization", &bearer));
    }
    all.extend_from_slice(headers);
    http(world.address, "POST", "/mcp", &all, body).await
}

#[tokio::test]
async fn a_client_says_hello_lists_the_tools_and_calls_one() {
    let world = World::start().await;
    let hello = message(&post(&world, &[], &initialize().to_string()).await);
    assert_eq!((&hello["result"]["serverInfo"]["name"], &hello["result"]["serverInfo"]["version"]), (&json!("skynet"), &json!("9.9.9")));
    assert_eq!(hello["result"]["capabilities"], json!({"tools": {"listChanged": true}}));
    let client = Client::open(&world, OWNER).await;
    let tools = client.ask("tools/list", json!({})).await["result"]["tools"].clone();
    assert_eq!((&tools[0]["name"], &tools[0]["description"]), (&json!("look"), &json!("Looks at something")));
    assert_eq!(tools[0]["inputSchema"], json!({"type": "object", "properties": {"at": {"type": "string"}}}));
    let claims = json!({"readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false});
    assert_eq!(tools[0]["annotations"], claims);
    let result = client.call("look", json!({"at": "it"})).await["result"].clone();
    assert_eq!((&result["content"][0]["text"], &result["isError"]), (&json!("seen {\"at\":\"it\"}"), &json!(false)));
    let rows: Vec<_> = world.audit.0.lock().unwrap().iter().filter(|row| row.kind == "tool.call").cloned().collect();
    assert_eq!(rows.iter().map(|row| (row.subject.as_str(), row.verdict.as_str())).collect::<Vec<_>>(), [("look", "ok")]);
    assert_eq!((&rows[0].detail["by"], &rows[0].detail["user"]), (&json!("token owner"), &json!("owner")));
}

#[tokio::test]
async fn structures_errors_and_unknown_names_each_have_their_form() {
    let world = World::start().await;
    world.snapshot.swap();
    let client = Client::open(&world, OWNER).await;
    let listed = client.ask("tools/list", json!({})).await["result"]["tools"].clone();
    let measure = listed.as_array().unwrap().iter().find(|tool| tool["name"] == "measure").unwrap();
    assert_eq!(measure["outputSchema"]["required"], json!(["metres"]));
    let measured = client.call("measure", json!({})).await["result"].clone();
    assert_eq!((&measured["structuredContent"], &measured["content"][0]["text"]), (&json!({"metres": 3}), &json!("3 metres")));
    let failed = client.call("fail", json!({})).await["result"].clone();
    assert_eq!((&failed["isError"], &failed["content"][0]["text"]), (&json!(true), &json!("it is broken")));
    assert_eq!(client.call("nothing", json!({})).await["error"]["code"], -32602);
    assert_eq!(client.ask("resources/read", json!({"uri": "file:///etc/passwd"})).await["error"]["code"], -32601);
}

#[tokio::test]
async fn a_swap_that_changes_the_list_is_told_to_who_listens() {
    let world = World::start().await;
    let client = Client::open(&world, OWNER).await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(client.text("GET", "").as_bytes()).await.unwrap();
    let mut heard = String::new();
    let mut until = async |word: &str| {
        let mut piece = [0; 4096];
        while !heard.contains(word) {
            let read = soon(stream.read(&mut piece)).await.unwrap();
            assert!(read > 0, "the stream ended: {heard}");
            heard.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
    };
    until("text/event-stream").await;
    world.snapshot.swap();
    until("notifications/tools/list_changed").await;
    let listed = client.ask("tools/list", json!({})).await["result"]["tools"].clone();
    assert_eq!(
        listed.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["fail", "measure", "wait"]
    );
}

#[tokio::test]
async fn a_call_that_is_taken_back_is_dropped_and_on_record() {
    let world = World::start().await;
    world.snapshot.swap();
    let client = Client::open(&world, OWNER).await;
    let mut dropped = world.snapshot.dropped.subscribe();
    let call = json!({"jsonrpc": "2.0", "id": 42, "method": "tools/call", "params": {"name": "wait", "arguments": {}}});
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(client.text("POST", &call.to_string()).as_bytes()).await.unwrap();
    soon(world.snapshot.gates.pass("waiting")).await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 42, "reason": "enough"}});
    assert_eq!(client.send(&cancel).await.status, 202);
    soon(dropped.wait_for(|count| *count == 1)).await.unwrap();
    let row = async || {
        loop {
            let row = world.audit.0.lock().unwrap().iter().find(|row| row.subject == "wait").cloned();
            match row {
                Some(row) => return row,
                None => tokio::task::yield_now().await,
            }
        }
    };
    let row = soon(row()).await;
    assert_eq!((row.verdict.as_str(), &row.detail["stopped"]), ("error", &json!(true)));
}

#[tokio::test]
async fn who_may_only_read_lists_and_does_not_call() {
    let world = World::start().await;
    let reader = Client::open(&world, READER).await;
    assert_eq!(reader.ask("tools/list", json!({})).await["result"]["tools"][0]["name"], "look");
    let refused = reader.call("look", json!({"at": "it"})).await;
    assert_eq!(refused["error"]["message"], "missing scope: operator.write");
    assert!(world.audit.0.lock().unwrap().iter().all(|row| row.kind != "tool.call"));
}

#[tokio::test]
async fn a_session_belongs_to_the_token_that_opened_it() {
    let world = World::start().await;
    let owner = Client::open(&world, OWNER).await;
    let thief = Client { world: &world, token: READER, session: owner.session.clone() };
    assert_eq!(thief.exchange("GET", "").await.status, 404);
    assert_eq!(thief.exchange("DELETE", "").await.status, 404);
    let made_up = Client { world: &world, token: OWNER, session: "0".into() };
    assert_eq!(made_up.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).await.status, 404);
    assert_eq!(owner.ask("tools/list", json!({})).await["result"]["tools"][0]["name"], "look", "it still stands");
    assert!(owner.exchange("DELETE", "").await.status < 300);
    assert_eq!(owner.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).await.status, 404);
}

#[tokio::test]
async fn who_is_not_meant_to_come_in_stays_outside() {
    let world = World::with(|config| config.allowed_origins = vec!["https://bot.example".into()]).await;
    let hello = initialize().to_string();
    let status = async |headers: &[(&str, &str)]| post(&world, headers, &hello).await.status;
    assert_eq!(status(&[("authorization", "Basic x")]).await, 401, "no token");
    assert_eq!(status(&[("authorization", "Bearer wrong")]).await, 401);
    assert_eq!(status(&[("host", "evil.example")]).await, 403, "a name that was pointed here");
    assert_eq!(status(&[("origin", "https://evil.example")]).await, 403, "a foreign page");
    assert_eq!(status(&[("origin", "null")]).await, 403);
    assert_eq!(status(&[("origin", "https://bot.example")]).await, 200);
    let get = http(world.address, "GET", "/mcp", &[ACCEPT], "").await;
    assert_eq!(get.status, 401);
}

#[tokio::test]
async fn what_is_no_message_is_refused_and_a_large_one_is_not_read() {
    let world = World::start().await;
    let status = async |body: &str| post(&world, &[], body).await.status;
    for broken in ["", "not json", "[]", "{}", "42", "{\"jsonrpc\":\"2.0\"}", "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"initialize\"}"] {
        let status = status(broken).await;
        assert!((400..500).contains(&status), "{broken}: {status}");
    }
    let deep = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!((400..500).contains(&status(&deep).await));
    assert_eq!(status(&"x".repeat(2 * 1024 * 1024 + 1)).await, 413);
    let without_session = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    assert!((400..500).contains(&status(&without_session).await));
    let plain =
        http(world.address, "POST", "/mcp", &[("authorization", &format!("Bearer {OWNER}")), TYPE], &initialize().to_string()).await;
    assert_eq!(plain.status, 406, "a client must say what it can read");
}

#[tokio::test]
async fn requests_and_calls_have_the_rates_of_every_other_way_in() {
    let world = World::of(RatesConfig { turns_per_minute: 1, ..RatesConfig::default() }, |_| {}).await;
    let client = Client::open(&world, OWNER).await;
    assert_eq!(client.call("look", json!({})).await["result"]["isError"], false);
    let late = client.call("look", json!({})).await["result"].clone();
    assert_eq!((&late["isError"], &late["content"][0]["text"]), (&json!(true), &json!("too many tool calls (retry in 60 s)")));
    let world = World::of(RatesConfig { calls_per_minute: 1, ..RatesConfig::default() }, |_| {}).await;
    let hello = initialize().to_string();
    assert_eq!(post(&world, &[], &hello).await.status, 200);
    assert_eq!(post(&world, &[], &hello).await.status, 429);
}

#[tokio::test]
async fn a_refusal_over_mcp_names_no_place_on_the_machine_even_to_the_owners_program() {
    let world = World::start().await;
    let client = Client::open(&world, OWNER).await;
    let refused = client.call("look", json!({"at": "locked"})).await.to_string();
    assert!(refused.contains("exec [path]") && !refused.contains("/etc/skynet"), "{refused}");
}

#[tokio::test]
async fn one_token_cannot_take_all_sessions() {
    let rates = RatesConfig { calls_per_minute: 0, user_calls_per_minute: 0, ..RatesConfig::default() };
    let world = World::of(rates, |_| {}).await;
    let hello = initialize().to_string();
    // All at once: who looks before it takes would let more in.
    let many = futures_util::future::join_all((0..70).map(|_| post(&world, &[], &hello))).await;
    assert_eq!(many.iter().filter(|reply| reply.status == 200).count(), 64);
    assert_eq!(post(&world, &[], &hello).await.status, 503);
    let bearer = format!("Bearer {READER}");
    assert_eq!(post(&world, &[("authorization", &bearer)], &hello).await.status, 200, "another token has its own");
}

#[tokio::test]
async fn a_session_that_ended_leaves_nothing_that_waits_for_the_next_list_of_tools() {
    let world = World::start().await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    // The host's own tasks are there once it has answered somebody.
    post(&world, &[], "{}").await;
    // Once it has answered, what the gateway itself does by the clock has begun.
    assert_eq!(http(world.address, "GET", "/health", &[], "").await.status, 200);
    let before = alive();
    for _ in 0..3 {
        let client = Client::open(&world, OWNER).await;
        // Once more: whoever says often that it is ready is not told more often.
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        assert_eq!(client.exchange("DELETE", "").await.status, 204);
    }
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    soon(async {
        while alive() > before {
            looks.tick().await;
        }
    })
    .await;
}

#[tokio::test]
async fn open_streams_do_not_keep_the_host_from_stopping() {
    let mut world = World::start().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    {
        let client = Client::open(&world, OWNER).await;
        stream.write_all(client.text("GET", "").as_bytes()).await.unwrap();
        let mut piece = [0; 4096];
        assert!(soon(stream.read(&mut piece)).await.unwrap() > 0);
    }
    soon(world.shutdown()).await;
    let mut rest = Vec::new();
    soon(stream.read_to_end(&mut rest)).await.unwrap();
}

#[tokio::test]
async fn a_stream_without_a_session_ends_soon_after_its_token_was_revoked() {
    let world = World::start().await;
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({"_meta": meta, "notifications": {"toolsListChanged": true}});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}).to_string();
    let bearer = format!("Bearer {READER}");
    let version = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "subscriptions/listen")];
    let headers = [&[("authorization", bearer.as_str()), ACCEPT, TYPE], version.as_slice()].concat();
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(request_text(world.address, "POST", "/mcp", &headers, &body).as_bytes()).await.unwrap();
    let (mut heard, mut piece) = (String::new(), [0; 4096]);
    while !heard.contains("notifications/subscriptions/acknowledged") {
        let read = soon(stream.read(&mut piece)).await.unwrap();
        assert!(read > 0, "it ended: {heard}");
        heard.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    world.access.tokens.lock().unwrap().retain(|(_, row)| row.name != "reader");
    soon(stream.read_to_end(&mut Vec::new())).await.unwrap();
}
