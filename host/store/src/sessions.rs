//! Sessions: the list, one of them, and its lease.
//!
//! A key names a session for good; its `id` names one history of it and changes at
//! a reset. Lease epochs come from one counter of the whole file, so that a writer
//! of a session that was deleted and made anew is refused like any other old one.

use crate::error::{Doing, Result};
use crate::json::Json;
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use skynet_core::session::{Session, SessionPatch};
use skynet_core::{SessionKey, StoreError};

const COLUMNS: &str = "key, id, label, model, thinking, created_ms, updated_ms, usage, messages, last_model";

/// Newest first.
pub(crate) fn list(db: &Connection, limit: usize) -> Result<Vec<Session>> {
    let doing = "listing sessions";
    let sql = format!("SELECT {COLUMNS} FROM sessions ORDER BY updated_ms DESC, rowid DESC LIMIT ?1");
    let mut query = db.prepare_cached(&sql).doing(doing)?;
    query.query_map([row_limit(limit)], read).doing(doing)?.collect::<rusqlite::Result<_>>().doing(doing)
}

/// One, if it is there.
pub(crate) fn find(db: &Connection, key: &SessionKey) -> Result<Option<Session>> {
    let doing = format!("reading session {key}");
    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE key = ?1");
    db.prepare_cached(&sql).doing(&doing)?.query_row([key.as_str()], read).optional().doing(&doing)
}

/// One, made if absent.
pub(crate) fn open(db: &Connection, key: &SessionKey, now: u64) -> Result<Session> {
    let sql = "INSERT INTO sessions (key, id, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?3) ON CONFLICT (key) DO NOTHING";
    run(db, sql, params![key.as_str(), new_id(), now], key)?;
    find(db, key)?.ok_or_else(|| absent(key))
}

/// Changes what the patch names, and nothing else.
pub(crate) fn patch(db: &Connection, key: &SessionKey, patch: SessionPatch, now: u64) -> Result<Session> {
    let was = open(db, key, now)?;
    let label = patch.label.unwrap_or(was.label);
    let model = patch.model.unwrap_or(was.model);
    let thinking = patch.thinking.unwrap_or(was.thinking).map(Json);
    let sql = "UPDATE sessions SET label = ?2, model = ?3, thinking = ?4, updated_ms = ?5 WHERE key = ?1";
    run(db, sql, params![key.as_str(), label, model, thinking, now], key)?;
    open(db, key, now)
}

/// A new id and nothing under it; the rows of the old id stay.
pub(crate) fn reset(db: &Connection, key: &SessionKey, now: u64) -> Result<Session> {
    open(db, key, now)?;
    let sql = "UPDATE sessions SET id = ?2, usage = '{}', messages = 0, last_model = NULL, updated_ms = ?3 WHERE key = ?1";
    run(db, sql, params![key.as_str(), new_id(), now], key)?;
    open(db, key, now)
}

/// With all its histories, turns and calls.
pub(crate) fn delete(db: &Connection, key: &SessionKey) -> Result<bool> {
    Ok(run(db, "DELETE FROM sessions WHERE key = ?1", params![key.as_str()], key)? > 0)
}

/// A new epoch; whoever held one before is refused from now on.
pub(crate) fn take_lease(db: &Connection, key: &SessionKey, now: u64) -> Result<u64> {
    open(db, key, now)?;
    let epoch = count_up(db, "lease")?;
    run(db, "UPDATE sessions SET lease_epoch = ?2 WHERE key = ?1", params![key.as_str(), epoch], key)?;
    Ok(epoch)
}

/// Refuses a writer whose epoch is not the session's.
pub(crate) fn check_lease(db: &Connection, key: &SessionKey, epoch: u64) -> Result<()> {
    let doing = format!("reading the lease of session {key}");
    let mut query = db.prepare_cached("SELECT lease_epoch FROM sessions WHERE key = ?1").doing(&doing)?;
    let held = query.query_row([key.as_str()], |row| row.get::<_, u64>(0)).optional().doing(&doing)?;
    match held {
        None => Err(absent(key)),
        Some(held) if held == epoch => Ok(()),
        Some(_) => Err(StoreError::LeaseLost),
    }
}

/// The next number of a counter. Part of the caller's transaction.
pub(crate) fn count_up(db: &Connection, counter: &str) -> Result<u64> {
    let doing = "counting up";
    let mut query = db.prepare_cached("UPDATE counters SET value = value + 1 WHERE name = ?1 RETURNING value").doing(doing)?;
    query.query_row([counter], |row| row.get(0)).doing(doing)
}

/// Any number that a caller may ask for, as SQLite takes it.
pub(crate) fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A session key from a column.
pub(crate) fn read_key(row: &Row<'_>, column: &str) -> rusqlite::Result<SessionKey> {
    let text: String = row.get(column)?;
    SessionKey::canonical(&text).map_err(|error| FromSqlError::other(error).into())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        key: read_key(row, "key")?,
        id: row.get("id")?,
        label: row.get("label")?,
        model: row.get("model")?,
        thinking: row.get::<_, Option<Json<_>>>("thinking")?.map(|Json(level)| level),
        created_ms: row.get("created_ms")?,
        updated_ms: row.get("updated_ms")?,
        usage: row.get::<_, Json<_>>("usage")?.0,
        messages: row.get("messages")?,
        last_model: row.get("last_model")?,
    })
}

fn run(db: &Connection, sql: &str, values: &[&dyn rusqlite::ToSql], key: &SessionKey) -> Result<usize> {
    let doing = format!("writing session {key}");
    db.prepare_cached(sql).doing(&doing)?.execute(values).doing(&doing)
}

/// An id that no other row has.
pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn absent(key: &SessionKey) -> StoreError {
    StoreError::NotFound(format!("session {key}"))
}
