//! The egress door without a guest, and a plain client beside it: what `skynet bench`
//! holds against one another.
//!
//! A visitor takes a guest's own way in, the hooks of wasi:http, and everything after
//! it: rule, address, shares, audit rows, rebuilt request, counted body. It reaches
//! servers on this machine's loopback alone, so it is no way around a grant.

use crate::host::PluginHost;
use crate::http::budget::HttpBudget;
use crate::http::dial::Tcp;
use crate::http::hooks::Hooks;
use crate::http::wire::Wire;
use crate::validity::Granted;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use skynet_core::{Generation, PluginId, PluginRef};
use skynet_policy::permission::{NetRule, Permissions};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use wasmtime_wasi_http::WasiHttpHooks;

/// Why a request came to nothing, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request to {server} came to nothing: {reason}")]
pub struct Unanswered {
    /// Where it went.
    pub server: SocketAddr,
    /// Why.
    pub reason: String,
}

/// Sends requests through the door as a plugin of its own name.
pub struct Visitor {
    hooks: Hooks,
    server: SocketAddr,
}

impl PluginHost {
    /// A visitor that may reach this server and no other. Refuses what is not loopback.
    pub fn visitor(&self, plugin: PluginId, server: SocketAddr) -> Result<Visitor, Unanswered> {
        let unanswered = |reason: String| Unanswered { server, reason };
        if !server.ip().is_loopback() {
            return Err(unanswered("a visitor reaches this machine's loopback alone".into()));
        }
        let rule = NetRule { private: true, ..NetRule::parse(&format!("http://{server}")).map_err(|fault| unanswered(fault.to_string()))? };
        let hooks = Hooks {
            door: Arc::clone(&self.shared.runtime.door),
            plugin: PluginRef { id: plugin, version: semver::Version::new(0, 0, 0), generation: Generation(0) },
            permissions: Arc::new(Permissions { net: vec![rule], ..Permissions::default() }),
            budget: Arc::default(),
            granted: Arc::new(Granted { validity: Arc::default(), withheld: Arc::default(), clock: Arc::clone(&self.shared.clock) }),
        };
        Ok(Visitor { hooks, server })
    }
}

impl Visitor {
    /// Gets `/` once, in a call of its own; gives the length of the answer.
    pub async fn get(&mut self) -> Result<usize, Unanswered> {
        let unanswered = |reason: String| Unanswered { server: self.server, reason };
        self.hooks.budget = Arc::<HttpBudget>::default();
        let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
        let request = http::Request::get(format!("http://{}/", self.server)).body(body).map_err(|error| unanswered(error.to_string()))?;
        let sent = Pin::from(self.hooks.send_request(request, None, Box::new(async { Ok(()) }))).await;
        let (answer, _) = sent.map_err(|error| unanswered(error.to_string()))?;
        let body = answer.into_body().collect().await.map_err(|error| unanswered(error.to_string()))?;
        Ok(body.to_bytes().len())
    }
}

/// The same library without the door, over one connection that stays open.
pub struct PlainClient {
    sender: http1::SendRequest<Empty<Bytes>>,
    server: SocketAddr,
}

impl PlainClient {
    /// Connects to a server on loopback.
    pub async fn connect(server: SocketAddr) -> Result<Self, Unanswered> {
        let unanswered = |reason: String| Unanswered { server, reason };
        if !server.ip().is_loopback() {
            return Err(unanswered("a baseline is measured on loopback alone".into()));
        }
        let stream = Tcp.open(server).await.map_err(|error| unanswered(error.to_string()))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| unanswered(error.to_string()))?;
        tokio::spawn(connection);
        Ok(Self { sender, server })
    }

    /// Gets `/` once; gives the length of the answer.
    pub async fn get(&mut self) -> Result<usize, Unanswered> {
        let server = self.server;
        let unanswered = |reason: String| Unanswered { server, reason };
        let request = http::Request::get("/").header(http::header::HOST, server.to_string()).body(Empty::new());
        let request = request.map_err(|error| unanswered(error.to_string()))?;
        self.sender.ready().await.map_err(|error| unanswered(error.to_string()))?;
        let answer = self.sender.send_request(request).await.map_err(|error| unanswered(error.to_string()))?;
        let body = answer.into_body().collect().await.map_err(|error| unanswered(error.to_string()))?;
        Ok(body.to_bytes().len())
    }
}
