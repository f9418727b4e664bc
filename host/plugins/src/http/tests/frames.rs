//! HTTP/2 servers that are hostile frame by frame. Frames are written by hand, since
//! no library would send them.

use super::server::{Server, Talk};
use super::stage::{PUBLIC, Stage, get};
use super::tls::{Identity, identity};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use wasmtime_wasi_http::Error;

const URL: &str = "https://api.example.com/";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END: u8 = 1;
const HEAD_ENDS: u8 = 4;
/// `:status: 200`
const OK: &[u8] = &[0x88];
/// `:status: 103`
const HINTS: &[u8] = &[0x08, 3, b'1', b'0', b'3'];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header of 100 bytes as it stands in a frame.
fn wide_header() -> Vec<u8> {
    [&[0, 4][..], b"x-by", &[96], &[b'x'; 96]].concat()
}

/// Reads up to the head of the first request.
async fn first_request<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<S>) {
    let mut preface = [0; 24];
    talk.stream.read_exact(&mut preface).await.unwrap();
    talk.say(frame(SETTINGS, 0, 0, &[])).await;
    loop {
        let mut head = [0; 9];
        talk.stream.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        talk.stream.read_exact(&mut payload).await.unwrap();
        match head[3] {
            HEADERS => return,
            SETTINGS if head[4] == 0 => talk.say(frame(SETTINGS, 1, 0, &[])).await,
            _ => {}
        }
    }
}

/// A server that says `once` to the first request of a connection, then `flood` without
/// end where there is any.
async fn hostile(once: Vec<u8>, flood: Vec<u8>) -> (Stage, Server) {
    let Identity { roots, acceptor } = identity(&["api.example.com"], &["h2"]);
    let server = Server::doing(move |talk| {
        let (acceptor, once, flood) = (acceptor.clone(), once.clone(), flood.clone());
        async move {
            let Some(mut talk) = talk.under(&acceptor).await else { return };
            first_request(&mut talk).await;
            talk.say(once).await;
            if flood.is_empty() { talk.swallow().await } else { talk.flood(flood).await }
        }
    })
    .await;
    (Stage::trusting(roots, server.address, &[&[PUBLIC]], json!({"net": [{"url": "https://api.example.com"}]})), server)
}

/// What a server says, and the body or a word of the error that comes of it.
async fn check(what: &str, once: &[Vec<u8>], flood: Vec<u8>, expected: Result<&str, &str>) {
    let (stage, _server) = hostile(once.concat(), flood).await;
    match (stage.get(URL).await, expected) {
        (Ok(found), Ok(text)) => assert_eq!(found, text, "{what}"),
        (Err(found), Err(word)) => assert!(found.to_string().contains(word), "{what}: {found}"),
        (found, _) => panic!("{what}: {found:?}, not {expected:?}"),
    }
    assert_eq!(stage.rows("egress.end")[0].verdict == "ok", expected.is_ok(), "{what}");
}

fn answer(head: &[u8], body: &[u8]) -> Vec<Vec<u8>> {
    vec![frame(HEADERS, HEAD_ENDS, 1, head), frame(DATA, END, 1, body)]
}

#[tokio::test]
async fn an_honest_answer_by_hand_is_understood() {
    check("a body", &answer(OK, b"hi"), Vec::new(), Ok("200 hi")).await;
    let hinted = [frame(HEADERS, HEAD_ENDS, 1, HINTS), frame(HEADERS, HEAD_ENDS, 1, OK), frame(DATA, END, 1, b"hi")];
    check("interim answers", &hinted, Vec::new(), Ok("200 hi")).await;
    let empty = vec![frame(DATA, 0, 1, b""); 20];
    let sparse = [vec![frame(HEADERS, HEAD_ENDS, 1, OK)], empty, vec![frame(DATA, END, 1, b"hi")]].concat();
    check("a few empty frames", &sparse, Vec::new(), Ok("200 hi")).await;
    let trailers = frame(HEADERS, HEAD_ENDS | END, 1, &wide_header());
    check("trailers", &[frame(HEADERS, HEAD_ENDS, 1, OK), frame(DATA, 0, 1, b"hi"), trailers], Vec::new(), Ok("200 hi")).await;
}

#[tokio::test]
async fn empty_frames_are_counted_and_a_flood_of_them_is_cut_off() {
    check("empty data", &[frame(HEADERS, HEAD_ENDS, 1, OK)], frame(DATA, 0, 1, b""), Err("")).await;
    let padded = frame(DATA, 8, 1, &[255; 256]);
    check("padding alone", &[frame(HEADERS, HEAD_ENDS, 1, OK)], padded, Err("")).await;
}

