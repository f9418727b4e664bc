//! Servers and guests that play for time. The clock is simulated: it moves on when
//! everybody waits.

use super::super::door::Errand;
use super::server::Server;
use super::stage::{Stage, get};
use http_body_util::BodyExt;
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use wasmtime_wasi_http::{Error, RequestOptions};

const URL: &str = "http://api.example.com/";

async fn silent() -> Server {
    Server::doing(|mut talk| async move { talk.hang().await }).await
}

/// One byte every so often, without end.
async fn dripping(first: &'static str, drop: &'static str, every: Duration) -> Server {
    Server::doing(move |mut talk| async move {
        talk.head().await;
        talk.say(first).await;
        loop {
            sleep(every).await;
            talk.say(drop).await;
        }
    })
    .await
}

/// How long it took, in whole seconds, and how it ended.
async fn timed<T>(work: impl Future<Output = Result<T, Error>>) -> (u64, Option<Error>) {
    let begun = Instant::now();
    let ended = work.await.err();
    (begun.elapsed().as_secs(), ended)
}

fn with(stage: &Stage, options: RequestOptions) -> Errand {
    Errand { options, ..stage.errand("tool") }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_left_after_five_minutes() {
    let server = silent().await;
    let stage = Stage::open(server.address);
    let (seconds, error) = timed(stage.get(URL)).await;
    assert!(matches!(error, Some(Error::HttpResponseTimeout)) && seconds == 300, "{error:?} after {seconds} s");
    let row = &stage.rows("egress.end")[0];
    assert_eq!((row.verdict.as_str(), &row.detail["ms"]), ("error", &json!(300_000)));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_left_as_if_it_never_came() {
    let server = dripping("HTTP/1.1 200 OK\r\n", "x", Duration::from_secs(1)).await;
    let (seconds, error) = timed(Stage::open(server.address).get(URL)).await;
    assert!(matches!(error, Some(Error::HttpResponseTimeout)) && seconds == 300, "{error:?} after {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn interim_answers_buy_no_time() {
    let server = dripping("", "HTTP/1.1 102 Processing\r\n\r\n", Duration::from_secs(1)).await;
    let (seconds, error) = timed(Stage::open(server.address).get(URL)).await;
    assert!(matches!(error, Some(Error::HttpResponseTimeout)) && seconds == 300, "{error:?} after {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn a_body_may_drip_but_not_pause() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
    let server = dripping(HEAD, "x", Duration::from_secs(119)).await;
    assert_eq!(Stage::open(server.address).get(URL).await.unwrap().len(), 104);
    let server = dripping(HEAD, "x", Duration::from_secs(121)).await;
    let (seconds, error) = timed(Stage::open(server.address).get(URL)).await;
    assert!(matches!(error, Some(Error::ConnectionReadTimeout)) && seconds == 120, "{error:?} after {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_never_answers_is_left_at_the_connect_time_out() {
    let server = silent().await;
    let stage = Stage::new(server.address, &[], json!({"net": [{"url": "http://*"}]}));
    let (seconds, error) = timed(stage.get(URL)).await;
    assert!(matches!(error, Some(Error::DnsTimeout)) && seconds == 10, "{error:?} after {seconds} s");
    assert!(stage.dialled().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_shakes_hands_is_left_at_the_connect_time_out() {
    let server = silent().await;
    let stage = Stage::new(server.address, &[&["93.184.216.34"]], json!({"net": [{"url": "https://*"}]}));
    let (seconds, error) = timed(stage.get("https://api.example.com/")).await;
    assert!(matches!(error, Some(Error::ConnectionTimeout)) && seconds == 5, "{error:?} after {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn a_guests_time_out_of_zero_is_short_and_no_panic() {
    let zero = Some(Duration::ZERO);
    let server = silent().await;
    let stage = Stage::new(server.address, &[], json!({"net": [{"url": "http://*"}]}));
    let (seconds, error) = timed(stage.get_in(with(&stage, RequestOptions { connect_timeout: zero, ..Default::default() }), URL)).await;
    assert!(matches!(error, Some(Error::DnsTimeout)) && seconds == 0, "{error:?}");

    let stage = Stage::open(server.address);
    let (seconds, error) = timed(stage.get_in(with(&stage, RequestOptions { first_byte_timeout: zero, ..Default::default() }), URL)).await;
    assert!(matches!(error, Some(Error::HttpResponseTimeout)) && seconds == 0, "{error:?}");

    let server = dripping("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", "x", Duration::from_secs(1)).await;
    let stage = Stage::open(server.address);
    let (seconds, error) =
        timed(stage.get_in(with(&stage, RequestOptions { between_bytes_timeout: zero, ..Default::default() }), URL)).await;
    assert!(matches!(error, Some(Error::ConnectionReadTimeout)) && seconds == 0, "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_guest_cannot_wait_longer_than_the_host_would() {
    let year = Some(Duration::from_secs(31_536_000));
    let options = RequestOptions { connect_timeout: year, first_byte_timeout: year, between_bytes_timeout: year };
    let server = silent().await;
    let stage = Stage::open(server.address);
    assert_eq!(timed(stage.get_in(with(&stage, options), URL)).await.0, 300);
    let server = dripping("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", "x", Duration::from_secs(1000)).await;
    let stage = Stage::open(server.address);
    assert_eq!(timed(stage.get_in(with(&stage, options), URL)).await.0, 120);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_a_minute_though_nobody_comes() {
    let (closed, mut is_closed) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::doing(move |mut talk| {
        let closed = closed.clone();
        async move {
            talk.head().await;
            talk.say(super::server::HI).await;
            talk.hang().await;
            closed.send(Instant::now()).unwrap();
        }
    })
    .await;
    let stage = Stage::open(server.address);
    let begun = Instant::now();
    assert_eq!(stage.get(URL).await.unwrap(), "200 hi");
    let waited = is_closed.recv().await.unwrap() - begun;
    assert!((60..=120).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_reads_holds_no_connection_once_it_is_dropped() {
    let server = dripping("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", "x", Duration::from_secs(1)).await;
    let stage = Stage::open(server.address);
    for _ in 0..100 {
        let answer = stage.send(get(URL)).await.unwrap();
        drop(answer);
    }
    let mut body = stage.send(get(URL)).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "x");
}
