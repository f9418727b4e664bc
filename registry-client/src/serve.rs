//! A registry's folder over HTTP: the files of its layout, and nothing else.
//!
//! GET and HEAD, ranges, no listing of folders, no links followed, no way to write. Plain
//! HTTP: for this machine, or behind a proxy that has TLS. Refuses nobody by name; what
//! is served is signed, and read by everybody.

use crate::error::RegistryError;
use crate::fetch::{Answer, Body, Fetch, FolderFetch};
use crate::limits::{SERVED_BREATH, SERVED_CONNECTIONS, SERVED_HEAD, SERVED_TIMEOUT};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::Url;

type Sent = Response<UnsyncBoxBody<Bytes, crate::fetch::FetchError>>;

/// A server that listens already.
#[derive(Debug)]
pub struct FileServer {
    listener: TcpListener,
    folder: FolderFetch,
}

impl FileServer {
    /// Listens. Port 0 is any free one.
    pub async fn bind(folder: &Path, address: SocketAddr) -> Result<Self, RegistryError> {
        let folder = FolderFetch::open(folder)?;
        let remedy = "Choose another address with --listen, or end the program that has it";
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| RegistryError::refused(format!("listening on {address}"), error, remedy))?;
        Ok(Self { listener, folder })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Serves until it is dropped.
    pub async fn run(self) {
        let places = Arc::new(Semaphore::new(SERVED_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            // A client that went away before it was greeted, or no file handles left for a moment.
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(SERVED_BREATH).await;
                continue;
            };
            let folder = self.folder.clone();
            tokio::spawn(async move {
                let _ = timeout(SERVED_TIMEOUT, converse(stream, folder)).await;
                drop(place);
            });
        }
    }
}

async fn converse(stream: TcpStream, folder: FolderFetch) {
    let service = service_fn(move |request: Request<Incoming>| {
        let folder = folder.clone();
        async move { Ok::<_, Infallible>(respond(&folder, &request).await) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(SERVED_HEAD);
    // How a client's connection ended is the client's business.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(folder: &FolderFetch, request: &Request<Incoming>) -> Sent {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return bare(StatusCode::METHOD_NOT_ALLOWED, &[(ALLOW, HeaderValue::from_static("GET, HEAD"))]);
    }
    let Some(url) = place(request.uri().path()) else {
        return bare(StatusCode::NOT_FOUND, &[]);
    };
    let (from, to) = request.headers().get(RANGE).and_then(range).unwrap_or((0, None));
    match folder.get(&url, from).await {
        // From the end on there is nothing: an answer without a body would look like an empty file.
        Ok(answer) if answer.start.is_some() && answer.length == Some(0) => bare(StatusCode::RANGE_NOT_SATISFIABLE, &[]),
        Ok(answer) if answer.status == 200 || answer.status == 206 => send(url.path(), request.method() == Method::HEAD, answer, to),
        Ok(answer) => bare(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::NOT_FOUND), &[]),
        // A link, or a disk that fails: the keeper's to look at, not the client's.
        Err(_) => bare(StatusCode::INTERNAL_SERVER_ERROR, &[]),
    }
}

/// The file that a path names. Names here are plain, so nothing has to be decoded.
fn place(path: &str) -> Option<Url> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    let good = path.bytes().all(plain) && !path.split('/').any(|part| part.starts_with('.'));
    good.then(|| Url::parse(&format!("file://{path}")).ok()).flatten()
}

/// First and last byte of `bytes=5-` and `bytes=5-9`. Other forms get the whole file, as HTTP allows.
fn range(header: &HeaderValue) -> Option<(u64, Option<u64>)> {
    let (from, to) = header.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    let from = from.parse().ok()?;
    let to = if to.is_empty() { None } else { Some(to.parse().ok()?) };
    to.is_none_or(|to| to >= from).then_some((from, to))
}

fn send(path: &str, head_only: bool, answer: Answer, to: Option<u64>) -> Sent {
    let from = answer.start.unwrap_or(0);
    let there = answer.length.unwrap_or(0);
    let whole = from.saturating_add(there);
    let wanted = to.map_or(there, |to| to.saturating_sub(from).saturating_add(1).min(there));
    let partial = (answer.start.is_some() || wanted < there) && wanted > 0;
    let status = if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let kind = if path.ends_with(".json") { "application/json" } else { "application/octet-stream" };
    // What never changes may be kept for ever; the timestamp is the one file that does.
    let keep = if path.ends_with("/timestamp.json") { "no-cache" } else { "public, max-age=31536000, immutable" };
    let mut response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
        .header(CACHE_CONTROL, keep)
        .header(ACCEPT_RANGES, "bytes")
        .header("x-content-type-options", "nosniff")
        .header(CONTENT_LENGTH, wanted);
    if partial {
        let last = from.saturating_add(wanted).saturating_sub(1);
        response = response.header(CONTENT_RANGE, format!("bytes {from}-{last}/{whole}"));
    }
    let body = if head_only {
        empty()
    } else {
        BodyExt::boxed_unsync(StreamBody::new(first(answer.body, wanted).map(|piece| piece.map(Frame::data))))
    };
    response.body(body).unwrap_or_else(|_| bare(StatusCode::INTERNAL_SERVER_ERROR, &[]))
}

/// So many bytes of a body.
fn first(body: Body, count: u64) -> Body {
    Box::pin(futures_util::stream::unfold((body, count), |(mut body, left)| async move {
        if left == 0 {
            return None;
        }
        let piece = body.next().await?.map(|mut piece| {
            piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            piece
        });
        let taken = piece.as_ref().map_or(left, |piece| u64::try_from(piece.len()).unwrap_or(u64::MAX));
        Some((piece, (body, left.saturating_sub(taken))))
    }))
}

fn empty() -> UnsyncBoxBody<Bytes, crate::fetch::FetchError> {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn bare(status: StatusCode, headers: &[(hyper::header::HeaderName, HeaderValue)]) -> Sent {
    let mut response = Response::new(empty());
    *response.status_mut() = status;
    // A root or a release that is not there yet may be there in a minute.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().extend(headers.iter().cloned());
    response
}