#[tokio::test]
async fn floods_that_are_no_answer_are_cut_off() {
    check("interim answers", &[], frame(HEADERS, HEAD_ENDS, 1, HINTS), Err("hyper")).await;
    check("pings", &[], frame(PING, 0, 0, &[0; 8]), Err("hyper")).await;
    check("settings", &[], frame(SETTINGS, 0, 0, &[]), Err("hyper")).await;
    check("frames of no known kind", &[], frame(0x42, 0, 0, &[0; 64]), Err("hyper")).await;
    let opened = [frame(HEADERS, 0, 1, OK)];
    check("a head without end", &opened, frame(CONTINUATION, 0, 1, &wide_header()), Err("hyper")).await;
    check("a head of nothing without end", &opened, frame(CONTINUATION, 0, 1, &[]), Err("hyper")).await;
}

#[tokio::test]
async fn a_head_over_its_limit_is_an_error() {
    let head = |headers: usize| {
        let mut frames = vec![frame(HEADERS, 0, 1, OK)];
        // Each counts 100 bytes and 32 for its place in a table.
        frames.extend((0..headers / 100).map(|_| frame(CONTINUATION, 0, 1, &wide_header().repeat(100))));
        frames.extend([frame(CONTINUATION, HEAD_ENDS, 1, &[]), frame(DATA, END, 1, b"hi")]);
        frames
    };
    check("52 kB", &head(400), Vec::new(), Ok("200 hi")).await;
    check("79 kB", &head(600), Vec::new(), Err("hyper")).await;
}

#[tokio::test]
async fn an_answer_that_breaks_the_protocol_is_an_error() {
    let length = |text: &[u8]| [OK, &[0x0f, 0x0d, u8::try_from(text.len()).unwrap()], text].concat();
    check("longer than its length", &answer(&length(b"1"), b"hi"), Vec::new(), Err("")).await;
    check("shorter than its length", &answer(&length(b"5"), b"hi"), Vec::new(), Err("")).await;
    check("two lengths", &answer(&[length(b"2"), length(b"3")[1..].to_vec()].concat(), b"hi"), Vec::new(), Err("")).await;
    check("no status", &answer(&wide_header(), b"hi"), Vec::new(), Err("")).await;
    check("a change of protocol", &answer(&[0x08, 3, b'1', b'0', b'1'], b"hi"), Vec::new(), Err("")).await;
    check("a body before its head", &[frame(DATA, END, 1, b"hi")], Vec::new(), Err("")).await;
    check("a stream that nobody opened", &[frame(HEADERS, HEAD_ENDS, 3, OK)], Vec::new(), Err("")).await;
    check("a frame over its size", &[frame(HEADERS, HEAD_ENDS, 1, OK), frame(DATA, END, 1, &[0; 16 * 1024 + 1])], Vec::new(), Err(""))
        .await;
    let pushed = [&2u32.to_be_bytes()[..], &[0x82, 0x87, 0x84]].concat();
    check("a push", &[frame(PUSH, HEAD_ENDS, 1, &pushed)], Vec::new(), Err("")).await;
    check("a reset", &[frame(RESET, 0, 1, &7u32.to_be_bytes())], Vec::new(), Err("")).await;
    check("no HTTP/2 at all", &[b"HTTP/1.1 200 OK\r\n\r\n".to_vec()], Vec::new(), Err("")).await;
}

#[tokio::test]
async fn a_server_that_sends_more_than_may_be_read_ahead_breaks_off() {
    let (stage, _server) = hostile(frame(HEADERS, HEAD_ENDS, 1, OK), frame(DATA, 0, 1, &[b'x'; 16 * 1024])).await;
    let mut body = stage.send(get(URL)).await.unwrap().into_body();
    let mut bytes = 0;
    let end = loop {
        match body.frame().await.unwrap() {
            Ok(frame) => bytes += frame.into_data().unwrap().len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(end, Error::Hyper(_) | Error::HttpResponseBodySize(_)), "{end}");
    assert!(bytes <= 32 * 1024 * 1024);
}

#[tokio::test]
async fn a_connection_that_the_server_closes_to_new_requests_is_not_used_again() {
    let goodbye = frame(GOAWAY, 0, 0, &[1u32.to_be_bytes(), 0u32.to_be_bytes()].concat());
    let (stage, server) = hostile([answer(OK, b"hi").concat(), goodbye].concat(), Vec::new()).await;
    for _ in 0..3 {
        assert_eq!(stage.get(URL).await.unwrap(), "200 hi");
        // The connection's own task reads the goodbye.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(server.heard().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_left_after_five_minutes() {
    let (stage, _server) = hostile(Vec::new(), Vec::new()).await;
    let begun = tokio::time::Instant::now();
    assert!(matches!(stage.get(URL).await, Err(Error::HttpResponseTimeout)));
    assert_eq!(begun.elapsed().as_secs(), 300);
}
