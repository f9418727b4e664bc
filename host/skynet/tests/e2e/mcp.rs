//! The Model Context Protocol through the whole product: a program that pipes its requests,
//! and servers that mean no good on their way to being plugins.

use crate::household::Household;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

fn serving() -> Household {
    let mut home = Household::new();
    home.install("tool-time");
    home.install_built_in("mcp-bridge", "mcp-bridge.wasm");
    home.start();
    home.until_state("skynet/tool-time", "serving");
    home.until_state("skynet/mcp-bridge", "serving");
    home
}

/// What a program says on stdin, all at once; gives what it was answered, line by line.
fn piped(home: &Household, lines: &str) -> Vec<Value> {
    let mut command = home.command(&["mcp", "serve"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary runs");
    child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("written");
    let said = child.wait_with_output().expect("it ends");
    assert!(said.status.success());
    String::from_utf8_lossy(&said.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn hello() -> Value {
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "pipe", "version": "1"}});
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
}

#[test]
fn a_pipe_of_requests_is_answered_although_stdin_ends() {
    let home = serving();
    let call = json!({"jsonrpc": "2.0", "id": "two", "method": "tools/call", "params": {"name": "time__now", "arguments": {}}});
    let done = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let batch = json!([{"jsonrpc": "2.0", "id": 7, "method": "tools/list"}, {"jsonrpc": "2.0", "method": "notifications/initialized"}]);
    let answers = piped(&home, &format!("{}\nthis is no message\n\n{done}\n{batch}\n{call}\n", hello()));
    let (batch, answers): (Vec<Value>, Vec<Value>) = answers.into_iter().partition(Value::is_array);
    assert_eq!((batch.len(), &batch[0][0]["id"], &batch[0][0]["error"]["code"]), (1, &json!(7), &json!(-32600)));
    assert_eq!(answers.iter().map(|answer| answer["id"].clone()).collect::<Vec<_>>(), [json!(1), Value::Null, json!("two")]);
    assert_eq!((&answers[0]["result"]["serverInfo"]["name"], &answers[1]["error"]["code"]), (&json!("skynet"), &json!(-32700)));
    assert_eq!(answers[2]["result"]["isError"], false);
}

#[test]
fn without_a_host_each_request_is_told_so() {
    let home = Household::new();
    let answers = piped(&home, &format!("{}\n", hello()));
    assert_eq!(answers[0]["id"], 1);
    let message = answers[0]["error"]["message"].as_str().unwrap();
    assert!(message.contains("no host answers") && message.contains("skynet daemon start"), "{message}");
}

#[test]
fn a_token_that_does_not_hold_is_told_apart() {
    let home = serving();
    let mut command = home.command(&["mcp", "serve"]);
    let mut child = command.env("SKYNET_TOKEN", "wrong").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary runs");
    child.stdin.take().expect("a pipe").write_all(format!("{}\n", hello()).as_bytes()).expect("written");
    let said = String::from_utf8(child.wait_with_output().expect("it ends").stdout).unwrap();
    assert!(said.contains("401") && said.contains("skynet token new"), "{said}");
}

#[test]
fn what_to_write_into_settings_names_this_program_and_this_folder() {
    let home = Household::new();
    let config = home.run(&["--json", "mcp", "config"]).json();
    let server = &config["mcpServers"]["skynet"];
    assert_eq!((&server["args"], &server["env"]["SKYNET_HOME"]), (&json!(["mcp", "serve"]), &json!(home.home())));
    let config = home.run(&["mcp", "config", "--http"]).json();
    assert!(config["mcpServers"]["skynet"]["url"].as_str().unwrap().ends_with("/mcp"));
}

/// A server that answers every request with these bytes, again and again if they are to be many.
fn server(head: &'static str, body: &'static [u8], times: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            answer(stream, head, body, times);
        }
    });
    url
}

fn answer(mut stream: TcpStream, head: &str, body: &[u8], times: usize) {
    let (mut seen, mut byte) = (Vec::new(), [0]);
    while !seen.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        seen.push(byte[0]);
    }
    // To its end: who closes with bytes unread takes the answer back.
    let head_seen = String::from_utf8_lossy(&seen).to_lowercase();
    let length = head_seen.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    drop(stream.read_exact(&mut vec![0; length]));
    let mut sent = stream.write_all(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").as_bytes());
    for _ in 0..times {
        sent = sent.and_then(|()| stream.write_all(body));
    }
    // Who was refused has gone.
    drop(sent);
}

