//! The same over a real socket: the server of `skynet registry serve`, and a `Fetch` that
//! asks it.

use crate::world::{Package, World};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use skynet_registry_client::fetch::{Answer, Fetch, FetchError};
use skynet_registry_client::home::RootTrust;
use skynet_registry_client::offer::Wish;
use skynet_registry_client::places::Place;
use skynet_registry_client::progress::Quiet;
use skynet_registry_client::serve::FileServer;
use skynet_registry_client::visit::Freshness;
use skynet_registry_client::{Home, author};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

/// A connection for each request.
#[derive(Debug)]
pub(crate) struct Loopback;

fn broken(error: impl ToString) -> FetchError {
    FetchError(error.to_string())
}

#[async_trait]
impl Fetch for Loopback {
    async fn get(&self, url: &Url, from: u64) -> Result<Answer, FetchError> {
        let address: SocketAddr = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap()).parse().map_err(broken)?;
        let stream = TcpStream::connect(address).await.map_err(broken)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        let mut request = Request::get(url.path()).header("host", address.to_string());
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.map_err(broken)?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let start = header("content-range").and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
        let (location, length) = (header("location"), header("content-length").and_then(|length| length.parse().ok()));
        let status = response.status().as_u16();
        let body = response.into_body().into_data_stream().map(|piece| piece.map_err(broken));
        // The sender lives as long as the body, or the connection would end.
        let body = stream::unfold((Box::pin(body), sender), |(mut body, sender)| async { Some((body.next().await?, (body, sender))) });
        Ok(Answer { status, location, start, length, body: Box::pin(body) })
    }
}

#[cfg(feature = "oci")]
#[async_trait]
impl skynet_registry_client::oci::Exchange for Loopback {
    async fn send(&self, request: skynet_registry_client::oci::Request) -> Result<skynet_registry_client::oci::Reply, FetchError> {
        let url = &request.url;
        let address: SocketAddr = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap()).parse().map_err(broken)?;
        let stream = TcpStream::connect(address).await.map_err(broken)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let mut asked = Request::builder().method(request.method.as_str()).uri(target).header("host", address.to_string());
        for (name, value) in &request.headers {
            asked = asked.header(*name, value);
        }
        let asked = asked.body(http_body_util::Full::new(request.body)).unwrap();
        let response = sender.send_request(asked).await.map_err(broken)?;
        let headers = response.headers().iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        let (status, headers) = (response.status().as_u16(), headers.collect());
        let body = response.into_body().into_data_stream().map(|piece| piece.map_err(broken));
        let body = stream::unfold((Box::pin(body), sender), |(mut body, sender)| async { Some((body.next().await?, (body, sender))) });
        Ok(skynet_registry_client::oci::Reply { status, headers, body: Box::pin(body) })
    }
}

/// Serves a registry's folder, as `skynet registry serve` does.
async fn serve(folder: &Path) -> SocketAddr {
    let server = FileServer::bind(folder, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = server.address().unwrap();
    tokio::spawn(server.run());
    address
}

#[tokio::test]
async fn a_plugin_is_installed_over_http_and_a_broken_download_continued() {
    let world = World::new().await;
    let text: String = (0..100_000).map(|at| format!("{at},")).collect();
    let file = world.publish(&Package { text, ..Package::new("acme/hello", "1.0.0") }).await;
    let address = serve(&world.registry()).await;
    let home = Home::open(&world.path("home-2")).unwrap();
    let lock = home.lock().unwrap();
    let place = Place {
        name: "near".into(),
        url: Some(format!("http://{address}")),
        folder: None,
        namespaces: vec!["acme".into()],
        private: false,
        ca: None,
    };
    let root = skynet_policy::sha256_hex(&world.author().root().unwrap().1);
    home.add(&lock, place, RootTrust::Fingerprint(root), Arc::new(Loopback)).await.unwrap();
    let visit = home.visit("near", Arc::new(Loopback), Freshness::Strict, Timestamp::now()).await.unwrap();
    let offer = visit.select(&Wish::parse("acme/hello").unwrap()).await.unwrap();
    let component = skynet_policy::release::split(&file).unwrap().component.to_vec();
    let part = world.path("home-2/quarantine").join(format!("{}.part", offer.release.component.sha256));
    std::fs::write(part, &component[..100_000]).unwrap();
    let kept = home.fetch(&lock, &visit, &offer, &Quiet).await.unwrap();
    assert_eq!(std::fs::read(kept.path).unwrap(), file);
    std::fs::remove_file(world.path("registry/metadata/timestamp.json")).unwrap();
    let gone = home.visit("near", Arc::new(Loopback), Freshness::Strict, Timestamp::now()).await;
    crate::world::says(gone, &["registry `near`", "does not have it"]);
}

/// What the server answers to these bytes, on a connection of its own.
async fn said(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{request}\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn the_server_shows_the_files_of_the_layout_and_nothing_else() {
    let world = World::new().await;
    let address = serve(&world.registry()).await;
    let root = std::fs::read_to_string(world.path("registry/metadata/1.root.json")).unwrap();
    let (head, body) = said(address, "GET /metadata/1.root.json HTTP/1.1").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("immutable") && head.contains("application/json"), "{head}");
    assert_eq!(body, root);
    let (head, body) = said(address, "HEAD /metadata/timestamp.json HTTP/1.1").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("no-cache") && body.is_empty(), "{head}");
    std::os::unix::fs::symlink("../registry.toml", world.path("registry/metadata/link.json")).unwrap();
    for hidden in [
        "GET / HTTP/1.1",
        "GET /metadata HTTP/1.1",
        "GET /metadata/ HTTP/1.1",
        "GET /registry.toml HTTP/1.1",
        "GET /.lock HTTP/1.1",
        "GET /metadata/../registry.toml HTTP/1.1",
        "GET /metadata/%2e%2e/registry.toml HTTP/1.1",
        "GET /metadata/2.root.json HTTP/1.1",
        "GET http://elsewhere/registry.toml HTTP/1.1",
    ] {
        let (head, body) = said(address, hidden).await;
        assert!(head.starts_with("http/1.1 404") && head.contains("no-store") && body.is_empty(), "{hidden}: {head}");
    }
    assert!(said(address, "GET /metadata/link.json HTTP/1.1").await.0.starts_with("http/1.1 500"));
    for method in ["PUT", "POST", "DELETE"] {
        assert!(said(address, &format!("{method} /metadata/1.root.json HTTP/1.1")).await.0.starts_with("http/1.1 405"));
    }
    assert_eq!(std::fs::read_to_string(world.path("registry/metadata/1.root.json")).unwrap(), root);
}

