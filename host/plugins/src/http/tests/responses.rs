//! Servers that answer badly: each answer ends in an error or in what it honestly says,
//! and nothing of it is taken for the answer to another request.

use super::server::{HI, Server};
use super::stage::{Stage, get};
use http_body_util::BodyExt;
use wasmtime_wasi_http::Error;

const URL: &str = "http://api.example.com/";

/// What a server says, and the body or a word of the error that comes of it.
async fn check(answer: impl AsRef<[u8]>, expected: Result<&str, &str>) {
    let shown = String::from_utf8_lossy(&answer.as_ref()[..answer.as_ref().len().min(120)]).into_owned();
    let server = Server::saying_once(answer.as_ref().to_vec()).await;
    let stage = Stage::open(server.address);
    match (stage.get(URL).await, expected) {
        (Ok(found), Ok(body)) => assert_eq!(found, body, "{shown}"),
        (Err(found), Err(word)) => assert!(found.to_string().contains(word), "{shown}: {found}"),
        (found, _) => panic!("{shown}: {found:?}, not {expected:?}"),
    }
    let rows = stage.rows("egress.end");
    assert_eq!(rows.len(), 1, "{shown}");
    assert_eq!(rows[0].verdict == "ok", expected.is_ok(), "{shown}: {rows:?}");
}

