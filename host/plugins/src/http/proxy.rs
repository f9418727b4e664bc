//! The way out of a script: HTTP over one connection that it inherits, each request through the door.
//!
//! A request names its server in full, as to any proxy: `GET https://api.example.com/path HTTP/1.1`. The
//! door speaks TLS, so that rules, secrets and audit rows are as for a component. Refuses tunnels: what
//! goes through one cannot be looked at.

use super::door::{Door, Errand, target};
use crate::limits;
use bytes::Bytes;
use http::{Method, Response, StatusCode, Version, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use skynet_policy::naming::plain_line;
use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::net::UnixStream;
use wasmtime_wasi_http::{Error, WasiBody};

/// The script's end, and what serves the other one until that is closed.
pub(super) fn open(door: Arc<Door>, errand: Errand) -> io::Result<(OwnedFd, impl Future<Output = ()> + Send + use<>)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let ours = TokioIo::new(UnixStream::from_std(ours)?);
    let serving = async move {
        let service = service_fn(|request| {
            let (door, errand) = (Arc::clone(&door), errand.clone());
            async move { Ok::<_, Infallible>(answer(&door, errand, request).await) }
        });
        let mut server = hyper::server::conn::http1::Builder::new();
        let server = server.max_buf_size(limits::SCRIPT_HTTP_BUFFER);
        if let Err(error) = server.serve_connection(ours, service).await {
            tracing::debug!(%error, "a script's way out broke off");
            if error.is_parse() {
                // It was answered with a bare 400, and the connection is over: hyper writes that itself, with
                // `content-length: 0`, before it says anything here. Words of ours could only come behind it, where a
                // client reads the answer to its next request. So the owner has them, in the row.
                let why = plain_line(&format!("it is no request that can be read in one way only: {error}"), 200);
                // It went nowhere; the log that takes no rows stops the next one that would.
                let _ = door.turned_away(&errand, "a script's request", json!({ "why": why })).await;
            }
        }
    };
    Ok((theirs.into(), serving))
}

async fn answer(door: &Door, errand: Errand, request: http::Request<Incoming>) -> Response<WasiBody> {
    if request.method() == Method::CONNECT || request.uri().scheme().is_none() {
        let why = "send the request itself, with its whole address: GET https://host/path HTTP/1.1; this proxy speaks TLS for you, \
            and opens no tunnels";
        let (head, _) = request.into_parts();
        return match door.turned_away(&errand, &target(&head), json!({ "why": why })).await {
            Ok(()) => says(StatusCode::NOT_IMPLEMENTED, why),
            Err(error) => says(StatusCode::BAD_GATEWAY, &error.to_string()),
        };
    }
    let (head, body) = request.into_parts();
    let asked = target(&head);
    let request = http::Request::from_parts(head, body.map_err(Error::Hyper).boxed_unsync());
    let budget = Arc::clone(&errand.budget);
    match door.send(errand, request).await {
        Ok(mut answer) => {
            // What the server does with its own connection does not end this one, which cannot be made again.
            *answer.version_mut() = Version::HTTP_11;
            answer.headers_mut().remove(header::CONNECTION);
            answer
        }
        Err(error) => {
            let refused = matches!(error, Error::HttpRequestDenied | Error::DestinationIpProhibited);
            // The first denial of a call is noted whole, for its owner; the script hears the rule.
            let noted = budget.notes().denial.filter(|denial| refused && denial.what == asked);
            let status = if refused { StatusCode::FORBIDDEN } else { StatusCode::BAD_GATEWAY };
            says(status, &noted.map_or_else(|| error.to_string(), |denial| format!("{} was refused: {}", denial.what, denial.why)))
        }
    }
}

fn says(status: StatusCode, why: &str) -> Response<WasiBody> {
    let body = Full::new(Bytes::from(format!("{why}\n"))).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = status;
    answer
}
