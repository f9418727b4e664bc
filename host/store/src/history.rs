//! Messages: appended in order, read from the newest back.
//!
//! A turn's messages go to the history that was the session's when the turn began:
//! a reset in the middle of a turn must not put an answer without its question
//! into the new one. Totals count the present history only.

use crate::error::{Doing, Result};
use crate::json::Json;
use crate::sessions::{check_lease, find, row_limit};
use crate::turns::history_of;
use rusqlite::{Connection, Row, params};
use skynet_core::ports::{Lease, NewMessage};
use skynet_core::session::StoredMessage;
use skynet_core::{SessionKey, StoreError, TurnId};

/// The newest `limit`, oldest first.
pub(crate) fn newest(db: &Connection, key: &SessionKey, limit: usize) -> Result<Vec<StoredMessage>> {
    let doing = format!("reading the history of session {key}");
    let sql = "SELECT m.number, m.id, m.message, m.at_ms, m.answer FROM messages m JOIN sessions s ON m.session_id = s.id
        WHERE s.key = ?1 ORDER BY m.number DESC LIMIT ?2";
    let mut query = db.prepare_cached(sql).doing(&doing)?;
    let rows = query.query_map(params![key.as_str(), row_limit(limit)], read).doing(&doing)?;
    let mut messages = rows.collect::<rusqlite::Result<Vec<_>>>().doing(&doing)?;
    messages.reverse();
    Ok(messages)
}

/// Adds to the end, or to the end of the history that the turn began in.
pub(crate) fn append(
    db: &Connection,
    key: &SessionKey,
    lease: Lease,
    turn: &TurnId,
    messages: Vec<NewMessage>,
    now: u64,
) -> Result<Vec<StoredMessage>> {
    check_lease(db, key, lease.epoch)?;
    let mut session = find(db, key)?.ok_or_else(|| StoreError::NotFound(format!("session {key}")))?;
    let history = history_of(db, key, turn)?.unwrap_or_else(|| session.id.clone());
    let mut index = length(db, &history)?;
    let mut stored = Vec::with_capacity(messages.len());
    for NewMessage { message, answer } in messages {
        index += 1;
        let new = StoredMessage { index, id: uuid::Uuid::new_v4().to_string(), message, at_ms: now, answer };
        insert(db, key, turn, &history, &new)?;
        if let Some(answer) = &new.answer {
            session.usage += answer.usage;
            session.last_model = Some(answer.model.clone());
        }
        stored.push(new);
    }
    if history == session.id {
        let doing = format!("adding up session {key}");
        let sql = "UPDATE sessions SET usage = ?2, messages = ?3, last_model = ?4, updated_ms = ?5 WHERE key = ?1";
        let values = params![key.as_str(), Json(session.usage), index, session.last_model, now];
        db.prepare_cached(sql).doing(&doing)?.execute(values).doing(&doing)?;
    }
    Ok(stored)
}

fn insert(db: &Connection, key: &SessionKey, turn: &TurnId, history: &str, new: &StoredMessage) -> Result<()> {
    let doing = format!("appending to session {key}");
    let sql = "INSERT INTO messages (session_id, number, id, session_key, turn, at_ms, message, answer)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let answer = new.answer.as_ref().map(Json);
    let values = params![history, new.index, new.id, key.as_str(), turn.0, new.at_ms, Json(&new.message), answer];
    db.prepare_cached(sql).doing(&doing)?.execute(values).doing(&doing)?;
    Ok(())
}

fn length(db: &Connection, history: &str) -> Result<u64> {
    let doing = "counting messages";
    let mut query = db.prepare_cached("SELECT coalesce(max(number), 0) FROM messages WHERE session_id = ?1").doing(doing)?;
    query.query_row([history], |row| row.get(0)).doing(doing)
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredMessage> {
    Ok(StoredMessage {
        index: row.get(0)?,
        id: row.get(1)?,
        message: row.get::<_, Json<_>>(2)?.0,
        at_ms: row.get(3)?,
        answer: row.get::<_, Option<Json<_>>>(4)?.map(|Json(answer)| answer),
    })
}
