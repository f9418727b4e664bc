//! Request bodies as a guest writes them, over real sockets: all of it gets through at any length,
//! and what a server says before it has read everything is heard.

use super::server::{HI, Server, Talk};
use super::stage::{Stage, text};
use bytes::Bytes;
use http::Request;
use std::sync::Arc;
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;
use wasmtime_wasi::p2::{OutputStream, StreamError};
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::body::{HostOutgoingBody, StreamContext};

const URL: &str = "http://api.example.com/";

/// Lengths about the borders of the pieces that the engine takes, and far above.
const LENGTHS: [usize; 10] = [1, 4096, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 200_000, 1_000_000];

/// How often each is tried.
const ROUNDS: usize = 12;

/// An answer after which the server closes.
const LAST: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";

/// The end of a body that a guest holds.
struct Guest {
    body: HostOutgoingBody,
    stream: Box<dyn OutputStream>,
}

/// A request of this length, and what a guest writes its body to.
fn request(length: usize, chunks: usize) -> (Guest, Request<wasmtime_wasi_http::WasiBody>) {
    let declared = u64::try_from(length).unwrap();
    let (mut body, sent) = HostOutgoingBody::new(StreamContext::Request, Some(declared), chunks, crate::limits::BODY_CHUNK);
    let stream = body.take_output_stream().unwrap();
    (Guest { body, stream }, Request::post(URL).header("content-length", length).body(sent).unwrap())
}

impl Guest {
    /// As `check-write` and `write` of `wasi:io` are used.
    async fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.stream.ready().await;
            let room = self.stream.check_write()?;
            self.stream.write(rest.split_to(room.min(rest.len())))?;
        }
        Ok(())
    }

    /// As `blocking-flush` does it.
    async fn flush(&mut self) -> Result<(), StreamError> {
        self.stream.flush()?;
        self.stream.write_ready().await.map(drop)
    }

    fn finish(self) -> Result<(), String> {
        drop(self.stream);
        self.body.finish(None).map_err(|error| format!("{error:?}"))
    }
}

/// Reads the body, all of which must be there.
async fn swallow(talk: &mut Talk, length: usize) -> bool {
    let mut body = vec![0; length];
    talk.head().await && talk.stream.read_exact(&mut body).await.is_ok() && body.iter().all(|byte| *byte == b'x')
}

fn letters(length: usize) -> Bytes {
    Bytes::from(vec![b'x'; length])
}

#[tokio::test]
async fn a_body_whose_last_byte_was_sent_is_not_closed_to_who_wrote_it() {
    for length in LENGTHS {
        let arrived = Arc::new(Semaphore::new(0));
        let tell = Arc::clone(&arrived);
        let server = Server::doing(move |mut talk| {
            let tell = Arc::clone(&tell);
            async move {
                if swallow(&mut talk, length).await {
                    tell.add_permits(1);
                    talk.hang().await;
                }
            }
        })
        .await;
        let stage = Arc::new(Stage::open(server.address));
        let (mut guest, request) = request(length, 1);
        let sending = tokio::spawn(async move { stage.send(request).await.map(drop) });
        guest.write(letters(length)).await.unwrap();
        arrived.acquire().await.unwrap().forget();
        guest.flush().await.unwrap_or_else(|error| panic!("{length} bytes: {error}"));
        guest.finish().unwrap();
        sending.abort();
    }
}

/// Each length many times, on several threads: who is first differs from one to the next.
async fn each_length_gets_through(answer: &'static str, keeps_open: bool) {
    for length in LENGTHS {
        let server = Server::doing(move |mut talk| async move {
            while swallow(&mut talk, length).await {
                talk.say(answer).await;
                if !keeps_open {
                    return;
                }
            }
        })
        .await;
        let stage = Arc::new(Stage::open(server.address));
        for round in 0..ROUNDS {
            let (mut guest, request) = request(length, 1 + round % 3);
            let (stage, why) = (Arc::clone(&stage), format!("{length} bytes, round {round}"));
            let sending = tokio::spawn(async move { stage.send(request).await });
            guest.write(letters(length)).await.unwrap_or_else(|error| panic!("{why}: {error}"));
            guest.flush().await.unwrap_or_else(|error| panic!("{why}: {error}"));
            guest.finish().unwrap_or_else(|error| panic!("{why}: {error}"));
            let answer = sending.await.unwrap().unwrap_or_else(|error| panic!("{why}: {error}"));
            assert_eq!(text(answer).await.unwrap_or_else(|error| panic!("{why}: {error}")), "200 hi", "{why}");
        }
        assert!(stage.rows("egress.end").iter().all(|row| row.verdict == "ok"), "{:?}", stage.rows("egress.end"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn bodies_of_every_length_get_through_to_a_server_that_keeps_the_connection() {
    each_length_gets_through(HI, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn bodies_of_every_length_get_through_to_a_server_that_closes_after_its_answer() {
    each_length_gets_through(LAST, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_a_server_says_before_it_read_the_body_is_heard_although_it_closes() {
    let refusal = "HTTP/1.1 413 Too Long\r\ncontent-length: 8\r\nconnection: close\r\n\r\ntoo long";
    let server = Server::doing(move |mut talk| async move {
        talk.head().await;
        // Closed with the rest unread: the client's writes break.
        talk.say(refusal).await;
    })
    .await;
    let stage = Arc::new(Stage::open(server.address));
    for round in 0..ROUNDS * 4 {
        let (mut guest, request) = request(1_000_000, 1);
        let asking = Arc::clone(&stage);
        let sending = tokio::spawn(async move { text(asking.send(request).await?).await });
        // That nobody takes more of it is no failure.
        let written = guest.write(letters(1_000_000)).await;
        assert!(matches!(written, Ok(()) | Err(StreamError::Closed)), "round {round}: {written:?}");
        let answer = sending.await.unwrap().unwrap_or_else(|error: Error| panic!("round {round}: {error}"));
        assert_eq!(answer, "413 too long", "round {round}");
    }
}

#[tokio::test]
async fn a_connection_whose_server_hears_no_more_serves_no_other_request() {
    let refusal = "HTTP/1.1 400 Bad\r\ncontent-length: 2\r\n\r\nno";
    let server = Server::doing(move |mut talk| async move {
        talk.head().await;
        // It does not say that it closes.
        talk.say(refusal).await;
    })
    .await;
    let stage = Arc::new(Stage::open(server.address));
    for _ in 0..3 {
        let (mut guest, request) = request(1_000_000, 1);
        let asking = Arc::clone(&stage);
        let sending = tokio::spawn(async move { text(asking.send(request).await?).await });
        let _ = guest.write(letters(1_000_000)).await;
        assert_eq!(sending.await.unwrap().unwrap(), "400 no");
    }
    assert_eq!(stage.dialled().len(), 3);
}

#[tokio::test]
async fn a_server_that_goes_without_a_word_is_an_error_and_not_a_wait() {
    let server = Server::doing(|mut talk| async move {
        talk.head().await;
    })
    .await;
    let stage = Arc::new(Stage::open(server.address));
    let (mut guest, request) = request(1_000_000, 1);
    let sending = tokio::spawn(async move { text(stage.send(request).await?).await });
    let _ = guest.write(letters(1_000_000)).await;
    sending.await.unwrap().unwrap_err();
}
