//! One run as clients see it: its text so far, what of it was shown, and the frames
//! that each of its events makes.
//!
//! Owns the numbers of a run's events (shared by `agent` and `chat`) and the pace of
//! deltas. A delta carries the whole text so far; text after a tool call goes on
//! where the text before it ended.

use crate::frame::EventHead;
use crate::limits::{CHAT_DELTA_EVERY, EAGER_TEXT_BYTES};
use crate::transcript;
use serde_json::{Map, Value, json};
use skynet_core::event::TurnEnd;
use skynet_core::{SessionKey, TurnId};
use std::collections::HashMap;
use tokio::time::Instant;

/// Text that grows, and how much of it the clients have.
#[derive(Debug, Default)]
struct Growing {
    text: String,
    shown: usize,
}

impl Growing {
    fn is_held_back(&self) -> bool {
        self.shown < self.text.len()
    }

    fn show(&mut self) -> String {
        let delta = self.text.get(self.shown..).unwrap_or_default().to_owned();
        self.shown = self.text.len();
        delta
    }
}

/// The state of one run.
#[derive(Debug)]
pub(crate) struct Run {
    turn: TurnId,
    pub(crate) session: SessionKey,
    seq: u64,
    started_ms: u64,
    /// The answer, and how much of it `agent` events told.
    answer: Growing,
    thinking: Growing,
    /// How much of the answer `chat` deltas told.
    in_chat: usize,
    /// When chat, and when held-back thinking, may be shown next.
    chat_due: Instant,
    thinking_due: Instant,
    /// A tool ran since the last text.
    after_tool: bool,
    tools: HashMap<String, u64>,
}

impl Run {
    pub(crate) fn new(turn: TurnId, session: SessionKey, started_ms: u64, now: Instant) -> Self {
        Self {
            turn,
            session,
            seq: 0,
            started_ms,
            answer: Growing::default(),
            thinking: Growing::default(),
            in_chat: 0,
            chat_due: now,
            thinking_due: now,
            after_tool: false,
            tools: HashMap::new(),
        }
    }

    fn next_seq(&mut self) -> u64 {
        self.seq = self.seq.saturating_add(1);
        self.seq
    }

    fn agent(&mut self, stream: &str, data: Value, ts: u64) -> EventHead {
        let seq = self.next_seq();
        let payload = json!({"runId": self.turn, "stream": stream, "data": data, "sessionKey": self.session, "seq": seq, "ts": ts});
        EventHead::new("agent", &payload)
    }

    fn chat(&mut self, state: &str, rest: Value) -> EventHead {
        let seq = self.next_seq();
        let mut payload = json!({"runId": self.turn, "sessionKey": self.session, "seq": seq, "state": state});
        if let (Some(payload), Value::Object(rest)) = (payload.as_object_mut(), rest) {
            payload.extend(rest);
        }
        EventHead::new("chat", &payload)
    }

    pub(crate) fn started(&mut self, ts: u64) -> EventHead {
        self.agent("lifecycle", json!({"phase": "start", "startedAt": ts}), ts)
    }

    /// More text; gives what is to be shown now.
    pub(crate) fn text(&mut self, delta: &str, now: Instant, ts: u64) -> Vec<EventHead> {
        if self.after_tool && !self.answer.text.is_empty() && !delta.is_empty() {
            self.answer.text.push_str("\n\n");
        }
        self.after_tool = self.after_tool && delta.is_empty();
        self.answer.text.push_str(delta);
        let due = self.chat_due <= now;
        let mut heads = Vec::new();
        if due || self.answer.text.len() <= EAGER_TEXT_BYTES {
            heads.extend(self.show_answer(ts));
        }
        if due {
            heads.extend(self.chat_delta(now, ts));
        }
        heads
    }

    pub(crate) fn thinking(&mut self, delta: &str, now: Instant, ts: u64) -> Vec<EventHead> {
        self.thinking.text.push_str(delta);
        if self.thinking_due > now && self.thinking.text.len() > EAGER_TEXT_BYTES {
            return Vec::new();
        }
        self.show_thinking(now, ts).into_iter().collect()
    }

    fn show_answer(&mut self, ts: u64) -> Option<EventHead> {
        self.answer.is_held_back().then(|| {
            let delta = self.answer.show();
            let data = json!({"text": self.answer.text, "delta": delta});
            self.agent("assistant", data, ts)
        })
    }

    fn show_thinking(&mut self, now: Instant, ts: u64) -> Option<EventHead> {
        self.thinking.is_held_back().then(|| {
            self.thinking_due = later(now);
            let delta = self.thinking.show();
            let data = json!({"text": self.thinking.text, "delta": delta});
            self.agent("thinking", data, ts)
        })
    }

    fn chat_delta(&mut self, now: Instant, ts: u64) -> Option<EventHead> {
        (self.in_chat < self.answer.text.len()).then(|| {
            self.in_chat = self.answer.text.len();
            self.chat_due = later(now);
            let message = transcript::answer(&self.answer.text, ts);
            self.chat("delta", json!({"message": message}))
        })
    }

    /// When something that is held back may be shown; `None` when nothing is.
    pub(crate) fn due(&self) -> Option<Instant> {
        let chat = (self.in_chat < self.answer.text.len()).then_some(self.chat_due);
        let thinking = self.thinking.is_held_back().then_some(self.thinking_due);
        chat.into_iter().chain(thinking).min()
    }

