//! Reading sessions: lists, single rows, previews.

use super::history::newest_rows;
use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::auth::secret::within;
use crate::limits::{PREVIEW_KEYS, SESSIONS_LISTED};
use crate::refusal::Refusal;
use crate::schema::{Field, Kind, TEXT, WORD, may, must};
use crate::session_row::Rows;
use crate::transcript::cut;
use serde_json::{Value, json};
use skynet_core::session::{Session, StoredMessage};
use skynet_core::{Role, SessionKey};

const READ: Option<Scope> = Some(Scope::Read);
const LABEL: Kind = Kind::Text(1, 512);
const POSITIVE: Kind = Kind::Int(1, u64::MAX);
/// Characters of a title or a preview made of a message.
const TITLE_CHARS: usize = 80;

const LIST: &[Field] = &[
    may("limit", POSITIVE),
    may("activeMinutes", POSITIVE),
    may("includeGlobal", Kind::Bool),
    may("includeUnknown", Kind::Bool),
    may("includeDerivedTitles", Kind::Bool),
    may("includeLastMessage", Kind::Bool),
    may("label", LABEL),
    may("spawnedBy", WORD),
    may("agentId", WORD),
    may("search", TEXT),
];

pub(super) const METHODS: &[Method] = &[
    method("sessions.list", READ, Some(LIST), |call| Box::pin(list(call))),
    method(
        "sessions.describe",
        READ,
        Some(&[must("key", WORD), may("includeDerivedTitles", Kind::Bool), may("includeLastMessage", Kind::Bool)]),
        |call| Box::pin(describe(call)),
    ),
    method(
        "sessions.resolve",
        READ,
        Some(&[
            may("key", WORD),
            may("sessionId", WORD),
            may("label", LABEL),
            may("agentId", WORD),
            may("spawnedBy", WORD),
            may("includeGlobal", Kind::Bool),
            may("includeUnknown", Kind::Bool),
        ]),
        |call| Box::pin(resolve(call)),
    ),
    method(
        "sessions.preview",
        READ,
        Some(&[must("keys", Kind::List(&WORD, PREVIEW_KEYS)), may("limit", POSITIVE), may("maxChars", Kind::Int(20, u64::MAX))]),
        |call| Box::pin(preview(call)),
    ),
    method("sessions.get", READ, Some(&[may("session_key", WORD), may("key", WORD), may("limit", POSITIVE)]), |call| Box::pin(get(call))),
];

async fn all(call: &Call) -> Result<Vec<Session>, Refusal> {
    Ok(within(call.server.memory.sessions(SESSIONS_LISTED)).await?)
}

async fn list(call: Call) -> Answer {
    let now = call.server.clock.now_ms();
    let since = call.int("activeMinutes").map(|minutes| now.saturating_sub(minutes.saturating_mul(60_000)));
    let search = call.text("search").map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty());
    let mut found = all(&call).await?;
    let total = found.len();
    found.retain(|session| {
        let hit = |text: &str| search.as_ref().is_none_or(|search| text.to_lowercase().contains(search.as_str()));
        since.is_none_or(|since| session.updated_ms >= since)
            && call.text("label").is_none_or(|label| session.label.as_deref() == Some(label))
            && call.text("agentId").is_none_or(|agent| session.key.agent() == agent)
            && call.text("spawnedBy").is_none()
            && (hit(session.key.as_str()) || session.label.as_deref().is_some_and(hit) || (search.is_some() && hit(&session.id)))
    });
    let matching = found.len();
    let limit = usize::try_from(call.int("limit").unwrap_or(200)).unwrap_or(usize::MAX);
    found.truncate(limit);
    let rows = Rows::new(&call.server);
    let mut sessions = Vec::new();
    for session in &found {
        sessions.push(with_texts(&call, &rows, session).await?);
    }
    Ok(json!({
        "ts": now, "path": "", "count": sessions.len(), "totalCount": total,
        "limitApplied": limit.min(SESSIONS_LISTED), "hasMore": matching > sessions.len(), "defaults": rows.defaults(), "sessions": sessions,
    })
    .into())
}

