//! The three network providers through the whole product against a mock server
//! that others wrote: gateway → turn → component → egress door → loopback server.
//!
//! `SKYNET_AIMOCK_FOLDER` names the npm folder of `@copilotkit/aimock`, which
//! `builtin-plugins/provider-tests/run.sh` installs. Built only with `peers`.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "e2e/household.rs"]
#[allow(dead_code)]
mod household;

use household::Household;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A running mock server.
struct Mock {
    process: Child,
    address: String,
}

impl Mock {
    fn start(home: &Household) -> Self {
        let folder =
            std::env::var_os("SKYNET_AIMOCK_FOLDER").expect("SKYNET_AIMOCK_FOLDER names no folder; provider-tests/run.sh installs it");
        let program = PathBuf::from(folder).join("node_modules/@copilotkit/aimock/dist/cli.js");
        let fixtures = home.home().join("../fixtures.json");
        let fixture = serde_json::json!({ "fixtures": [
            { "match": { "userMessage": "time please", "hasToolResult": false }, "response": { "toolCalls": [{ "id": "call_1", "name": "time__now", "arguments": {} }] } },
            { "match": { "userMessage": "time please", "hasToolResult": true }, "response": { "content": "so late already" } },
            { "match": { "userMessage": "ping" }, "response": { "content": "pong é from afar" } },
        ] });
        std::fs::write(&fixtures, fixture.to_string()).expect("written");
        let mut process = Command::new("node")
            .arg(program)
            .args(["-p", "0", "--log-level", "info", "-f"])
            .arg(&fixtures)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node runs");
        let lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let named = |line: &String| line.contains("listening") && line.contains("http://127.0.0.1:");
        let line = lines.map(|line| line.expect("text")).find(named).expect("the mock server names its address");
        let start = line.find("http://127.0.0.1:").expect("just found");
        let address = line[start..].split_whitespace().next().expect("an address").to_owned();
        Self { process, address }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn check(provider: &str, path: &str) {
    let mut home = Household::new();
    let mock = Mock::start(&home);
    let plugin = format!("skynet/provider-{provider}");
    home.run(&["config", "set", &format!("settings.\"{plugin}\".base_url"), &format!("{}{path}", mock.address)]).done();
    // This server takes no key, and its owner says so; one that nobody set would be an error.
    home.run(&["secret", "set", &format!("{provider}_api_key"), "--none", "--for", &mock.address]).done();
    home.install(&format!("provider-{provider}"));
    home.install("provider-offline");
    home.install("tool-time");
    home.start();
    home.until_state("skynet/tool-time", "serving");

    // Without the owner's word for a server on this machine nothing leaves.
    home.run(&["plugin", "grant", "--yes", &plugin]).done();
    home.until_state(&plugin, "serving");
    assert!(!home.run(&["--json", "status"]).done().contains("gpt-4o"), "a loopback server was asked without the private grant");

    home.run(&["plugin", "grant", "--yes", "--private", &plugin]).done();
    home.until("the mock's models", |home| home.run(&["--json", "status"]).out.contains("gpt-4o").then_some(()));
    let model = format!("{provider}/gpt-4o");
    assert_eq!(home.run(&["chat", "-m", &model, "ping"]).done(), "pong é from afar\n");
    let tool = home.run(&["chat", "-m", &model, "time please"]);
    assert!(tool.err.contains("time__now"), "{}", tool.err);
    assert_eq!(tool.done(), "so late already\n");

    // A real model goes before the one that only stands in.
    let status = home.run(&["--json", "status"]).json();
    assert_ne!(status["model"], "offline/rules", "{status}");
}

#[test]
fn an_openai_compatible_server_answers_through_the_host() {
    check("openai", "/v1");
}

#[test]
fn an_anthropic_messages_server_answers_through_the_host() {
    check("anthropic", "");
}

#[test]
fn an_ollama_server_answers_through_the_host() {
    check("ollama", "");
}
