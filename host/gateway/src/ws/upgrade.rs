//! From an HTTP request to a WebSocket.
//!
//! Refuses: an upgrade that is not version 13 of the protocol, and the one socket
//! too many of an address that has not said who it is.

use crate::auth::peer::Peer;
use crate::http::PeerAddress;
use crate::server::Server;
use crate::ws::socket;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Whether a request wants to become a WebSocket.
pub(crate) fn is_asked(headers: &HeaderMap) -> bool {
    has_token(headers, header::UPGRADE, "websocket") && has_token(headers, header::CONNECTION, "upgrade")
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    let mut words = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    words.any(|word| word.trim().eq_ignore_ascii_case(token))
}

/// Answers an upgrade and lets the socket run.
pub(crate) fn accept(server: &Arc<Server>, mut request: Request) -> Response {
    let headers = request.headers();
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return (StatusCode::UPGRADE_REQUIRED, [(header::SEC_WEBSOCKET_VERSION, "13")], "WebSocket version 13 is spoken here")
            .into_response();
    }
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes())) else {
        return (StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing").into_response();
    };
    let Some(address) = request.extensions().get::<PeerAddress>().map(|peer| peer.0) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let peer = Peer::of(address, headers, &server.config);
    let Some(stranger) = server.strangers.enter(peer.address) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many unauthenticated connections from this address; try again shortly")
            .into_response();
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let server = Arc::clone(server);
    server.sockets.send_modify(|open| *open = open.saturating_add(1));
    tokio::spawn(async move {
        let _open = Open(Arc::clone(&server));
        let deadline = Duration::from_millis(server.config.handshake_timeout_ms);
        match tokio::time::timeout(deadline, upgrade).await {
            Ok(Ok(upgraded)) => socket::run(server, peer, TokioIo::new(upgraded), stranger).await,
            Ok(Err(error)) => tracing::debug!(%error, "an upgrade failed"),
            Err(_) => tracing::debug!("an upgrade was not completed in time"),
        }
    });
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, key)
        .body(Body::empty());
    response.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Counts one socket out, whatever ended it.
struct Open(Arc<Server>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.sockets.send_modify(|open| *open = open.saturating_sub(1));
    }
}
