//! What happens in sessions, told to the clients that watch them.
//!
//! A second task beside the relay, since its news carry rows of the store, which
//! take their time to read. In order; nothing is read when nobody watches.

use crate::auth::secret::within;
use crate::client::Client;
use crate::frame::EventHead;
use crate::server::Server;
use crate::{session_row, transcript};
use serde_json::{Value, json};
use skynet_core::session::StoredMessage;
use skynet_core::{SessionKey, TurnId};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// News that wait; a store that hangs must not fill the memory.
const WAITING: usize = 1024;
/// Stored messages that are looked at for what is new.
const LOOKED_AT: usize = 100;

/// Something happened in a session.
#[derive(Debug)]
pub(crate) enum News {
    Started {
        session: SessionKey,
        turn: TurnId,
    },
    /// Messages are stored, this number and later ones.
    Stored {
        session: SessionKey,
        from: u64,
    },
    Ended {
        session: SessionKey,
        turn: TurnId,
        phase: &'static str,
    },
    /// A client changed it: `create`, `patch`, `reset`, `delete`, `send`, `abort`, `inject`.
    Changed {
        session: SessionKey,
        reason: &'static str,
    },
}

impl News {
    fn session(&self) -> &SessionKey {
        match self {
            Self::Started { session, .. } | Self::Stored { session, .. } | Self::Ended { session, .. } | Self::Changed { session, .. } => {
                session
            }
        }
    }
}

/// Where news are handed in.
#[derive(Debug, Clone)]
pub(crate) struct Feed(Sender<News>);

impl Feed {
    pub(crate) fn new() -> (Self, Receiver<News>) {
        let (sender, receiver) = channel(WAITING);
        (Self(sender), receiver)
    }

    pub(crate) fn send(&self, news: News) {
        if self.0.try_send(news).is_err() {
            tracing::debug!("news of a session were dropped");
        }
    }
}

/// Runs until nobody can hand in news.
pub(crate) async fn tell(server: Arc<Server>, mut news: Receiver<News>) {
    let mut told: HashMap<SessionKey, u64> = HashMap::new();
    while let Some(news) = news.recv().await {
        let session = news.session();
        if !server.hub.any(|client: &Client| client.watches(session)) {
            if matches!(news, News::Ended { .. }) {
                told.remove(session);
            }
            continue;
        }
        match &news {
            News::Started { session, turn } => changed(&server, session, json!({"phase": "start", "runId": turn})).await,
            News::Stored { session, from } => {
                told.insert(session.clone(), from.saturating_sub(1));
                messages(&server, session, &mut told).await;
                changed(&server, session, json!({"phase": "message"})).await;
            }
            News::Ended { session, turn, phase } => {
                messages(&server, session, &mut told).await;
                told.remove(session);
                changed(&server, session, json!({"phase": phase, "runId": turn})).await;
            }
            News::Changed { session, reason } => changed(&server, session, json!({"reason": reason})).await,
        }
    }
}

async fn row(server: &Server, session: &SessionKey) -> Option<Value> {
    let known = within(server.memory.session(session)).await.ok()??;
    Some(session_row::Rows::new(server).row(&known))
}

async fn changed(server: &Server, session: &SessionKey, mut payload: Value) {
    let row = row(server, session).await;
    if let Some(payload) = payload.as_object_mut() {
        payload.insert("sessionKey".into(), session.as_str().into());
        payload.insert("ts".into(), server.clock.now_ms().into());
        if let Some(row) = row {
            payload.insert("session".into(), row);
        }
    }
    server.hub.to_watchers(session, &EventHead::new("sessions.changed", &payload));
}

/// Tells the stored messages after the last one that was told of this turn.
async fn messages(server: &Server, session: &SessionKey, told: &mut HashMap<SessionKey, u64>) {
    let Some(last) = told.get_mut(session) else { return };
    let Ok(stored) = within(server.memory.history(session, LOOKED_AT)).await else { return };
    let row = row(server, session).await;
    for message in stored.iter().filter(|message| message.index > *last) {
        server.hub.to_watchers(session, &event(session, message, row.as_ref()));
    }
    if let Some(newest) = stored.last() {
        *last = newest.index.max(*last);
    }
}

fn event(session: &SessionKey, stored: &StoredMessage, row: Option<&Value>) -> EventHead {
    let shown = transcript::rows(stored, None);
    let message = shown.into_iter().next_back().unwrap_or(Value::Null);
    let mut payload = json!({
        "sessionKey": session, "message": message, "messageId": stored.id, "messageSeq": stored.index, "ts": stored.at_ms,
    });
    if let (Some(row), Some(map)) = (row, payload.as_object_mut()) {
        map.insert("session".into(), row.clone());
    }
    EventHead::new("session.message", &payload)
}