#[test]
fn a_server_that_means_no_good_becomes_no_plugin() {
    let home = serving();
    let check_as = |code: i32, name: &str, url: &str, words: &[&str]| {
        home.run(&["plugin", "add-mcp", name, url, "--private", "--yes"]).refused(code, words);
        assert!(!home.home().join(format!("plugins/mcp-{name}.wasm")).exists(), "{name} was left behind");
    };
    let check = |name: &str, url: &str, words: &[&str]| check_as(4, name, url, words);
    let elsewhere = server("307 Temporary Redirect\r\nlocation: http://169.254.169.254/latest", b"", 0);
    check("moved", &elsewhere, &["redirects to http://169.254.169.254/latest", "not followed"]);
    let flood = server("200 OK\r\ncontent-type: text/event-stream", &[b':'; 65_536], 1000);
    check("flood", &flood, &["could not be looked at"]);
    check("page", &server("200 OK\r\ncontent-type: text/html", b"<html>", 1), &["no JSON"]);
    check_as(2, "Bad_Name", &elsewhere, &["no name for a server"]);
    check("sly", "https://me:secret@mcp.example.com/", &["no place in an address"]);
    home.run(&["plugin", "add-mcp", "--update", "nobody"]).refused(5, &["no server named nobody"]);
}

/// A server that speaks the protocol and offers these tools, or says these words instead.
fn friendly(tools: &Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
    let tools = tools.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut seen, mut byte) = (Vec::new(), [0]);
            while !seen.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                seen.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&seen).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            drop(stream.read_exact(&mut body));
            let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
            let result = match asked["method"].as_str() {
                Some("initialize") => {
                    let server = json!({"name": "friendly", "version": "1"});
                    json!({"protocolVersion": asked["params"]["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": server})
                }
                _ => json!({"tools": tools}),
            };
            let mut said = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
            if tools.is_string() {
                said = json!({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32000, "message": tools}});
            }
            let said = said.to_string();
            let head = match asked.get("id") {
                Some(_) => format!("200 OK\r\ncontent-type: application/json\r\ncontent-length: {}", said.len()),
                None => "202 Accepted\r\ncontent-length: 0".to_owned(),
            };
            let said = if asked.get("id").is_some() { said } else { String::new() };
            drop(stream.write_all(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{said}").as_bytes()));
        }
    });
    url
}

#[test]
fn a_program_reads_what_it_would_agree_to_and_agrees_with_yes_alone() {
    let home = serving();
    let end = "and this stands at the very end";
    let about = format!("{} {end}", "word ".repeat(4_000));
    let schema = json!({"type": "object", "properties": {"x": {"description": about}}});
    let url = friendly(&json!([
        {"name": "sum", "description": about, "inputSchema": schema, "annotations": {"openWorldHint": false}},
        {"name": "sly", "description": "Adds.\u{200b}", "inputSchema": {"type": "object"}},
    ]));
    let unasked = home.run(&["--json", "plugin", "add-mcp", "sums", &url, "--private"]);
    assert!(unasked.out.contains("127.0.0.1") && unasked.out.contains("\"taken\":false"), "{}", unasked.out);
    unasked.refused(4, &["nothing was granted"]);
    // Who is kept from a private server is told what to do, by the host's own word.
    home.run(&["plugin", "add-mcp", "sums", &url, "--yes"]).refused(4, &["could not be looked at", "--private"]);
    let shown = home.run(&["plugin", "add-mcp", "sums", &url, "--private", "--yes"]).done();
    // Long lines are wrapped.
    let unwrapped = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(unwrapped.matches(end).count(), 2, "not all of it was shown");
    assert!(shown.contains("reaches nobody else") && shown.contains("`sly` is left out"), "{shown}");
    // The same again is no change; another server behind the name is, and nothing is taken without a yes.
    let same = home.run(&["--json", "plugin", "add-mcp", "--update", "sums"]).json();
    assert_eq!((&same["changes"], &same["left_out"][0]["name"], &same["tools"][0]), (&json!([]), &json!("sly"), &json!("sums__sum")));
}

#[test]
fn only_the_bridge_that_came_with_the_host_is_taken_unnamed() {
    let mut home = Household::new();
    home.install("mcp-bridge");
    home.start();
    home.until_state("skynet/mcp-bridge", "serving");
    let url = friendly(&json!([{"name": "sum", "inputSchema": {"type": "object"}}]));
    let add = ["plugin", "add-mcp", "sums", &url, "--private", "--yes"];
    home.run(&add).refused(5, &["there is no bridge", "when you name it", "mcp-bridge.wasm"]);
    let bridge = home.home().join("plugins/mcp-bridge.wasm");
    let named = home.run(&[add.as_slice(), &["--bridge", bridge.to_str().unwrap()]].concat()).done();
    assert!(named.contains("the bridge is skynet/mcp-bridge") && named.contains("(local)"), "{named}");
    home.install_built_in("mcp-bridge", "one.wasm");
    home.install_built_in("mcp-bridge", "two.wasm");
    home.run(&["plugin", "add-mcp", "more", &url, "--private", "--yes"]).refused(4, &["more than one bridge", "one.wasm", "two.wasm"]);
}

#[test]
fn the_words_of_a_server_move_no_cursor() {
    let home = serving();
    let url = friendly(&json!("no \u{1b}]0;owned\u{7}\u{1b}[2J, this is private"));
    let said = home.run(&["plugin", "add-mcp", "loud", &url, "--private", "--yes"]);
    assert!(!said.err.contains('\u{1b}') && !said.err.contains("needs --private"), "{:?}", said.err);
    said.refused(4, &["could not be looked at", "this is private"]);
}
