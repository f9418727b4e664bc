//! HTTP/2 with a server that others wrote: one connection for all requests of one
//! plugin to one server, and the same rules as over HTTP/1.1.

use super::server::Server;
use super::stage::{PUBLIC, Stage, body, get, text};
use super::tls::{Identity, identity};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::sync::Barrier;
use wasmtime_wasi_http::{Error, WasiBody};

const URL: &str = "https://api.example.com/path?key=value";

/// Heads and bodies of the requests that a server had.
type Had = Arc<Mutex<Vec<(http::request::Parts, Bytes)>>>;

struct Scene {
    stage: Stage,
    server: Server,
    had: Had,
}

/// Each request is answered with what `answer` makes, once it was read.
async fn scene<F>(answer: impl Fn() -> F + Clone + Send + Sync + 'static) -> Scene
where
    F: Future<Output = WasiBody> + Send + 'static,
{
    let Identity { roots, acceptor } = identity(&["api.example.com"], &["h2"]);
    let had = Had::default();
    let kept = Arc::clone(&had);
    let server = Server::doing(move |talk| {
        let (acceptor, kept, answer) = (acceptor.clone(), Arc::clone(&kept), answer.clone());
        async move {
            let Some(talk) = talk.under(&acceptor).await else { return };
            let service = service_fn(move |request: Request<Incoming>| {
                let (kept, answer) = (Arc::clone(&kept), answer.clone());
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    kept.lock().unwrap().push((head, body));
                    Ok::<_, hyper::Error>(Response::new(answer().await))
                }
            });
            let serving = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(talk.stream), service);
            drop(serving.await);
        }
    })
    .await;
    let granted = json!({"net": [{"url": "https://api.example.com"}]});
    Scene { stage: Stage::trusting(roots, server.address, &[&[PUBLIC]], granted), server, had }
}

async fn greeting() -> Scene {
    scene(|| async { body("hi") }).await
}

