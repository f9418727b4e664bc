//! Tools for clients of the Model Context Protocol: which sessions are open, whose they
//! are, and when the list of tools became another one.
//!
//! `http/mcp` lets requests in, `mcp/handler` answers them, `mcp/shape` says our tools in
//! that protocol's words. Refuses: a session to anybody but the token that opened it, and
//! more sessions than `limits` allows. What a tool call is, `invoke` knows alone.

pub(crate) mod handler;
mod shape;

use crate::limits::{MCP_IDLE, MCP_SESSIONS, MCP_SESSIONS_EACH};
use crate::server::Server;
use handler::Handler;
use rmcp::transport::streamable_http_server::session::SessionManager as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use skynet_agent::Agent;
use skynet_core::access::TokenMark;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The protocol's machine over our handler.
pub(crate) type Service = StreamableHttpService<Handler, LocalSessionManager>;

/// What is open, and what its clients were last told.
pub(crate) struct Sessions {
    manager: Arc<LocalSessionManager>,
    config: StreamableHttpServerConfig,
    held: Mutex<Held>,
    /// The tokens that stood at the last look, for streams that belong to no session.
    tokens: watch::Sender<HashSet<TokenMark>>,
    /// Another number whenever the list of tools is another one.
    tools: watch::Sender<u64>,
    /// The registry's revision that the number above was made of.
    looked_at: Mutex<u64>,
}

/// Sessions and those that are about to be.
#[derive(Default)]
struct Held {
    /// Session id to who opened it.
    owners: HashMap<String, Owner>,
    /// Sessions that are being opened, by the name of the token.
    opening: HashMap<TokenMark, usize>,
    /// How many were ever opened.
    count: u64,
}

struct Owner {
    token: TokenMark,
    /// Which one it was.
    number: u64,
}

/// A place for one session, until it is opened or came to nothing.
pub(crate) struct Place<'a> {
    sessions: &'a Sessions,
    token: TokenMark,
}

impl Place<'_> {
    /// It is this session.
    pub(crate) fn opened(self, session: &str) {
        let mut held = self.sessions.held();
        held.count += 1;
        let owner = Owner { token: self.token.clone(), number: held.count };
        held.owners.insert(session.to_owned(), owner);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut held = self.sessions.held();
        if let Some(opening) = held.opening.get_mut(&self.token) {
            *opening = opening.saturating_sub(1);
        }
        held.opening.retain(|_, opening| *opening > 0);
    }
}

/// Why no session is opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// This token has too many.
    Own,
    /// All of them together are too many.
    All,
}

impl Sessions {
    pub(crate) fn new(agent: &Agent) -> Self {
        let mut manager = LocalSessionManager::default();
        manager.session_config.keep_alive = Some(MCP_IDLE);
        // Host and origin are looked at before, by the rules that all paths share.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_sse_keep_alive(Some(crate::limits::SSE_KEEPALIVE))
            .with_max_request_body_bytes(crate::limits::INVOKE_BODY_BYTES);
        let (revision, list) = fingerprint(agent);
        Self {
            manager: Arc::new(manager),
            config,
            held: Mutex::default(),
            tokens: watch::Sender::new(HashSet::new()),
            tools: watch::Sender::new(list),
            looked_at: Mutex::new(revision),
        }
    }

    /// The machine that answers on the path.
    pub(crate) fn service(&self, server: &Arc<Server>) -> Service {
        let server = Arc::clone(server);
        let handler = move || Ok(Handler::new(Arc::clone(&server)));
        StreamableHttpService::new(handler, Arc::clone(&self.manager), self.config.clone())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the session is this token's. One that nobody has is nobody's.
    pub(crate) fn is_of(&self, session: &str, token: &TokenMark) -> bool {
        self.held().owners.get(session).is_some_and(|owner| owner.token == *token)
    }

    /// Takes a place for one more session of this token. Forgets those that ended.
    pub(crate) async fn place(&self, token: &TokenMark) -> Result<Place<'_>, Full> {
        let before = self.held().count;
        let open: HashSet<String> = self.manager.sessions.read().await.keys().map(|id| id.to_string()).collect();
        let mut held = self.held();
        // Those that were opened since the list was made are not in it.
        held.owners.retain(|id, owner| owner.number > before || open.contains(id));
        let own = held.owners.values().filter(|owner| owner.token == *token).count();
        if own + held.opening.get(token).copied().unwrap_or(0) >= MCP_SESSIONS_EACH {
            return Err(Full::Own);
        }
        if held.owners.len() + held.opening.values().sum::<usize>() >= MCP_SESSIONS {
            return Err(Full::All);
        }
        *held.opening.entry(token.clone()).or_default() += 1;
        drop(held);
        Ok(Place { sessions: self, token: token.clone() })
    }

    /// Hears at each look which tokens stand.
    pub(crate) fn standing(&self) -> watch::Receiver<HashSet<TokenMark>> {
        self.tokens.subscribe()
    }

    /// Ends the sessions and streams of tokens that are not among these.
    pub(crate) async fn keep(&self, tokens: &HashSet<TokenMark>) {
        self.tokens.send_replace(tokens.clone());
        let is_gone = |(id, owner): (&String, &Owner)| (!tokens.contains(&owner.token)).then(|| id.clone());
        let gone: Vec<String> = self.held().owners.iter().filter_map(is_gone).collect();
        for id in gone {
            self.held().owners.remove(&id);
            if let Err(error) = self.manager.close_session(&id.into()).await {
                tracing::debug!(%error, "a session of a revoked token had ended already");
            }
        }
    }

    /// Whether any session or stream is known to be open.
    pub(crate) fn any(&self) -> bool {
        self.tokens.receiver_count() > 0 || !self.held().owners.is_empty()
    }

    /// Tells of the list of tools, if it is another one than at the last look.
    pub(crate) fn look(&self, agent: &Agent) {
        let revision = agent.revision();
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if *looked_at == revision {
            return;
        }
        let (revision, list) = fingerprint(agent);
        *looked_at = revision;
        self.tools.send_if_modified(|known| std::mem::replace(known, list) != list);
    }

    /// Changes of the list of tools from now on: what changed before this is looked at first,
    /// so that nobody is told of what it knows.
    pub(crate) fn changes(&self, agent: &Agent) -> watch::Receiver<u64> {
        self.look(agent);
        self.tools.subscribe()
    }

    /// Ends every stream: the host goes.
    pub(crate) fn close(&self) {
        self.config.cancellation_token.cancel();
    }
}

/// The registry's revision and a number that another list of tools would not have.
fn fingerprint(agent: &Agent) -> (u64, u64) {
    let revision = agent.revision();
    let mut hasher = DefaultHasher::new();
    for entry in agent.tools() {
        entry.exposed.hash(&mut hasher);
        serde_json::to_string(&entry.spec).unwrap_or_default().hash(&mut hasher);
    }
    (revision, hasher.finish())
}
