//! Bodies go through in pieces, both ways, as they come; empty pieces are counted.

use super::server::{HI, Server};
use super::stage::{Stage, get, text};
use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use wasmtime_wasi_http::{Error, WasiBody};

const URL: &str = "http://api.example.com/";

type Piece = Result<Frame<Bytes>, Error>;

fn piece(text: &'static str) -> Piece {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

/// A body whose pieces a test hands in one by one.
fn by_hand() -> (mpsc::UnboundedSender<Piece>, WasiBody) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let pieces = stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    (sender, StreamBody::new(Box::pin(pieces)).boxed_unsync())
}

#[tokio::test]
async fn each_piece_of_an_answer_arrives_before_the_next_is_sent() {
    let go = Arc::new(Semaphore::new(0));
    let wait = Arc::clone(&go);
    let server = Server::doing(move |mut talk| {
        let wait = Arc::clone(&wait);
        async move {
            talk.head().await;
            talk.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            for piece in ["3\r\none\r\n", "3\r\ntwo\r\n", "0\r\n\r\n"] {
                wait.acquire().await.unwrap().forget();
                talk.say(piece).await;
            }
        }
    })
    .await;
    let mut answer = Stage::open(server.address).send(get(URL)).await.unwrap().into_body();
    for expected in ["one", "two"] {
        go.add_permits(1);
        assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), expected);
    }
    go.add_permits(1);
    assert!(answer.frame().await.is_none());
}

#[tokio::test]
async fn each_piece_of_a_request_arrives_before_the_next_is_made() {
    let (arrived, mut has_arrived) = mpsc::unbounded_channel();
    let server = Server::doing(move |mut talk| {
        let arrived = arrived.clone();
        async move {
            for end in ["one\r\n", "two\r\n", "0\r\n\r\n"] {
                talk.until(end.as_bytes()).await;
                let _ = arrived.send(());
            }
            talk.say(HI).await;
        }
    })
    .await;
    let stage = Stage::open(server.address);
    let (pieces, body) = by_hand();
    let sending = stage.send(Request::post(URL).body(body).unwrap());
    let making = async move {
        for text in ["one", "two"] {
            pieces.send(piece(text)).unwrap();
            has_arrived.recv().await.unwrap();
        }
    };
    let (answer, ()) = tokio::join!(sending, making);
    assert_eq!(text(answer.unwrap()).await.unwrap(), "200 hi");
}

#[tokio::test]
async fn empty_pieces_of_a_request_never_leave_and_too_many_are_an_error() {
    for (count, fails) in [(64, false), (65, true), (100_000, true)] {
        let server = Server::doing(|mut talk| async move {
            if talk.until(b"0\r\n\r\n").await {
                talk.say(HI).await;
            }
        })
        .await;
        let stage = Stage::open(server.address);
        let empty = (0..count).map(|_| piece(""));
        let body = StreamBody::new(stream::iter(empty.chain([piece("end")]).collect::<Vec<_>>())).boxed_unsync();
        let answer = stage.send(Request::post(URL).body(body).unwrap()).await;
        assert_eq!(answer.is_err(), fails, "{count}");
        if !fails {
            assert!(server.heard().concat().ends_with("\r\n\r\n3\r\nend\r\n0\r\n\r\n"));
        }
    }
}

#[tokio::test]
async fn trailers_of_a_request_do_not_leave() {
    let server = Server::doing(|mut talk| async move {
        talk.until(b"0\r\n\r\n").await;
        talk.say(HI).await;
        talk.hang().await;
    })
    .await;
    let trailers = [("host", "evil.example"), ("x-t", "1")].map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let frames = vec![piece("hi"), Ok(Frame::trailers(trailers.into_iter().collect()))];
    let request = Request::post(URL).header("trailer", "x-t").body(StreamBody::new(stream::iter(frames)).boxed_unsync()).unwrap();
    Stage::open(server.address).send(request).await.unwrap();
    let heard = server.heard().concat();
    assert!(heard.ends_with("\r\n\r\n2\r\nhi\r\n0\r\n\r\n") && !heard.contains("x-t"), "{heard}");
}

#[tokio::test]
async fn a_request_without_end_stops_at_the_byte_limit_of_the_call() {
    let server = Server::doing(|mut talk| async move { talk.swallow().await }).await;
    let stage = Stage::open(server.address);
    let pieces = stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[b'x'; 64 * 1024]))));
    let request = Request::post(URL).body(StreamBody::new(pieces).boxed_unsync()).unwrap();
    let refused = stage.send(request).await.unwrap_err();
    assert!(matches!(refused, Error::HttpRequestBodySize(Some(_))), "{refused}");
    let row = &stage.rows("egress.end")[0];
    let out = row.detail["out"].as_u64().unwrap();
    assert!(row.verdict == "error" && out > 32 * 1024 * 1024 && out < 33 * 1024 * 1024, "{row:?}");
}