#[tokio::test]
async fn the_request_carries_the_checked_host_and_nothing_of_the_connection() {
    let scene = greeting().await;
    let mut request = Request::post(URL).body(body("hello")).unwrap();
    for (name, value) in [
        ("host", "evil.example"),
        ("transfer-encoding", "chunked"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
        ("content-length", "7"),
        ("content-length", "5"),
        ("x-a", "1"),
    ] {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    assert_eq!(text(scene.stage.send(request).await.unwrap()).await.unwrap(), "200 hi");
    let (head, body) = scene.had.lock().unwrap().remove(0);
    assert_eq!((head.version, head.method.as_str()), (http::Version::HTTP_2, "POST"));
    assert_eq!(head.uri.to_string(), URL);
    let mut headers: Vec<_> = head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    headers.sort();
    assert_eq!(headers, ["content-length: 5", concat!("user-agent: skynet/", env!("CARGO_PKG_VERSION")), "x-a: 1"]);
    assert_eq!(body, "hello");
    let ended = &scene.stage.rows("egress.end")[0];
    assert_eq!((ended.verdict.as_str(), &ended.detail["status"]), ("ok", &json!(200)));
}

#[tokio::test]
async fn requests_of_one_plugin_go_side_by_side_over_one_connection() {
    // Nobody is answered before all eight are there.
    let together = Arc::new(Barrier::new(8));
    let scene = scene(move || {
        let together = Arc::clone(&together);
        async move {
            together.wait().await;
            body("hi")
        }
    })
    .await;
    let answers = futures_util::future::join_all((0..8).map(|_| scene.stage.get(URL))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap() == "200 hi"));
    assert_eq!((scene.server.heard().len(), scene.stage.dialled().len(), scene.stage.asked().len()), (1, 1, 8));
}

#[tokio::test]
async fn another_plugin_has_a_connection_of_its_own() {
    let scene = greeting().await;
    for (name, connections) in [("tool", 1), ("tool", 1), ("other", 2), ("tool", 2), ("other", 2)] {
        let errand = scene.stage.errand(name);
        assert_eq!(scene.stage.get_in(errand, URL).await.unwrap(), "200 hi");
        assert_eq!(scene.server.heard().len(), connections);
    }
}

#[tokio::test]
async fn bodies_go_through_in_pieces_and_their_trailers_do_not() {
    let trailing = || {
        let trailers: HeaderMap = [("x-t".parse().unwrap(), "1".parse().unwrap())].into_iter().collect();
        let frames: Vec<Result<_, Error>> =
            vec![Ok(Frame::data(Bytes::from_static(b"h"))), Ok(Frame::data(Bytes::from_static(b"i"))), Ok(Frame::trailers(trailers))];
        StreamBody::new(stream::iter(frames)).boxed_unsync()
    };
    let scene = scene(move || async move { trailing() }).await;
    let answer = scene.stage.send(Request::post(URL).body(trailing()).unwrap()).await.unwrap();
    assert_eq!(text(answer).await.unwrap(), "200 hi");
    assert_eq!(scene.had.lock().unwrap()[0].1, "hi");
}

#[tokio::test]
async fn a_body_without_end_stops_at_the_byte_limit_and_leaves_the_connection_to_others() {
    let scene = scene(|| async {
        let pieces = stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024]))));
        StreamBody::new(pieces).boxed_unsync()
    })
    .await;
    let refused = scene.stage.get(URL).await.unwrap_err();
    assert!(matches!(refused, Error::HttpResponseBodySize(Some(_))), "{refused}");
    assert_eq!(scene.stage.send(get(URL)).await.unwrap().status(), 200);
    assert_eq!(scene.stage.dialled().len(), 1);
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_not_read_ahead_beyond_its_window() {
    let made = Arc::new(Mutex::new(0usize));
    let count = Arc::clone(&made);
    let scene = scene(move || {
        let count = Arc::clone(&count);
        async move {
            let pieces = stream::repeat_with(move || {
                *count.lock().unwrap() += 16 * 1024;
                Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))
            });
            StreamBody::new(pieces).boxed_unsync()
        }
    })
    .await;
    let answer = scene.stage.send(get(URL)).await.unwrap();
    // Runs everything that can run.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    let before = *made.lock().unwrap();
    assert!(before < 2 * 1024 * 1024, "{before}");
    let mut body = answer.into_body();
    for _ in 0..64 {
        body.frame().await.unwrap().unwrap();
    }
    assert!(*made.lock().unwrap() > before, "it goes on when somebody reads");
}

#[tokio::test]
async fn a_server_that_speaks_http_1_alone_is_spoken_to_so() {
    let Identity { roots, acceptor } = identity(&["api.example.com"], &["http/1.1"]);
    let server = Server::doing(move |talk| {
        let acceptor = acceptor.clone();
        async move {
            let Some(mut talk) = talk.under(&acceptor).await else { return };
            while talk.head().await {
                talk.say(super::server::HI).await;
            }
        }
    })
    .await;
    let stage = Stage::trusting(roots, server.address, &[&[PUBLIC]], json!({"net": [{"url": "https://api.example.com"}]}));
    let both = futures_util::future::join(stage.get(URL), stage.get(URL)).await;
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!(stage.get(URL).await.unwrap(), "200 hi");
    assert!(server.heard()[0].starts_with("GET /path?key=value HTTP/1.1\r\nhost: api.example.com\r\n"));
}

#[tokio::test]
async fn a_plugin_that_waits_for_a_turn_to_dial_waits_no_longer_than_its_connect_time_out() {
    tokio::time::pause();
    let server = Server::doing(|mut talk| async move { talk.swallow().await }).await;
    let stage = Stage::new(server.address, &[&[PUBLIC]], json!({"net": [{"url": "https://*"}]}));
    let begun = tokio::time::Instant::now();
    let all: Vec<_> = stream::iter((0..3).map(|_| stage.get(URL).map(|end| end.unwrap_err()))).buffer_unordered(3).collect().await;
    assert!(all.iter().all(|error| matches!(error, Error::ConnectionTimeout)), "{all:?}");
    assert_eq!(begun.elapsed().as_secs(), 10);
}