    /// All that is held back.
    pub(crate) fn flush(&mut self, now: Instant, ts: u64) -> Vec<EventHead> {
        let mut heads: Vec<_> = self.show_thinking(now, ts).into_iter().collect();
        heads.extend(self.show_answer(ts));
        heads.extend(self.chat_delta(now, ts));
        heads
    }

    /// A tool starts: for all, and for those who follow tools.
    pub(crate) fn tool_started(&mut self, id: &str, name: &str, arguments: &Value, ts: u64) -> (EventHead, EventHead, Value) {
        self.after_tool = true;
        self.tools.insert(id.to_owned(), ts);
        let item = json!({
            "itemId": format!("tool:{id}"), "phase": "start", "kind": "tool", "title": name, "status": "running",
            "name": name, "toolCallId": id, "startedAt": ts,
        });
        let data = json!({"phase": "start", "name": name, "toolCallId": id, "args": arguments});
        (self.agent("item", item, ts), self.agent("tool", data.clone(), ts), data)
    }

    /// A tool says something while it works.
    pub(crate) fn tool_said(&mut self, id: &str, name: &str, text: &str, delta: &str, ts: u64) -> (EventHead, EventHead, Value) {
        let started = self.tools.get(id).copied().unwrap_or(ts);
        let item = json!({
            "itemId": format!("tool:{id}"), "phase": "update", "kind": "tool", "title": name, "status": "running",
            "name": name, "toolCallId": id, "startedAt": started,
        });
        let so_far = json!({"content": [{"type": "text", "text": text}]});
        let data = json!({"phase": "update", "name": name, "toolCallId": id, "partialResult": so_far, "delta": delta});
        (self.agent("item", item, ts), self.agent("tool", data.clone(), ts), data)
    }

    /// A tool ended.
    pub(crate) fn tool_ended(&mut self, id: &str, name: &str, content: Value, is_error: bool, ts: u64) -> (EventHead, EventHead, Value) {
        let started = self.tools.remove(id).unwrap_or(ts);
        let item = json!({
            "itemId": format!("tool:{id}"), "phase": "end", "kind": "tool", "title": name, "status": "completed",
            "name": name, "toolCallId": id, "startedAt": started, "endedAt": ts,
        });
        let data = json!({"phase": "result", "name": name, "toolCallId": id, "isError": is_error, "result": {"content": content}});
        (self.agent("item", item, ts), self.agent("tool", data.clone(), ts), data)
    }

    pub(crate) fn notice(&mut self, text: &str, ts: u64) -> EventHead {
        self.agent("notice", json!({"text": text}), ts)
    }

    /// The end, in the order in which clients expect it.
    pub(crate) fn ended(mut self, end: &TurnEnd, now: Instant, ts: u64) -> Vec<EventHead> {
        let mut heads: Vec<_> = self.show_thinking(now, ts).into_iter().collect();
        heads.extend(self.show_answer(ts));
        match end {
            TurnEnd::Done { text, stop, usage, model, .. } => {
                heads.push(self.agent("lifecycle", json!({"phase": "end", "startedAt": self.started_ms, "endedAt": ts}), ts));
                heads.extend(self.chat_delta(now, ts));
                let whole = if self.answer.text.ends_with(text.as_str()) { self.answer.text.clone() } else { text.clone() };
                let usage = transcript::usage(usage);
                let mut rest = json!({"usage": usage, "stopReason": transcript::stop_reason(Some(stop))});
                if !whole.is_empty() {
                    let mut message = transcript::answer(&whole, ts);
                    put(&mut message, "stopReason", transcript::stop_reason(Some(stop)).into());
                    put(&mut message, "usage", usage);
                    transcript::name_model(&mut message, model);
                    put(&mut rest, "message", message);
                }
                heads.push(self.chat("final", rest));
            }
            TurnEnd::Aborted { text, reason, .. } => {
                heads.extend(self.chat_delta(now, ts));
                let mut rest = json!({"stopReason": reason});
                let whole = if self.answer.text.is_empty() { text } else { &self.answer.text };
                if !whole.is_empty() {
                    let message = transcript::answer(whole, ts);
                    put(&mut rest, "message", message);
                }
                heads.push(self.chat("aborted", rest));
                let data = json!({
                    "phase": "end", "status": "cancelled", "aborted": true, "stopReason": reason,
                    "startedAt": self.started_ms, "endedAt": ts,
                });
                heads.push(self.agent("lifecycle", data, ts));
            }
            TurnEnd::Failed { message, class } => {
                let data = json!({"phase": "error", "error": message, "startedAt": self.started_ms, "endedAt": ts});
                heads.push(self.agent("lifecycle", data, ts));
                heads.extend(self.chat_delta(now, ts));
                heads.push(self.chat("error", json!({"errorMessage": message, "errorKind": class})));
            }
        }
        heads
    }

    /// The end was missed: a final without a message makes clients read the history.
    pub(crate) fn lost(mut self) -> EventHead {
        self.chat("final", Value::Object(Map::new()))
    }
}

fn later(now: Instant) -> Instant {
    now.checked_add(CHAT_DELTA_EVERY).unwrap_or(now)
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(key.into(), value);
    }
}
