//! The rebuilt request over an open connection, and its answer with a bounded body.
//!
//! Owns the time-outs after connecting, the sizes of both heads, and giving an
//! HTTP/1.1 connection back once its answer was read. Refuses a change of protocol.

use super::dial::{Connection, Sender};
use super::door::Credentials;
use super::exchange::{Exchange, head_bytes};
use super::meter::{Incoming, Outgoing};
use super::pool::{Pool, Route};
use super::sanitize;
use crate::limits;
use http::StatusCode;
use http::header::HeaderValue;
use http::request::Parts;
use http_body_util::BodyExt;
use skynet_policy::egress::Destination;
use skynet_policy::scrub::Known;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// A request that may go, with all that it needs.
pub(crate) struct Way {
    pub(crate) destination: Destination,
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) route: Route,
    pub(crate) connection: Connection,
    pub(crate) credentials: Credentials,
    /// Its place among the open requests of its call.
    pub(crate) place: OwnedSemaphorePermit,
}

/// A guest's time-out within the host's own; zero is the shortest wait.
pub(crate) fn wait(asked: Option<Duration>, limit: Duration) -> Duration {
    asked.unwrap_or(limit).clamp(limits::HTTP_LEAST_WAIT, limit)
}

/// Sends the rebuilt request and gives the answer with its body bounded.
pub(crate) async fn over(
    way: Way,
    options: &RequestOptions,
    (pool, known): (&Pool, &Known),
    (parts, body): (Parts, WasiBody),
) -> Result<http::Response<WasiBody>, Error> {
    let Way { destination, exchange, route, mut connection, credentials, place } = way;
    let is_h2 = matches!(connection.sender, Sender::Many(_));
    let length = sanitize::declared_length(&parts.headers);
    let host = HeaderValue::try_from(destination.authority()).map_err(|_| Error::HttpRequestUriInvalid)?;
    let mut outgoing = http::Request::builder()
        .method(parts.method)
        .uri(sanitize::target(&parts.uri, &destination, is_h2).map_err(|_| Error::HttpRequestUriInvalid)?)
        .body(Outgoing::new(body, Arc::clone(&exchange), length))
        .map_err(|_| Error::HttpRequestUriInvalid)?;
    *outgoing.headers_mut() = sanitize::request_headers(&parts.headers, (!is_h2).then_some(host), &credentials);
    let path = outgoing.uri().path_and_query().map_or(0, |path| path.as_str().len());
    exchange.sent(path + head_bytes(outgoing.headers()))?;
    let first_byte = wait(options.first_byte_timeout, limits::HTTP_FIRST_BYTE);
    let sending = timeout(first_byte, connection.sender.send(outgoing)).await;
    let answer = sending.map_err(|_| Error::HttpResponseTimeout)?.map_err(own_fault)?;
    connection.idling.was_of_use();
    let (mut parts, body) = answer.into_parts();
    exchange.answered(parts.status.as_u16());
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Error::HttpUpgradeFailed);
    }
    exchange.received(head_bytes(&parts.headers))?;
    sanitize::clean_response(&mut parts.headers);
    sanitize::scrub_response(&mut parts.headers, &known.now());
    let idling = Arc::clone(&connection.idling);
    let pool = pool.clone();
    let done = move |whole: bool| {
        drop(place);
        if whole && !is_h2 {
            pool.put(route, connection);
        }
    };
    let idle = wait(options.between_bytes_timeout, limits::HTTP_IDLE);
    let body = Incoming::new(body, exchange, idling, idle, Box::new(done));
    Ok(http::Response::from_parts(parts, body.boxed_unsync()))
}

/// What went wrong with the request's own body, where that was it.
fn own_fault(error: hyper::Error) -> Error {
    use std::error::Error as _;
    match error.source().and_then(|source| source.downcast_ref()) {
        Some(Error::HttpRequestBodySize(limit)) => Error::HttpRequestBodySize(*limit),
        Some(Error::ConnectionLimitReached) => Error::ConnectionLimitReached,
        _ => Error::Hyper(error),
    }
}
