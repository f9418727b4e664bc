//! `/mcp`: the Model Context Protocol over HTTP, for whoever has a token.
//!
//! Owns who comes in: the page that asks, the token, the bound of the body, whose session
//! it is. What is said then is the protocol's own machine's, over `crate::mcp`.

use crate::auth::peer::Peer;
use crate::auth::scope::Scope;
use crate::http::answer::Fault;
use crate::http::bearer::Holder;
use crate::http::{PeerAddress, bearer, body};
use crate::limits::INVOKE_BODY_BYTES;
use crate::mcp::handler::Caller;
use crate::mcp::{Full, Place, Service};
use crate::server::Server;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::Full as Whole;
use std::sync::Arc;

const SESSION: &str = "mcp-session-id";

pub(super) async fn serve(
    State(server): State<Arc<Server>>,
    Extension(address): Extension<PeerAddress>,
    Extension(service): Extension<Service>,
    request: Request,
) -> Result<Response, Fault> {
    let (mut head, body) = request.into_parts();
    if !Peer::of(address.0, &head.headers, &server.config).origin_allowed(&server.config) {
        let message = "this page may not connect: add its address to gateway.allowed_origins";
        return Err(Fault::new(StatusCode::FORBIDDEN, "forbidden", message));
    }
    let holder = bearer::need(&server, address.0, &head.headers, Scope::Read).await?;
    let has_session = of_own(&server, &head.headers, &holder)?;
    let body = if head.method == Method::POST { body::read(body, INVOKE_BODY_BYTES).await? } else { Bytes::new() };
    let opens = !has_session && head.method == Method::POST && is_hello(&body);
    let place = if opens { Some(place(&server, &holder).await?) } else { None };
    head.extensions.insert(Caller { token: holder.token.clone(), actor: holder.actor(), scopes: holder.scopes });
    // The machine keeps the head with the message; the token has no business there.
    head.headers.remove(http::header::AUTHORIZATION);
    let ends = head.method == Method::DELETE;
    let mut response = service.handle(http::Request::from_parts(head, Whole::new(body))).await;
    if ends && response.status() == StatusCode::ACCEPTED {
        // It is done, not only taken note of; some clients complain of the other word.
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    if let (Some(place), Some(session)) = (place, session_of(response.headers())) {
        place.opened(session);
    }
    Ok(response.map(Body::new))
}

/// Whether it comes with a session. Refuses one that is another's.
fn of_own(server: &Server, headers: &HeaderMap, holder: &Holder) -> Result<bool, Fault> {
    match session_of(headers) {
        // As the protocol says it of a session that ended: the client begins anew.
        Some(session) if !server.mcp.is_of(session, &holder.token) => {
            Err(Fault::new(StatusCode::NOT_FOUND, "not_found", "there is no such session; begin a new one with `initialize`"))
        }
        session => Ok(session.is_some()),
    }
}

/// A place for one session more.
async fn place<'a>(server: &'a Server, holder: &Holder) -> Result<Place<'a>, Fault> {
    server.mcp.place(&holder.token).await.map_err(|full| {
        let whose = if full == Full::Own { "this token has" } else { "there are" };
        let message = format!("{whose} too many open sessions; end some with DELETE, or wait until idle ones are closed");
        Fault::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message)
    })
}

/// Whether this may be the message that opens a session. What cannot be read may be.
fn is_hello(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Named {
        method: Option<String>,
    }
    serde_json::from_slice::<Named>(body).map_or(true, |named| named.method.as_deref() == Some("initialize"))
}

fn session_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION)?.to_str().ok()
}
