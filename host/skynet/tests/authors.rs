//! What an author does, with the real compilers: new, build, test, dev, and a call of what serves.
//!
//! `SKYNET_AUTHOR_TOOLS` names the folder of programs that `.ci/authors.sh` filled. Rust and C are
//! never left out; Go is where that folder has none. Built only with the feature `peers`.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

#[path = "e2e/household.rs"]
#[allow(dead_code)]
mod household;

use household::{Household, Said};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

fn tools() -> PathBuf {
    std::env::var_os("SKYNET_AUTHOR_TOOLS").expect("SKYNET_AUTHOR_TOOLS names no folder; .ci/authors.sh fills one").into()
}

/// A command with the author's own environment: compilers need their caches.
fn author(home: &Household, arguments: &[&str]) -> Said {
    let mut command = home.command(arguments);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", tools().display()));
    for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "XDG_CACHE_HOME", "WASM_CARGO", "WASM_TOOLCHAIN_DIR", "WASM_TOOLCHAIN_NO_RUSTUP"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.output().expect("the binary runs").into()
}

fn invoke(home: &Household, tool: &str, name: &str) -> String {
    let lock = std::fs::read_to_string(home.home().join("skynet.lock")).expect("a lock");
    let token = std::fs::read_to_string(home.home().join("owner.token")).expect("a token");
    let address = lock.split(' ').nth(1).expect("an address").trim().to_owned();
    let body = serde_json::json!({ "tool": tool, "args": { "name": name } }).to_string();
    let head = format!(
        "POST /tools/invoke HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        token.trim(),
        body.len()
    );
    let mut stream = TcpStream::connect(&address).expect("the gateway");
    stream.write_all(format!("{head}{body}").as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// From nothing to an answer; gives the household and the project's folder.
fn walk(lang: &str) -> (Household, PathBuf) {
    let mut home = Household::new();
    let folder = home.home().join(format!("../hello-{lang}"));
    let at = folder.to_str().unwrap();
    author(&home, &["plugin", "new", "--lang", lang, &format!("hello-{lang}"), "--path", at]).done();
    let tested = author(&home, &["--json", "plugin", "test", at]).json();
    assert_eq!(tested["failed"], 0, "{tested}");
    assert!(tested["passed"].as_u64().unwrap() >= 6, "{tested}");
    let built = author(&home, &["--json", "plugin", "build", at]).json();
    home.run(&["plugin", "verify", built["file"].as_str().unwrap()]).done();

    home.start();
    let taken: Value = author(&home, &["--json", "plugin", "dev", "--once", at]).json();
    let id = format!("local/hello-{lang}");
    if taken["status"]["status"]["state"] == "pending" {
        home.run(&["plugin", "grant", "--yes", &id]).done();
    }
    let tool = home.until_state(&id, "serving")["tools"][0].as_str().expect("a tool").to_owned();
    let answer = invoke(&home, &tool, "Ad\u{e9} \"the\" first");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Hello, Ad\u{e9} \\\"the\\\" first."), "{answer}");
    (home, folder)
}

fn change(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{} holds no `{from}`", file.display());
    std::fs::write(file, text.replace(from, to)).unwrap();
}