/// A row, with the texts of its messages that were asked for.
async fn with_texts(call: &Call, rows: &Rows, session: &Session) -> Result<Value, Refusal> {
    let mut row = rows.row(session);
    let (titles, last) = (call.flag("includeDerivedTitles"), call.flag("includeLastMessage"));
    if !titles && !last {
        return Ok(row);
    }
    let stored = within(call.server.memory.history(&session.key, 50)).await?;
    let said = |role: Role| move |message: &&StoredMessage| message.message.role == role && !message.message.to_text().trim().is_empty();
    let title = stored.iter().find(said(Role::User)).filter(|_| titles);
    let preview = stored.iter().rev().find(|message| said(Role::User)(message) || said(Role::Assistant)(message)).filter(|_| last);
    if let Some(row) = row.as_object_mut() {
        let line = |message: &StoredMessage| {
            cut(message.message.to_text().trim(), Some(TITLE_CHARS)).lines().next().unwrap_or_default().to_owned()
        };
        if let Some(message) = title {
            row.insert("derivedTitle".into(), line(message).into());
        }
        if let Some(message) = preview {
            row.insert("lastMessagePreview".into(), line(message).into());
        }
    }
    Ok(row)
}

async fn describe(call: Call) -> Answer {
    let key = call.session("key")?;
    let session = within(call.server.memory.session(&key)).await?;
    let row = match session {
        Some(session) => with_texts(&call, &Rows::new(&call.server), &session).await?,
        None => Value::Null,
    };
    Ok(json!({"session": row}).into())
}

async fn resolve(call: Call) -> Answer {
    let (asked, found) = match (call.text("key"), call.text("sessionId"), call.text("label")) {
        (Some(asked), None, None) => {
            let key = call.session("key")?;
            (asked, within(call.server.memory.session(&key)).await?.map(|session| session.key))
        }
        (None, Some(id), None) => (id, all(&call).await?.into_iter().find(|session| session.id == id).map(|session| session.key)),
        (None, None, Some(label)) => {
            let matching = |session: &Session| session.label.as_deref() == Some(label);
            (label, all(&call).await?.into_iter().find(matching).map(|session| session.key))
        }
        _ => return Err(Refusal::invalid("invalid sessions.resolve params: give exactly one of key, sessionId, label")),
    };
    match found {
        Some(key) => Ok(json!({"ok": true, "key": key}).into()),
        None => Err(Refusal::invalid(format!("No session found: {}", crate::schema::shown(asked)))),
    }
}

async fn preview(call: Call) -> Answer {
    let keys = call.params.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
    let limit = usize::try_from(call.int("limit").unwrap_or(12)).unwrap_or(usize::MAX).min(50);
    let max_chars = usize::try_from(call.int("maxChars").unwrap_or(240)).unwrap_or(usize::MAX);
    let mut previews = Vec::new();
    for asked in keys.iter().filter_map(Value::as_str) {
        let items = match SessionKey::canonical(asked) {
            Ok(key) => match within(call.server.memory.session(&key)).await? {
                Some(_) => Some(items(&within(call.server.memory.history(&key, limit)).await?, max_chars)),
                None => None,
            },
            Err(_) => None,
        };
        let status = match &items {
            None => "missing",
            Some(items) if items.is_empty() => "empty",
            Some(_) => "ok",
        };
        previews.push(json!({"key": asked, "status": status, "items": items.unwrap_or_default()}));
    }
    Ok(json!({"ts": call.server.clock.now_ms(), "previews": previews}).into())
}

fn items(stored: &[StoredMessage], max_chars: usize) -> Vec<Value> {
    let item = |message: &StoredMessage| {
        let (role, text) = match message.message.role {
            Role::User => ("user", message.message.to_text()),
            Role::Assistant => ("assistant", message.message.to_text()),
            Role::Tool => return None,
        };
        (!text.trim().is_empty()).then(|| json!({"role": role, "text": cut(&text, Some(max_chars))}))
    };
    stored.iter().filter_map(item).collect()
}

/// By `session_key` the row, by `key` the messages: two kinds of client know this name.
async fn get(call: Call) -> Answer {
    let name = if call.text("session_key").is_some() { "session_key" } else { "key" };
    if call.text(name).is_none() {
        return Err(Refusal::invalid("invalid sessions.get params: must have required property 'key'"));
    }
    let key = call.session(name)?;
    let Some(session) = within(call.server.memory.session(&key)).await? else {
        return Err(Refusal::invalid(format!("No session found: {key}")));
    };
    if name == "session_key" {
        return Ok(json!({"session": Rows::new(&call.server).row(&session)}).into());
    }
    let limit = usize::try_from(call.int("limit").unwrap_or(200)).unwrap_or(usize::MAX).min(1000);
    let stored = within(call.server.memory.history(&key, limit)).await?;
    Ok(json!({"messages": newest_rows(&stored, limit, None)}).into())
}