fn ok(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn conflicting_lengths_are_an_error() {
    check(ok("content-length: 2\r\ncontent-length: 3\r\n", "hi!"), Err("content-length")).await;
    check(ok("content-length: 2, 3\r\n", "hi!"), Err("content-length")).await;
    check(ok("content-length: -1\r\n", "hi"), Err("content-length")).await;
    check(ok("content-length: +2\r\n", "hi"), Err("content-length")).await;
    check(ok("content-length: 0x2\r\n", "hi"), Err("content-length")).await;
    check(ok("content-length: 99999999999999999999999\r\n", "hi"), Err("content-length")).await;
}

#[tokio::test]
async fn chunks_count_where_a_length_is_said_too_and_odd_codings_are_an_error() {
    check(ok("transfer-encoding: chunked\r\ncontent-length: 99\r\n", "2\r\nhi\r\n0\r\n\r\n"), Ok("200 hi")).await;
    check(ok("transfer-encoding: chunked\r\n", "zz\r\nhi\r\n0\r\n\r\n"), Err("body")).await;
    check(ok("transfer-encoding: chunked\r\n", "fffffffffffffffff\r\nhi"), Err("body")).await;
    check(ok("transfer-encoding: chunked\r\n", "2\r\nhi"), Err("body")).await;
    let extension = format!("2;{}\r\nhi\r\n0\r\n\r\n", "x".repeat(100_000));
    check(ok("transfer-encoding: chunked\r\n", &extension), Err("body")).await;
}

#[tokio::test]
async fn a_body_that_is_shorter_than_it_says_is_an_error() {
    check(ok("content-length: 5\r\n", "hi"), Err("body")).await;
    check(ok("", "until the end"), Ok("200 until the end")).await;
}

#[tokio::test]
async fn what_is_no_http_is_an_error() {
    for nonsense in ["hello\r\n\r\n", "HTTP/1.1 two hundred\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n", "SSH-2.0-x\r\n", "\0\0\0\r\n\r\n", ""] {
        check(nonsense, Err("hyper")).await;
    }
    for line in ["x: a\0b", "x y: a", ": a", "x\r", "x: a\rb", "\u{7f}: a"] {
        check(ok(&format!("{line}\r\n"), "hi"), Err("hyper")).await;
    }
    // A folded line is another header's value in older servers' eyes.
    check(ok("x-a: 1\r\n content-length: 99\r\ncontent-length: 2\r\n", "hi"), Err("hyper")).await;
}

#[tokio::test]
async fn bytes_after_an_answer_are_not_the_answer_to_the_next_request() {
    let smuggled = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let server = Server::saying(smuggled).await;
    let stage = Stage::open(server.address);
    for _ in 0..3 {
        assert_eq!(stage.get(URL).await.unwrap(), "200 hi");
    }
    assert_eq!(server.heard().len(), 3, "such a connection is not used again");
}

#[tokio::test]
async fn a_change_of_protocol_that_nobody_asked_for_is_an_error() {
    check("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", Err("")).await;
}

#[tokio::test]
async fn interim_answers_are_passed_over_and_a_flood_of_them_is_cut_off() {
    let some = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(20);
    check(format!("HTTP/1.1 100 Continue\r\n\r\n{some}{HI}"), Ok("200 hi")).await;
    let server = Server::doing(|mut talk| async move {
        talk.head().await;
        talk.flood("HTTP/1.1 100 Continue\r\n\r\n").await;
    })
    .await;
    Stage::open(server.address).fails(URL, "hyper").await;
}

#[tokio::test]
async fn heads_without_end_are_cut_off() {
    for line in ["x-more: and more\r\n", "x-wide: more", "x"] {
        let server = Server::doing(move |mut talk| async move {
            talk.head().await;
            talk.say("HTTP/1.1 200 OK\r\n").await;
            talk.flood(line).await;
        })
        .await;
        Stage::open(server.address).fails(URL, "hyper").await;
    }
    let wide = |bytes: usize| ok(&format!("x-wide: {}\r\ncontent-length: 2\r\n", "x".repeat(bytes)), "hi");
    check(wide(60 * 1024), Ok("200 hi")).await;
    check(wide(64 * 1024), Err("hyper")).await;
    let many = |count: usize| ok(&format!("{}content-length: 2\r\n", "x-a: 1\r\n".repeat(count)), "hi");
    check(many(90), Ok("200 hi")).await;
    check(many(101), Err("hyper")).await;
}

#[tokio::test]
async fn trailers_are_taken_off_and_a_flood_of_them_is_cut_off() {
    let chunked = "transfer-encoding: chunked\r\ntrailer: x-t\r\n";
    check(ok(chunked, "2\r\nhi\r\n0\r\nx-t: 1\r\nset-cookie: a=b\r\n\r\n"), Ok("200 hi")).await;
    let server = Server::doing(|mut talk| async move {
        talk.head().await;
        talk.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n").await;
        talk.flood("x-t: and more\r\n").await;
    })
    .await;
    Stage::open(server.address).fails(URL, "body").await;
}

#[tokio::test]
async fn headers_that_speak_to_the_connection_do_not_reach_the_guest() {
    let hops =
        "connection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nproxy-authenticate: Basic\r\nupgrade: h2c\r\nx-kept: 1\r\n";
    let server = Server::saying_once(ok(&format!("{hops}transfer-encoding: chunked\r\n"), "0\r\n\r\n")).await;
    let answer = Stage::open(server.address).send(get(URL)).await.unwrap();
    let names: Vec<_> = answer.headers().keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["x-kept"]);
}

#[tokio::test]
async fn a_body_without_end_stops_at_the_byte_limit_of_the_call() {
    for head in ["", "transfer-encoding: chunked\r\n"] {
        let server = Server::doing(move |mut talk| async move {
            talk.head().await;
            talk.say(ok(head, "")).await;
            talk.flood(format!("4000\r\n{}\r\n", "x".repeat(0x4000))).await;
        })
        .await;
        let stage = Stage::open(server.address);
        let mut answer = stage.send(get(URL)).await.unwrap().into_body();
        let (mut bytes, mut end) = (0, None);
        while let Some(frame) = answer.frame().await {
            match frame {
                Ok(frame) => bytes += frame.into_data().unwrap().len(),
                Err(error) => end = Some(error),
            }
        }
        assert!(matches!(end, Some(Error::HttpResponseBodySize(Some(_)))), "{end:?}");
        assert!(bytes <= 32 * 1024 * 1024 && bytes > 31 * 1024 * 1024, "{bytes}");
        drop(answer);
        assert_eq!(stage.rows("egress.end")[0].verdict, "error");
    }
}
