//! The bearer token of an HTTP request, and what it allows.

use crate::auth::peer::Peer;
use crate::auth::scope::{Scope, Scopes};
use crate::auth::{record, secret};
use crate::http::answer::Fault;
use crate::server::Server;
use http::{HeaderMap, StatusCode, header};
use skynet_core::UserId;
use skynet_core::access::TokenMark;
use std::net::SocketAddr;

/// Whose token a request carries.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    /// For what belongs to one client.
    pub(super) token: TokenMark,
    pub(super) scopes: Scopes,
}

impl Holder {
    /// Who it is, for the audit, the log and its buckets.
    pub(super) fn actor(&self) -> String {
        actor(&self.token.name)
    }
}

fn actor(name: &str) -> String {
    format!("token {name}")
}

/// The token that a request carries, checked, counted and recorded.
pub(super) async fn holder(server: &Server, address: SocketAddr, headers: &HeaderMap) -> Result<Holder, Fault> {
    let peer = Peer::of(address, headers, &server.config);
    let now = server.clock.now_ms();
    let key = peer.throttle_key();
    let locked = server.throttle.locked(&key, now);
    if let Some(after_ms) = locked.filter(|_| !peer.is_at_the_machine()) {
        return Err(locked_out(server, &peer, after_ms).await);
    }
    let Some(token) = token(headers) else { return Err(Fault::unauthorized()) };
    match secret::find(&*server.access, token).await {
        Ok(Some(row)) => {
            if !peer.is_at_the_machine() {
                server.throttle.succeeded(&key);
            }
            let actor = actor(&row.name);
            // Whoever holds a token is a client of the owner's.
            let taken = server.rates.call(&UserId::owner(), &actor, "http");
            taken.map_err(|after_ms| Fault::too_often("requests", after_ms))?;
            let recorded = record::came_in(server, &actor, "http", "http", peer.address).await;
            recorded.map_err(|error| Fault::new(StatusCode::SERVICE_UNAVAILABLE, "api_error", error.to_string()))?;
            Ok(Holder { scopes: Scopes::of_strings(&row.scopes), token: row.mark() })
        }
        Ok(None) => {
            server.throttle.failed(&key, now);
            if let Some(after_ms) = locked {
                return Err(locked_out(server, &peer, after_ms).await);
            }
            record::failed(server, "http", "token mismatch", peer.address).await;
            Err(Fault::unauthorized())
        }
        Err(error) => Err(Fault::new(StatusCode::SERVICE_UNAVAILABLE, "api_error", error.to_string())),
    }
}

async fn locked_out(server: &Server, peer: &Peer, after_ms: u64) -> Fault {
    record::failed(server, "http", "locked out", peer.address).await;
    Fault::too_often("failed authentication attempts", after_ms)
}

/// Refuses who lacks a scope.
pub(super) async fn need(server: &Server, address: SocketAddr, headers: &HeaderMap, scope: Scope) -> Result<Holder, Fault> {
    let holder = holder(server, address, headers).await?;
    if holder.scopes.cover(scope) {
        return Ok(holder);
    }
    Err(Fault::new(StatusCode::FORBIDDEN, "forbidden", format!("missing scope: {}", scope.name())))
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}
