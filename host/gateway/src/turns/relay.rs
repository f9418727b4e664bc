//! From what turns tell to what clients hear.
//!
//! One task reads the agent's events, whoever began the turn, and never waits for
//! the store or for a client. Should it fall behind, it says so and lets clients
//! read the history instead of guessing.

use crate::auth::scope::Scope;
use crate::frame::EventHead;
use crate::hub::{Audience, Hub};
use crate::server::Server;
use crate::transcript;
use crate::turns::feed::News;
use crate::turns::run::Run;
use serde_json::{Value, json};
use skynet_core::TurnId;
use skynet_core::event::{TurnEnd, TurnEvent, TurnEventKind};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

const READERS: Audience = Audience::Scope(Scope::Read);

/// Runs until the agent is gone.
pub(crate) async fn relay(server: Arc<Server>, mut events: Receiver<Arc<TurnEvent>>) {
    let mut relay = Relay { hub: Arc::clone(&server.hub), server, runs: HashMap::new() };
    loop {
        let due = relay.runs.values().filter_map(Run::due).min();
        let timer = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            event = events.recv() => match event {
                Ok(event) => relay.hear(&event),
                Err(RecvError::Lagged(missed)) => relay.resync(missed),
                Err(RecvError::Closed) => return,
            },
            () = timer => relay.flush_due(),
        }
    }
}

struct Relay {
    server: Arc<Server>,
    hub: Arc<Hub>,
    runs: HashMap<TurnId, Run>,
}

impl Relay {
    fn tell(&self, heads: impl IntoIterator<Item = EventHead>, skip_if_slow: bool) {
        for head in heads {
            self.hub.broadcast(&head, READERS, skip_if_slow);
        }
    }

    fn hear(&mut self, event: &TurnEvent) {
        let (now, ts) = (Instant::now(), event.at_ms);
        if let TurnEventKind::Ended(end) = &event.kind {
            return self.end(event, end, now);
        }
        let run = self.runs.entry(event.turn.clone());
        let run = run.or_insert_with(|| Run::new(event.turn.clone(), event.session.clone(), ts, now));
        match &event.kind {
            TurnEventKind::Started => {
                let head = run.started(ts);
                self.tell([head], false);
                self.server.runs.note(&event.turn, &event.session);
                self.server.feed.send(News::Started { session: event.session.clone(), turn: event.turn.clone() });
            }
            TurnEventKind::UserStored { index, .. } => {
                self.server.feed.send(News::Stored { session: event.session.clone(), from: *index });
            }
            TurnEventKind::Text { delta } => {
                let heads = run.text(delta, now, ts);
                self.tell(heads, true);
            }
            TurnEventKind::Thinking { delta } => {
                let heads = run.thinking(delta, now, ts);
                self.tell(heads, true);
            }
            TurnEventKind::ToolStarted { id, name, arguments } => {
                let before = run.flush(now, ts);
                let frames = run.tool_started(id, name, arguments, ts);
                self.tell(before, true);
                self.tell_tool(event, frames);
            }
            TurnEventKind::ToolSaid { id, name, text, delta } => {
                let frames = run.tool_said(id, name, text, delta, ts);
                self.tell_tool(event, frames);
            }
            TurnEventKind::ToolEnded { id, name, content, is_error } => {
                let frames = run.tool_ended(id, name, transcript::result_content(content), *is_error, ts);
                self.tell_tool(event, frames);
            }
            TurnEventKind::Notice { text } => {
                let head = run.notice(text, ts);
                self.tell([head], false);
            }
            TurnEventKind::Ended(_) => {}
        }
    }

    fn tell_tool(&self, event: &TurnEvent, (item, tool, data): (EventHead, EventHead, Value)) {
        self.tell([item], true);
        let may_read = |client: &crate::client::Client| client.identity.scopes.cover(Scope::Read);
        self.hub.to_each(|| tool, |client| may_read(client) && client.follows_tools(&event.session, &event.turn));
        let payload = json!({
            "runId": event.turn, "sessionKey": event.session, "stream": "tool", "data": data, "ts": event.at_ms,
        });
        self.hub.to_each(|| EventHead::new("session.tool", &payload), |client| may_read(client) && client.watches(&event.session));
    }

    fn end(&mut self, event: &TurnEvent, end: &TurnEnd, now: Instant) {
        self.server.runs.note(&event.turn, &event.session);
        self.server.runs.end(&event.turn, end);
        let run = self.runs.remove(&event.turn);
        let run = run.unwrap_or_else(|| Run::new(event.turn.clone(), event.session.clone(), event.at_ms, now));
        self.tell(run.ended(end, now, event.at_ms), false);
        self.hub.each(|client| client.run_ended(&event.turn));
        let phase = if matches!(end, TurnEnd::Failed { .. }) { "error" } else { "end" };
        self.server.feed.send(News::Ended { session: event.session.clone(), turn: event.turn.clone(), phase });
        self.server.health.stale();
    }

    fn flush_due(&mut self) {
        let (now, ts) = (Instant::now(), self.server.clock.now_ms());
        let mut heads = Vec::new();
        for run in self.runs.values_mut().filter(|run| run.due().is_some_and(|due| due <= now)) {
            heads.extend(run.flush(now, ts));
        }
        self.tell(heads, true);
    }

    fn resync(&mut self, missed: u64) {
        tracing::warn!(missed, "the gateway fell behind the turns; clients will read the history");
        let active: HashSet<TurnId> = self.server.agent.active().into_iter().map(|active| active.turn).collect();
        let gone: Vec<TurnId> = self.runs.keys().filter(|turn| !active.contains(*turn)).cloned().collect();
        for turn in gone {
            if let Some(run) = self.runs.remove(&turn) {
                self.server.feed.send(News::Ended { session: run.session.clone(), turn: turn.clone(), phase: "end" });
                self.tell([run.lost()], false);
                self.hub.each(|client| client.run_ended(&turn));
            }
        }
    }
}
