//! The same over a real socket: a plain HTTP server on loopback with ranges, and a
//! `Fetch` that asks it.

use crate::world::{Package, World};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use skynet_registry_client::fetch::{Answer, Fetch, FetchError};
use skynet_registry_client::home::RootTrust;
use skynet_registry_client::offer::Wish;
use skynet_registry_client::places::Place;
use skynet_registry_client::progress::Quiet;
use skynet_registry_client::visit::Freshness;
use skynet_registry_client::{FolderFetch, Home};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// A connection for each request.
#[derive(Debug)]
struct Loopback;

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

/// Serves a registry's folder. Ranges as `Fetch` asks for them.
async fn serve(folder: &Path) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let folder = FolderFetch::open(folder).unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let folder = folder.clone();
            let service = service_fn(move |request: Request<Incoming>| respond(folder.clone(), request));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

type Sent = Response<http_body_util::combinators::UnsyncBoxBody<Bytes, FetchError>>;

async fn respond(folder: FolderFetch, request: Request<Incoming>) -> Result<Sent, Infallible> {
    let range =
        request.headers().get("range").and_then(|range| range.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let url = Url::parse(&format!("file://{}", request.uri().path())).unwrap();
    let answer = folder.get(&url, range.unwrap_or(0)).await.unwrap();
    let mut response = Response::builder().status(answer.status);
    if let (Some(start), Some(length)) = (answer.start, answer.length) {
        response = response.header("content-range", format!("bytes {start}-{}/{}", start + length - 1, start + length));
    }
    if let Some(length) = answer.length {
        response = response.header("content-length", length);
    }
    let body = StreamBody::new(answer.body.map(|piece| piece.map(Frame::data)));
    Ok(response.body(BodyExt::boxed_unsync(body)).unwrap())
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
