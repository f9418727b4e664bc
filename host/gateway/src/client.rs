//! One connected client after its hello: who it is, what it may do, what it watches.
//!
//! Everything that is said to it goes through its mailbox.

use crate::auth::peer::Peer;
use crate::auth::scope::Scopes;
use crate::limits::{REQUESTS_IN_FLIGHT, WATCHED_SESSIONS};
use crate::mailbox::Mailbox;
use crate::refusal::Refusal;
use crate::ws::connect::ClientInfo;
use skynet_core::access::TokenMark;
use skynet_core::{SessionKey, TurnId, UserId};
use std::collections::HashSet;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// What a client speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Operator,
    Node,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Node => "node",
        }
    }
}

/// Who a client is, as the handshake found.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) info: ClientInfo,
    pub(crate) role: Role,
    pub(crate) scopes: Scopes,
    pub(crate) caps: Vec<String>,
    pub(crate) commands: Vec<String>,
    pub(crate) device: Option<String>,
    /// The bearer token it came with, if not with a device token.
    pub(crate) token: Option<TokenMark>,
    pub(crate) peer: Peer,
    pub(crate) connected_ms: u64,
    /// It said hello in the forerunner's shape.
    pub(crate) seed: bool,
}

impl Identity {
    /// Whose it is. Tokens and paired devices are all the owner's.
    pub(crate) fn user(&self) -> UserId {
        UserId::owner()
    }

    /// Who it is, for the audit, the log and its buckets: the same after a reconnect.
    pub(crate) fn actor(&self) -> String {
        match (&self.device, &self.token) {
            (Some(device), _) => format!("device {device}"),
            (None, Some(token)) => format!("token {}", token.name),
            (None, None) => "client".into(),
        }
    }
}

#[derive(Debug, Default)]
struct Watching {
    all: bool,
    sessions: HashSet<SessionKey>,
    runs: HashSet<TurnId>,
}

/// A connected client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: u64,
    pub(crate) conn: String,
    pub(crate) identity: Identity,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) requests: Arc<Semaphore>,
    /// Calls above its role's rights, in a row.
    pub(crate) violations: AtomicU32,
    watching: Mutex<Watching>,
}

impl Client {
    pub(crate) fn new(id: u64, conn: String, identity: Identity, mailbox: Arc<Mailbox>) -> Self {
        Self {
            id,
            conn,
            identity,
            mailbox,
            requests: Arc::new(Semaphore::new(REQUESTS_IN_FLIGHT)),
            violations: AtomicU32::new(0),
            watching: Mutex::default(),
        }
    }

    fn watching(&self) -> MutexGuard<'_, Watching> {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the audit and the log.
    pub(crate) fn actor(&self) -> String {
        self.identity.actor()
    }

    /// Wants to hear of every session, or no longer.
    pub(crate) fn watch_all(&self, on: bool) {
        self.watching().all = on;
    }

    /// Wants to hear of one session, or no longer.
    pub(crate) fn watch(&self, session: &SessionKey, on: bool) -> Result<(), Refusal> {
        let sessions = &mut self.watching().sessions;
        if !on {
            sessions.remove(session);
        } else if sessions.len() < WATCHED_SESSIONS || sessions.contains(session) {
            sessions.insert(session.clone());
        } else {
            return Err(Refusal::invalid("too many sessions are watched by this connection; unsubscribe some, or use sessions.subscribe"));
        }
        Ok(())
    }

    /// Started this run: its tools are of interest here.
    pub(crate) fn started(&self, turn: &TurnId) {
        self.watching().runs.insert(turn.clone());
    }

    pub(crate) fn run_ended(&self, turn: &TurnId) {
        self.watching().runs.remove(turn);
    }

    /// Whether it hears of what happens in this session.
    pub(crate) fn watches(&self, session: &SessionKey) -> bool {
        let watching = self.watching();
        watching.all || watching.sessions.contains(session)
    }

    /// Whether it is shown the tools of this run as they run.
    pub(crate) fn follows_tools(&self, session: &SessionKey, turn: &TurnId) -> bool {
        if !self.identity.caps.iter().any(|cap| cap == "tool-events") {
            return false;
        }
        let watching = self.watching();
        watching.runs.contains(turn) || watching.sessions.contains(session)
    }
}
