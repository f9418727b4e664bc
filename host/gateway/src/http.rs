//! The HTTP side of the port: which path is whose, and what holds for all of them.
//!
//! Owns the Host check and the headers of every answer. A path that nobody owns is
//! where a WebSocket may also begin.

mod answer;
mod bearer;
mod body;
mod completions;
mod home;
mod intake;
mod mcp;
mod models;
mod probes;
mod stream;
mod tools;

use crate::auth::peer;
use crate::server::Server;
use crate::ws::upgrade;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use http::{HeaderName, HeaderValue, StatusCode, header};
use std::net::SocketAddr;
use std::sync::Arc;

/// The address that a connection came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerAddress(pub(crate) SocketAddr);

/// All paths.
pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/", get(home_or_socket))
        .route("/ws", get(socket))
        .route("/health", any(probes::live))
        .route("/healthz", any(probes::live))
        .route("/ready", any(probes::ready))
        .route("/readyz", any(probes::ready))
        .route("/v1/chat/completions", post(completions::complete))
        .route("/tools/invoke", post(tools::invoke))
        .route("/mcp", any(mcp::serve).layer(Extension(server.mcp.service(&server))))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::one))
        .fallback(socket)
        .layer(middleware::from_fn_with_state(Arc::clone(&server), guard))
        .with_state(server)
}

async fn home_or_socket(State(server): State<Arc<Server>>, request: Request) -> Response {
    if upgrade::is_asked(request.headers()) {
        return upgrade::accept(&server, request);
    }
    home::page(&server)
}

async fn socket(State(server): State<Arc<Server>>, request: Request) -> Response {
    if upgrade::is_asked(request.headers()) {
        return upgrade::accept(&server, request);
    }
    (StatusCode::NOT_FOUND, "Not Found").into_response()
}

const HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
];

async fn guard(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let mut response = if peer::host_allowed(request.headers(), &server.config) {
        next.run(request).await
    } else {
        let message = "this host name is not served here: use an IP address or localhost, or add https://NAME to gateway.allowed_origins";
        (StatusCode::FORBIDDEN, message).into_response()
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
