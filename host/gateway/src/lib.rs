//! The gateway: the WebSocket protocol, the HTTP endpoints, and who may use them.
//!
//! Owns one listening socket and everything that a client can see. Speaks the
//! OpenClaw gateway protocol, version 3, unchanged. Refuses: deciding anything about
//! plugins, running turns itself, SQL.
//!
//! A client walks: `serve` (accept) → `http` (path, host) → `ws/upgrade` →
//! `ws/connect` (who, what) → `ws/socket` → `methods` (the gate and the handlers).
//! A turn's words walk back: `turns/relay` → `turns/run` → `hub` → `mailbox` → socket.

mod ahead;
mod auth;
mod beat;
mod client;
mod events;
mod frame;
mod health;
mod http;
mod hub;
mod invoke;
mod limits;
mod mailbox;
mod mcp;
mod message_in;
mod methods;
mod presence;
mod rates;
mod refusal;
mod schema;
mod serve;
mod server;
mod session_row;
mod transcript;
mod turns;
mod ws;

use server::Server;
use skynet_agent::Agent;
use skynet_core::StoreError;
use skynet_core::access::AccessStore;
use skynet_core::admin::PluginAdmin;
use skynet_core::articles::Articles;
use skynet_core::config::{GatewayConfig, RatesConfig};
use skynet_core::facts::Facts;
use skynet_core::ports::{Audit, Clock, Memory};
use skynet_core::proposals::Approvals;
use skynet_core::schedule::Schedule;
use skynet_core::terminal::Console;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use turns::feed::{self, Feed, News};
use turns::relay;

/// What the gateway needs of the host.
pub struct GatewayParts {
    /// The turn loop.
    pub agent: Agent,
    /// Sessions and history.
    pub memory: Arc<dyn Memory>,
    /// What is remembered about people.
    pub facts: Arc<dyn Facts>,
    /// What all of them share.
    pub articles: Arc<dyn Articles>,
    /// Tokens and devices.
    pub access: Arc<dyn AccessStore>,
    /// Management of plugins.
    pub admin: Arc<dyn PluginAdmin>,
    /// Plugins that somebody asks the owner for.
    pub approvals: Arc<dyn Approvals>,
    /// Shells and commands of the owner's.
    pub console: Arc<dyn Console>,
    /// Jobs for later.
    pub schedule: Arc<dyn Schedule>,
    /// The audit log.
    pub audit: Arc<dyn Audit>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// `[gateway]` of the configuration.
    pub config: GatewayConfig,
    /// `[rates]` of the configuration.
    pub rates: RatesConfig,
    /// The host's version.
    pub version: String,
    /// The commit that it was built of, where the build said so.
    pub commit: Option<String>,
    /// Asked at each `/ready` and each `connect`; must not wait.
    pub ready: Arc<dyn Fn() -> Readiness + Send + Sync>,
    /// The data folder, shown to owners.
    pub state_dir: Option<String>,
}

/// Whether the host can serve.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readiness {
    /// It is still starting: clients are told to come again.
    pub starting: bool,
    /// What does not work, one word or sentence each; empty when all does.
    pub failing: Vec<String>,
}

/// What the store keeps of a token, for whoever makes one.
pub fn token_hash(token: &str) -> skynet_core::access::TokenHash {
    auth::secret::hash(token)
}

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; stop what uses it, or choose another gateway.port")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's word.
        source: std::io::Error,
    },
    /// Durable state cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A gateway that listens.
pub struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    server: Arc<Server>,
    news: tokio::sync::mpsc::Receiver<News>,
}

/// Tells connected owners what the host found by itself.
#[derive(Clone)]
pub struct Herald(Arc<Server>);

impl Herald {
    /// The event `plugins.updates`, to operators who may manage plugins.
    pub fn updates(&self, payload: &serde_json::Value) {
        self.0.hub.broadcast(&frame::EventHead::new("plugins.updates", payload), hub::Audience::Scope(auth::scope::Scope::Admin), false);
    }
}

impl Gateway {
    /// Takes the address; nobody is answered before `serve`.
    pub async fn bind(parts: GatewayParts) -> Result<Self, GatewayError> {
        let address = SocketAddr::new(parts.config.bind, parts.config.port);
        let failed = |source| GatewayError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (feed, news) = Feed::new();
        let server = Arc::new(Server::new(parts, feed)?);
        health::refresh(&server).await?;
        methods::proposals::announce(&server);
        Ok(Self { listener, address, server, news })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A way to tell those who manage plugins that newer releases are known.
    pub fn herald(&self) -> Herald {
        Herald(Arc::clone(&self.server))
    }

    /// Serves until `shutdown`, then says goodbye and lets turns end.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), GatewayError> {
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(relay::relay(Arc::clone(&self.server), self.server.agent.subscribe()));
        tasks.spawn(feed::tell(Arc::clone(&self.server), self.news));
        tasks.spawn(beat::beat(Arc::clone(&self.server)));
        tracing::info!(address = %self.address, "the gateway listens");
        serve::serve(self.listener, self.server, shutdown).await;
        tasks.shutdown().await;
        Ok(())
    }
}
