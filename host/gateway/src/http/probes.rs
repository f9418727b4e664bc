//! `/health` says that the process lives, `/ready` that it can serve.
//!
//! What is failing is told only to the machine itself or to who holds a token.

use crate::auth::peer::Peer;
use crate::http::{PeerAddress, bearer};
use crate::server::Server;
use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode, header};
use serde_json::json;
use std::sync::Arc;

fn refused(method: &Method) -> Option<Response> {
    let fine = method == Method::GET || method == Method::HEAD;
    (!fine).then(|| (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")], "Method Not Allowed").into_response())
}

pub(super) async fn live(request: Request) -> Response {
    refused(request.method()).unwrap_or_else(|| Json(json!({"ok": true, "status": "live"})).into_response())
}

pub(super) async fn ready(State(server): State<Arc<Server>>, Extension(address): Extension<PeerAddress>, request: Request) -> Response {
    if let Some(refused) = refused(request.method()) {
        return refused;
    }
    let readiness = server.readiness();
    let ready = !readiness.starting && readiness.failing.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let local = Peer::of(address.0, request.headers(), &server.config).local;
    let headers = request.headers().clone();
    if !local && bearer::holder(&server, address.0, &headers).await.is_err() {
        return (status, Json(json!({"ready": ready}))).into_response();
    }
    let answer = json!({"ready": ready, "starting": readiness.starting, "failing": readiness.failing, "uptimeMs": server.uptime_ms()});
    (status, Json(answer)).into_response()
}
