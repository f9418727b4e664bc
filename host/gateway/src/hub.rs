//! All connected clients, and saying one thing to many of them.
//!
//! An event is serialized once; each entitled client gets it with its own number.

use crate::auth::scope::Scope;
use crate::client::{Client, Role};
use crate::frame::EventHead;
use crate::mailbox::Closing;
use skynet_core::SessionKey;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::Notify;

/// Who is entitled to an event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Audience {
    /// Every connected client, nodes too.
    Everyone,
    /// Every operator, whatever its scopes.
    Operators,
    /// Operators whose scopes cover this one.
    Scope(Scope),
}

impl Audience {
    fn includes(self, client: &Client) -> bool {
        let operator = client.identity.role == Role::Operator;
        match self {
            Self::Everyone => true,
            Self::Operators => operator,
            Self::Scope(scope) => operator && client.identity.scopes.cover(scope),
        }
    }
}

/// The clients.
#[derive(Default)]
pub(crate) struct Hub {
    clients: RwLock<HashMap<u64, Arc<Client>>>,
    next: AtomicU64,
    closed: AtomicBool,
    /// Someone in the presence list left.
    pub(crate) left: Notify,
    pub(crate) presence_version: AtomicU64,
}

impl Hub {
    fn read(&self) -> RwLockReadGuard<'_, HashMap<u64, Arc<Client>>> {
        self.clients.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes a client in. `false` when the gateway has begun to close.
    pub(crate) fn join(&self, client: &Arc<Client>) -> bool {
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        if self.closed.load(Ordering::Relaxed) {
            return false;
        }
        clients.insert(client.id, Arc::clone(client));
        self.presence_version.fetch_add(1, Ordering::Relaxed);
        true
    }

    pub(crate) fn leave(&self, client: &Client) {
        self.clients.write().unwrap_or_else(PoisonError::into_inner).remove(&client.id);
        if crate::presence::is_listed(client) {
            self.presence_version.fetch_add(1, Ordering::Relaxed);
            self.left.notify_one();
        }
    }

    pub(crate) fn clients(&self) -> Vec<Arc<Client>> {
        let mut clients: Vec<_> = self.read().values().cloned().collect();
        clients.sort_by_key(|client| client.id);
        clients
    }

    /// Says it to all who are entitled to it.
    pub(crate) fn broadcast(&self, head: &EventHead, audience: Audience, skip_if_slow: bool) {
        for client in self.read().values().filter(|client| audience.includes(client)) {
            client.mailbox.broadcast(head, skip_if_slow);
        }
    }

    /// Says it to those who watch the session.
    pub(crate) fn to_watchers(&self, session: &SessionKey, head: &EventHead) {
        for client in self.read().values().filter(|client| client.watches(session) && client.identity.scopes.cover(Scope::Read)) {
            client.mailbox.targeted(head);
        }
    }

    /// Says it to those who match, without a number.
    pub(crate) fn to_each(&self, head: impl FnOnce() -> EventHead, wanted: impl Fn(&Client) -> bool) {
        let clients = self.read();
        let mut matching = clients.values().filter(|client| wanted(client)).peekable();
        if matching.peek().is_some() {
            let head = head();
            matching.for_each(|client| client.mailbox.targeted(&head));
        }
    }

    pub(crate) fn any(&self, wanted: impl Fn(&Client) -> bool) -> bool {
        self.read().values().any(|client| wanted(client))
    }

    pub(crate) fn each(&self, mut act: impl FnMut(&Client)) {
        self.read().values().for_each(|client| act(client));
    }

    /// Closes those who match.
    pub(crate) fn close_each(&self, code: u16, reason: &str, wanted: impl Fn(&Client) -> bool) {
        self.each(|client| {
            if wanted(client) {
                client.mailbox.close(Closing::new(code, reason));
            }
        });
    }

    /// Closes all, and lets nobody in any more.
    pub(crate) fn shut(&self, code: u16, reason: &str) {
        let clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        self.closed.store(true, Ordering::Relaxed);
        clients.values().for_each(|client| client.mailbox.close(Closing::new(code, reason)));
    }

    pub(crate) fn len(&self) -> usize {
        self.read().len()
    }
}
