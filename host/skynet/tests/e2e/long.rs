//! Requests far over the pieces in which a component hands them out, to a model server that answers
//! when it read everything, before, and that closes: each is answered.

use crate::household::Household;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// Turns with each length.
const TURNS: usize = 6;

const MODELS: &str = r#"{"object":"list","data":[{"id":"far","object":"model"}]}"#;

const ANSWER: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"all here\"},\
    \"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// Serves one connection: its requests, one after the other.
fn serve(stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut first, mut length) = (String::new(), 0);
        reader.read_line(&mut first)?;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut writer = stream;
        if first.starts_with("GET") {
            write!(writer, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{MODELS}", MODELS.len())?;
            continue;
        }
        // So long a request is refused by its head alone, as a server with a limit does.
        if length > 800_000 {
            write!(writer, "HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 13\r\n\r\nit is too big")?;
            return Ok(());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        // By turns: the connection is kept, or closed.
        let close = if length % 2 == 0 { "connection: close\r\n" } else { "" };
        write!(writer, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{close}content-length: {}\r\n\r\n{ANSWER}", ANSWER.len())?;
        if !close.is_empty() {
            return Ok(());
        }
    }
}

fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            std::thread::spawn(move || drop(serve(&stream)));
        }
    });
    format!("http://{address}")
}

#[test]
fn a_long_conversation_reaches_the_model_every_time_and_a_refusal_of_its_length_is_read() {
    let mut home = Household::new();
    let address = server();
    let plugin = "skynet/provider-openai";
    home.run(&["config", "set", "settings.\"skynet/provider-openai\".base_url", &format!("{address}/v1")]).done();
    home.run(&["secret", "set", "openai_api_key", "--none", "--for", &address]).done();
    home.install("provider-openai");
    home.start();
    home.until(plugin, |home| home.plugin(plugin));
    home.run(&["plugin", "grant", "--yes", "--private", plugin]).done();
    home.until("the server's model", |home| home.run(&["--json", "status"]).out.contains("openai/far").then_some(()));

    for length in [50_000, 66_000, 120_000, 400_000] {
        for turn in 0..TURNS {
            // An odd letter more or less: both kinds of answer.
            let message = "x".repeat(length + turn);
            let said = home.run_with(&["chat", "-s", &format!("s{length}-{turn}"), "-m", "openai/far"], &message);
            assert_eq!(said.code, 0, "{length} letters, turn {turn}: {}", said.err);
            assert_eq!(said.out, "all here\n", "{length} letters, turn {turn}: {}", said.err);
        }
    }

    let said = home.run(&["--json", "chat", "-m", "openai/far", "short"]).json();
    assert_eq!((&said["text"], &said["model"], &said["notices"]), (&"all here".into(), &"openai/far".into(), &serde_json::json!([])));

    let refused = home.run_with(&["chat", "-s", "huge", "-m", "openai/far"], &"x".repeat(1_000_000));
    assert!(refused.code != 0 && refused.err.contains("too big"), "{} {} {}", refused.code, refused.out, refused.err);
}
