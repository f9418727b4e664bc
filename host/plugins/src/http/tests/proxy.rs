//! What a script writes on its connection that goes nowhere: each leaves a row, a flood of
//! them no more than a call may.

use super::super::proxy;
use super::server::Server;
use super::stage::Stage;
use crate::limits;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// Writes this and hears so many refusals, or the end; gives what it heard, and the rows as `subject: why`.
async fn say(text: &str, refusals: usize) -> (String, Vec<String>) {
    let server = Server::doing(|_| async {}).await;
    let stage = Stage::open(server.address);
    let errand = stage.errand("tool");
    let (door, log) = (Arc::new(stage.door), stage.log);
    let (theirs, serving) = proxy::open(door, errand).unwrap();
    let theirs = std::os::unix::net::UnixStream::from(theirs);
    theirs.set_nonblocking(true).unwrap();
    let mut script = UnixStream::from_std(theirs).unwrap();
    let talk = async move {
        script.write_all(text.as_bytes()).await.unwrap();
        let (mut answer, mut piece) = (String::new(), [0; 4096]);
        while answer.matches("opens no tunnels\n").count() < refusals {
            match script.read(&mut piece).await {
                Ok(read) if read > 0 => answer.push_str(&String::from_utf8_lossy(&piece[..read])),
                _ => break,
            }
        }
        answer
    };
    let ((), answer) = tokio::join!(serving, talk);
    let rows = log.rows().into_iter().filter(|row| row.verdict == "denied");
    (answer, rows.map(|row| format!("{}: {}", row.subject, row.detail["why"].as_str().unwrap())).collect())
}

#[tokio::test]
async fn a_tunnel_and_a_request_without_a_server_are_refused_with_words_and_a_row() {
    for (text, subject) in [
        (
            "CONNECT api.example.com:443 HTTP/1.1\r\nhost: api.example.com\r\n\r\n",
            "CONNECT ?://api.example.com:443: send the request itself",
        ),
        ("GET /secret/path HTTP/1.1\r\nhost: api.example.com\r\n\r\n", "GET ?://: send the request itself"),
    ] {
        let (answer, rows) = say(text, 1).await;
        assert!(answer.starts_with("HTTP/1.1 501") && answer.contains("opens no tunnels"), "{answer}");
        assert!(rows.len() == 1 && rows[0].starts_with(subject) && !rows[0].contains("secret"), "{rows:?}");
    }
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_leaves_a_row() {
    for text in [
        "GET http://a.example/ HTTP/1.1\r\nhost: a.example\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "GET http://a.example/ HTTP/1.1\r\nhost: a\rb: c\r\n\r\n",
        "\u{1}\u{2}\u{3}\r\n\r\n",
    ] {
        let (answer, rows) = say(text, 1).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(rows.len() == 1 && rows[0].starts_with("a script's request: it is no request"), "{rows:?}");
    }
}

#[tokio::test]
async fn a_script_that_asks_on_and_on_does_not_fill_the_log() {
    let most = limits::REFUSAL_ROWS as usize;
    let (answer, rows) = say(&"GET /x HTTP/1.1\r\nhost: a.example\r\n\r\n".repeat(most + 10), most + 10).await;
    assert_eq!((rows.len(), answer.matches("HTTP/1.1 501").count()), (most, most + 10));
}