#[tokio::test]
async fn the_server_gives_the_part_that_was_asked_for() {
    let world = World::new().await;
    let address = serve(&world.registry()).await;
    let whole = std::fs::read_to_string(world.path("registry/metadata/timestamp.json")).unwrap();
    let size = whole.len();
    let part = async |range: &str| said(address, &format!("GET /metadata/timestamp.json HTTP/1.1\r\nrange: {range}")).await;
    for (range, from, to) in [("bytes=5-", 5, size), ("bytes=5-9", 5, 10), ("bytes=0-0", 0, 1), ("bytes=3-999999", 3, size)] {
        let (head, body) = part(range).await;
        assert!(head.starts_with("http/1.1 206"), "{range}: {head}");
        assert!(head.contains(&format!("content-range: bytes {from}-{}/{size}", to - 1)), "{range}: {head}");
        assert_eq!(body, whole[from..to], "{range}");
    }
    for all in ["bytes=0-", "bytes=9-5", "bytes=-5", "lines=1-2", "bytes=x-"] {
        let (head, body) = part(all).await;
        assert!(head.starts_with("http/1.1 200") && body == whole, "{all}: {head}");
    }
    for behind in [size, size + 1] {
        assert!(part(&format!("bytes={behind}-")).await.0.starts_with("http/1.1 416"), "{behind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_with_one_key_renews_the_timestamp_and_tells_what_it_cannot() {
    let world = World::new().await;
    let online = world.path("online");
    std::fs::create_dir(&online).unwrap();
    std::fs::copy(world.path("keys/timestamp-1.key"), online.join("timestamp-1.key")).unwrap();
    let keys = author::Keys::of_role(&online, tough::schema::RoleType::Timestamp).unwrap();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let held = world.author();
    let folder = world.registry();
    let later = || crate::world::days_ago(-80);
    let timer = tokio::spawn(async move {
        let say = |tick| drop(told.send(tick));
        author::keep_fresh(&folder, &keys, std::time::Duration::from_secs(86_400), later, say).await;
    });
    // Somebody publishes just now: it is tried again.
    match heard.recv().await.unwrap() {
        author::Tick::Failed(error) => assert!(error.to_string().contains("another process"), "{error}"),
        author::Tick::Renewed { .. } => panic!("the registry was locked"),
    }
    let before = held.timestamp_until();
    drop(held);
    for _ in 0..2 {
        match heard.recv().await.unwrap() {
            author::Tick::Renewed { until, warnings } => {
                assert!(until > before);
                assert_eq!(warnings.len(), 2, "the other lists need their own keys: {warnings:?}");
            }
            author::Tick::Failed(error) => panic!("{error}"),
        }
    }
    timer.abort();
    let standing = world.author().standing(later()).unwrap();
    assert_eq!(standing.roles.last().unwrap().version, 4);
    assert!(standing.warnings.iter().any(|line| line.contains("snapshot")), "{standing:?}");
    let nothing = author::Keys::of_role(&online, tough::schema::RoleType::Snapshot);
    crate::world::says(nothing, &["snapshot-1.key", "registry init"]);
}