#[test]
fn a_plugin_in_rust_goes_from_nothing_to_an_answer_and_hears_recorded_servers() {
    let (home, folder) = walk("rust");
    // The same tool asks a server now, and what that says is on tape.
    change(
        &folder.join("src/lib.rs"),
        "Ok(Outcome::text(format!(\"Hello, {}.\", greet.name)))",
        "let url = format!(\"https://api.example.com/greet/{}\", greet.name);
                let mut answer = http::Client::new().send(http::Request::get(url))?;
                let text = answer.text(1000)?;
                Ok(Outcome::text(format!(\"{} {text}\", answer.status)))",
    );
    change(
        &folder.join("src/lib.rs"),
        "use skynet_plugin_sdk::tool::",
        "use skynet_plugin_sdk::http::{self, Transport as _};\nuse skynet_plugin_sdk::tool::",
    );
    change(&folder.join("plugin.toml"), "[permissions]", "[permissions]\nnet = [{ url = \"https://api.example.com\" }]");
    change(&folder.join("calls.json"), "Hello, Ada.", "200 Servus!");
    let tape = r#"[{ "method": "GET", "url": "https://api.example.com/greet/Ada", "status": 200, "headers": [["content-type", "text/plain"]], "body": "Servus!" }]"#;
    std::fs::write(folder.join("exchanges.json"), tape).unwrap();
    let at = folder.to_str().unwrap();
    let tested = author(&home, &["--json", "plugin", "test", at]).json();
    assert_eq!(tested["failed"], 0, "{tested}");
    assert!(tested.to_string().contains("with servers and files refused"), "{tested}");

    // A request that is not on tape reaches nobody.
    change(&folder.join("calls.json"), "\"name\": \"Ada\"", "\"name\": \"Eve\"");
    let said = author(&home, &["plugin", "test", at]);
    assert!(said.code == 1 && said.out.contains("wanted \"200 Servus!\", got the error unavailable"), "{}", said.out);
    assert!(said.out.contains("no recorded exchange fits GET https://api.example.com/greet/Eve"), "{}", said.out);
    assert!(said.out.contains("skynet plugin test --record"), "{}", said.out);
}

#[test]
fn a_call_sees_the_time_and_the_random_numbers_that_its_test_gives() {
    let home = Household::new();
    let folder = home.home().join("../when");
    let at = folder.to_str().unwrap();
    author(&home, &["plugin", "new", "--lang", "c", "when", "--path", at]).done();
    let source = folder.join("src/plugin.c");
    change(
        &source,
        "skynet_textf(\"Hello, %s.\", whom)",
        "skynet_textf(\"%lld %s %02x%02x\", (long long)time(NULL), whom, dice[0], dice[1])",
    );
    change(&source, "    if (!whom)", "    unsigned char dice[2];\n    if (getentropy(dice, 2)) return false;\n    if (!whom)");
    change(&source, "#include \"tool.h\"", "#include \"tool.h\"\n#include <time.h>\n#include <unistd.h>");
    change(&folder.join("calls.json"), "\"tool\": \"greet\",", "\"tool\": \"greet\", \"now_ms\": 86400000, \"seed\": 7,");
    // What the numbers are is the first run's to say.
    change(&folder.join("calls.json"), "Hello, Ada.", "86400 Ada SEEDED");
    let said = author(&home, &["plugin", "test", at]);
    let got = said.out.split("got \"").nth(1).and_then(|rest| rest.split('"').next()).expect("what it gave").to_owned();
    assert!(got.starts_with("86400 Ada ") && got.len() == "86400 Ada 1234".len(), "{}", said.out);
    change(&folder.join("calls.json"), "86400 Ada SEEDED", &got);
    author(&home, &["plugin", "test", at]).done();
    change(&folder.join("calls.json"), "\"seed\": 7", "\"seed\": 8");
    assert_eq!(author(&home, &["plugin", "test", at]).code, 1, "another seed gives other numbers");
}

#[test]
fn a_plugin_in_c_goes_from_nothing_to_an_answer() {
    walk("c");
}

/// The template of each other kind holds what every plugin of that kind must, and its own golden questions,
/// and is measured beside a component of that kind that does nothing.
fn every_other_kind(home: &Household, lang: &str) {
    kinds(home, lang, &["hook", "channel", "provider"]);
}

fn kinds(home: &Household, lang: &str, kinds: &[&str]) {
    for kind in kinds {
        let folder = home.home().join(format!("../{lang}-{kind}"));
        let at = folder.to_str().unwrap();
        author(home, &["plugin", "new", "--lang", lang, "--kind", kind, &format!("{lang}-{kind}"), "--path", at]).done();
        let tested = author(home, &["--json", "plugin", "test", at]).json();
        assert_eq!(tested["failed"], 0, "{tested}");
        assert!(tested.to_string().contains("calls.json: "), "its golden questions are asked: {tested}");
        let measured = author(home, &["--json", "plugin", "bench", "--calls", "50", at]).json();
        assert_eq!((&measured["kind"], &measured["calls"]), (&Value::from(*kind), &50.into()), "{measured}");
        assert!(measured["empty_p50_us"].as_f64().unwrap() > 0.0, "{measured}");
    }
}

#[test]
fn ten_thousand_texts_beside_the_one_that_is_asked_for_cost_a_plugin_in_c_no_memory() {
    let home = Household::new();
    let folder = home.home().join("../many");
    let at = folder.to_str().unwrap();
    author(&home, &["plugin", "new", "--lang", "c", "many", "--path", at]).done();
    let texts = vec![r#""a\"b""#; 10_000].join(",");
    change(&folder.join("calls.json"), r#""name": "Ada""#, &format!(r#""list": [{texts}], "name": "Ada""#));
    author(&home, &["plugin", "test", at]).done();
}

#[test]
fn a_recording_of_nothing_and_a_build_that_fails_are_said_and_leave_what_was_there() {
    let home = Household::new();
    let folder = home.home().join("../still");
    let at = folder.to_str().unwrap();
    author(&home, &["plugin", "new", "--lang", "c", "still", "--path", at]).done();
    let tape = folder.join("exchanges.json");
    std::fs::write(&tape, "[]").unwrap();
    author(&home, &["plugin", "test", "--record", "--yes", at]).refused(5, &["no call asked a server", "exchanges.json is as it was"]);
    change(&folder.join("calls.json"), "\"tool\": \"greet\"", "\"tool\": \"great\"");
    author(&home, &["plugin", "test", "--record", "--yes", at])
        .refused(4, &["not every call succeeded", "unknown-tool", "exchanges.json is as it was"]);
    change(&folder.join("src/plugin.c"), "#include", "#inklude");
    author(&home, &["plugin", "dev", "--once", at]).refused(1, &["inklude"]);
    assert!(!home.home().join("plugins/local--still.wasm").exists());
}

#[test]
fn every_kind_in_c_passes_the_tests_that_each_plugin_must() {
    every_other_kind(&Household::new(), "c");
}

#[test]
fn every_kind_in_rust_passes_the_tests_that_each_plugin_must_and_a_provider_hears_recorded_servers() {
    let home = Household::new();
    every_other_kind(&home, "rust");
    // The model asks a server now, and what that says is on tape.
    let folder = home.home().join("../rust-provider");
    let at = folder.to_str().unwrap();
    change(
        &folder.join("src/lib.rs"),
        "    sink.emit(vec![Delta::Text(format!(\"You said: {said}\"))])?;",
        "    let mut heard = http::Client::new().send(http::Request::get(\"https://api.example.com/echo\"))?;
    let heard = heard.text(1000)?;
    sink.emit(heard.split(' ').map(|word| Delta::Text(format!(\"{word}-\"))).collect())?;
    sink.emit(vec![Delta::Text(said.clone())])?;",
    );
    change(
        &folder.join("src/lib.rs"),
        "use skynet_plugin_sdk::provider::{",
        "use skynet_plugin_sdk::http::{self, Transport as _};\nuse skynet_plugin_sdk::provider::{",
    );
    change(&folder.join("plugin.toml"), "[permissions]", "[permissions]\nnet = [{ url = \"https://api.example.com\" }]");
    let deltas =
        r#""text": "so-you-said-hello", "deltas": [{ "text": "so-" }, { "text": "you-" }, { "text": "said-" }, { "text": "hello" }]"#;
    change(&folder.join("calls.json"), "\"text\": \"You said: hello\"", deltas);
    let tape = r#"[{ "method": "GET", "url": "https://api.example.com/echo", "status": 200, "body": "so you said" }]"#;
    std::fs::write(folder.join("exchanges.json"), tape).unwrap();
    let tested = author(&home, &["--json", "plugin", "test", at]).json();
    assert_eq!(tested["failed"], 0, "{tested}");
    // What a server says otherwise, and what a golden question wants otherwise, fails.
    change(&folder.join("exchanges.json"), "so you said", "so she said");
    let said = author(&home, &["plugin", "test", at]);
    assert!(said.code == 1 && said.out.contains("FAIL calls.json: says back what it was told"), "{}", said.out);
    assert!(said.out.contains("so-she-said-hello"), "{}", said.out);
}

#[test]
fn a_hook_that_says_something_else_than_wanted_fails_the_test() {
    let home = Household::new();
    let folder = home.home().join("../strict");
    let at = folder.to_str().unwrap();
    author(&home, &["plugin", "new", "--lang", "c", "--kind", "hook", "strict", "--path", at]).done();
    change(&folder.join("src/plugin.c"), "\"xyzzy\"", "\"plugh\"");
    let said = author(&home, &["plugin", "test", at]);
    assert!(said.code == 1 && said.out.contains("FAIL calls.json: blocks the word"), "{}", said.out);
    assert!(said.out.contains("\"verdict\":\"allow\""), "what it gave is named: {}", said.out);
    change(&folder.join("calls.json"), "\"verdict\": \"allow\"", "\"verdct\": \"allow\"");
    author(&home, &["plugin", "test", at]).refused(4, &["calls.json", "verdct"]);
}

#[test]
fn a_plugin_in_go_goes_from_nothing_to_an_answer() {
    if !Path::new(&tools().join("go")).exists() {
        println!("Go is NOT tested: {} has none", tools().display());
        return;
    }
    let (home, _) = walk("go");
    kinds(&home, "go", &["hook", "channel"]);
    home.run(&["plugin", "new", "--lang", "go", "--kind", "provider", "p"]).refused(4, &["cannot make a provider"]);
}

#[test]
fn a_channel_in_go_says_and_hears_every_field_where_the_contract_has_it() {
    if !Path::new(&tools().join("go")).exists() {
        println!("Go is NOT tested: {} has none", tools().display());
        return;
    }
    let home = Household::new();
    let folder = home.home().join("../fields");
    let at = folder.to_str().unwrap();
    author(&home, &["plugin", "new", "--lang", "go", "--kind", "channel", "fields", "--path", at]).done();
    std::fs::write(folder.join("main.go"), FIELDS).unwrap();
    std::fs::write(folder.join("calls.json"), FIELDS_CALLS).unwrap();
    let tested = author(&home, &["--json", "plugin", "test", at]).json();
    assert_eq!(tested["failed"], 0, "{tested}");
}

/// Says back each field of what it is told, in an action that has as many.
const FIELDS: &str = r#"package main

import (
	"fmt"

	"skynet.example/skynet"
)

func handle(event skynet.Event) ([]skynet.Action, error) {
	switch event := event.(type) {
	case skynet.Started:
		return []skynet.Action{
			skynet.SaveState{State: "was " + event.State},
			skynet.SetTimer{Name: "soon", AfterMS: 1 << 40},
			skynet.Request{Source: "poll", Method: "POST", URL: "https://a.net/x", Headers: []skynet.Header{{Name: "a", Value: "b"}, {Name: "c", Value: "d"}}, Body: []byte{255, 0}},
			skynet.Message{Conversation: "c", Message: "m", Sender: "s", SenderName: "n", Text: "t", Attachments: []skynet.Blob{{MIME: "image/png", Data: []byte("abc")}}, MentionsUs: true},
		}, nil
	case skynet.Frame:
		return []skynet.Action{skynet.Send{Frame: event}}, nil
	case skynet.Timer:
		return nil, fmt.Errorf("the timer %s", event.Name)
	case skynet.Reply:
		return []skynet.Action{skynet.SaveState{State: fmt.Sprintf("%+v", event)}}, nil
	case skynet.Typing:
		return []skynet.Action{skynet.Close{Source: event.Conversation, Reason: "stop"}}, nil
	case skynet.Connected:
		return []skynet.Action{skynet.SaveState{State: event.Source}}, nil
	case skynet.Disconnected:
		return []skynet.Action{skynet.Close{Source: event.Source, Reason: event.Reason}}, nil
	}
	return nil, nil
}

func init() {
	skynet.Serve(skynet.Plugin{Name: "Fields", Summary: "Says all fields.", Channel: skynet.Channel{Handle: handle}})
}

func main() {}
"#;

const FIELDS_CALLS: &str = r#"{ "events": [
  { "name": "started", "event": { "kind": "started", "state": "é" }, "expect": { "actions": [
    { "kind": "save-state", "state": "was é" },
    { "kind": "set-timer", "timer": "soon", "after_ms": 1099511627776 },
    { "kind": "request", "source": "poll", "method": "POST", "url": "https://a.net/x", "headers": [["a", "b"], ["c", "d"]], "hex": "ff00" },
    { "kind": "message", "conversation": "c", "message": "m", "sender": "s", "sender_name": "n", "text": "t", "is_direct": false,
      "mentions_us": true, "attachments": [{ "mime": "image/png", "bytes": 3 }] }] } },
  { "name": "frame", "event": { "kind": "frame", "source": "s", "hex": "ff00" }, "expect": { "actions": [{ "kind": "send", "source": "s", "hex": "ff00", "is_text": false }] } },
  { "name": "timer", "event": { "kind": "timer", "timer": "t" }, "expect": { "error": "failed" } },
  { "name": "reply", "event": { "kind": "reply", "conversation": "c", "text": "t", "partial": true, "in_reply_to": "m" },
    "expect": { "actions": [{ "state": "{Conversation:c Text:t Attachments:[] Partial:true InReplyTo:m}" }] } },
  { "name": "typing", "event": { "kind": "typing", "conversation": "c" }, "expect": { "actions": [{ "kind": "close", "source": "c", "reason": "stop" }] } },
  { "name": "connected", "event": { "kind": "connected", "source": "s" }, "expect": { "actions": [{ "state": "s" }] } },
  { "name": "disconnected", "event": { "kind": "disconnected", "source": "s", "reason": "r" }, "expect": { "actions": [{ "kind": "close", "source": "s", "reason": "r" }] } }
] }"#;

#[test]
fn a_call_that_gives_something_else_than_wanted_fails_the_test() {
    let home = Household::new();
    let folder = home.home().join("../wrong");
    let at = folder.to_str().unwrap();
    author(&home, &["plugin", "new", "--lang", "c", "wrong", "--path", at]).done();
    let calls = folder.join("calls.json");
    let text = std::fs::read_to_string(&calls).unwrap().replace("Hello, Ada.", "Goodbye, Ada.");
    std::fs::write(calls, text).unwrap();
    let said = author(&home, &["plugin", "test", at]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("FAIL calls.json: greets by name") && said.out.contains("Goodbye, Ada."), "{}", said.out);
}

#[test]
fn a_missing_compiler_is_named_with_the_package_that_brings_it() {
    let home = Household::new();
    let folder = home.home().join("../poor");
    let at = folder.to_str().unwrap();
    home.run(&["plugin", "new", "--lang", "c", "poor", "--path", at]).done();
    // Without PATH nothing is found.
    home.run(&["plugin", "build", at]).refused(5, &["C compiler", "pip install ziglang", "wasi-libc"]);
}
