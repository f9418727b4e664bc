//! `chat.history` and `chat.inject`: reading what was said, and adding a line to it.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::auth::secret::within;
use crate::frame::EventHead;
use crate::hub::Audience;
use crate::limits::{HISTORY_BYTES, HISTORY_ROWS};
use crate::refusal::Refusal;
use crate::schema::{Kind, WORD, may, must};
use crate::session_row::level;
use crate::transcript;
use crate::turns::feed::News;
use serde_json::{Value, json};
use skynet_core::ports::NewMessage;
use skynet_core::session::StoredMessage;
use skynet_core::{Message, Role, StopReason, TurnId, Usage};
use uuid::Uuid;

/// Rows when none are asked for.
const ROWS: u64 = 200;

pub(super) const METHODS: &[Method] = &[
    method(
        "chat.history",
        Some(Scope::Read),
        Some(&[must("sessionKey", WORD), may("limit", Kind::Int(1, HISTORY_ROWS)), may("maxChars", Kind::Int(1, 500_000))]),
        |call| Box::pin(history(call)),
    ),
    method(
        "chat.inject",
        Some(Scope::Admin),
        Some(&[must("sessionKey", WORD), must("message", WORD), may("label", Kind::Text(0, 100))]),
        |call| Box::pin(inject(call)),
    ),
];

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

async fn history(call: Call) -> Answer {
    let key = call.session("sessionKey")?;
    let limit = count(call.int("limit").unwrap_or(ROWS));
    let memory = &call.server.memory;
    let session = within(memory.session(&key)).await?;
    let stored = match session {
        Some(_) => within(memory.history(&key, limit)).await?,
        None => Vec::new(),
    };
    let messages = newest_rows(&stored, limit, call.int("maxChars").map(count));
    let mut answer = json!({"sessionKey": call.text("sessionKey"), "messages": messages});
    if let (Some(session), Some(answer)) = (session, answer.as_object_mut()) {
        answer.insert("sessionId".into(), session.id.into());
        answer.insert("thinkingLevel".into(), session.thinking.map_or("off", level).into());
    }
    Ok(answer.into())
}

/// The newest rows that fit, oldest first.
pub(super) fn newest_rows(stored: &[StoredMessage], limit: usize, max_chars: Option<usize>) -> Vec<Value> {
    let mut room = HISTORY_BYTES;
    let mut newest_first = Vec::new();
    for message in stored.iter().rev() {
        let rows = transcript::rows(message, max_chars);
        let bytes = rows.iter().map(|row| row.to_string().len()).sum::<usize>();
        if bytes > room || newest_first.len() >= limit {
            break;
        }
        room = room.saturating_sub(bytes);
        newest_first.extend(rows.into_iter().rev());
    }
    newest_first.truncate(limit);
    newest_first.reverse();
    newest_first
}

async fn inject(call: Call) -> Answer {
    let key = call.session("sessionKey")?;
    let server = &call.server;
    if server.agent.active().iter().any(|active| active.session == key) {
        return Err(Refusal::later("a turn is running in this session; wait for its end", 1_000));
    }
    if within(server.memory.session(&key)).await?.is_none() {
        return Err(Refusal::invalid("session not found"));
    }
    let body = call.text("message").unwrap_or_default();
    let text = match call.text("label").filter(|label| !label.is_empty()) {
        Some(label) => format!("[{label}]\n\n{body}"),
        None => body.to_owned(),
    };
    let run = TurnId(format!("inject-{}", Uuid::new_v4()));
    let message = NewMessage::answer(
        Message::text(Role::Assistant, text.clone()),
        "gateway/injected".into(),
        Some(StopReason::EndTurn),
        Usage::default(),
    );
    let lease = server.memory.take_lease(&key).await?;
    let stored = server.memory.append(&key, lease, &run, vec![message]).await?;
    let id = stored.first().map(|stored| stored.id.clone()).unwrap_or_default();
    let message = transcript::answer(&text, server.clock.now_ms());
    let payload = json!({"runId": run, "sessionKey": key, "seq": 0, "state": "final", "message": message});
    server.hub.broadcast(&EventHead::new("chat", &payload), Audience::Scope(Scope::Read), false);
    server.feed.send(News::Changed { session: key, reason: "inject" });
    Ok(json!({"ok": true, "messageId": id}).into())
}
