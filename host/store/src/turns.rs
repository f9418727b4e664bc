//! The journal of turns: begun, calls intended and done, ended.
//!
//! Kept as the state that the steps lead to, not as a list of them: recovery asks
//! only which turns are open and which of their calls. Refuses a call of a turn
//! that never began. Closing what is not open is no error: recovery may run twice.

use crate::error::{Doing, Result};
use crate::sessions::{check_lease, find, read_key};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params};
use skynet_core::ports::{JournalStep, Lease, OpenTurn};
use skynet_core::{SessionKey, StoreError, TurnId};

/// Writes one step.
pub(crate) fn journal(db: &Connection, key: &SessionKey, lease: Lease, turn: &TurnId, step: &JournalStep, now: u64) -> Result<()> {
    check_lease(db, key, lease.epoch)?;
    match step {
        JournalStep::Begun => begin(db, key, turn, now),
        JournalStep::ToolIntent { call, tool, idempotent } => {
            if history_of(db, key, turn)?.is_none() {
                return Err(StoreError::NotFound(format!("an open turn {turn} of session {key}, for a call of {tool}")));
            }
            // An id is unique within one completion only; a later call may bear it again.
            let sql = "INSERT INTO turn_calls (session_key, turn, call, tool, idempotent, intended_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                ON CONFLICT DO UPDATE SET tool = ?4, idempotent = ?5, intended_ms = ?6, done_ms = NULL, is_error = NULL";
            run(db, sql, params![key.as_str(), turn.0, call, tool, idempotent, now])
        }
        JournalStep::ToolDone { call, is_error } => {
            let sql = "UPDATE turn_calls SET done_ms = ?4, is_error = ?5 WHERE session_key = ?1 AND turn = ?2 AND call = ?3";
            run(db, sql, params![key.as_str(), turn.0, call, now, is_error])
        }
        JournalStep::Ended { how } => {
            let sql = "UPDATE turns SET ended_ms = ?3, how = ?4 WHERE session_key = ?1 AND turn = ?2 AND ended_ms IS NULL";
            run(db, sql, params![key.as_str(), turn.0, now, how])
        }
    }
}

/// A client may send the same turn id again after its end: it is then a new turn.
fn begin(db: &Connection, key: &SessionKey, turn: &TurnId, now: u64) -> Result<()> {
    let session = find(db, key)?.ok_or_else(|| StoreError::NotFound(format!("session {key}")))?;
    run(db, "DELETE FROM turns WHERE session_key = ?1 AND turn = ?2", params![key.as_str(), turn.0])?;
    let sql = "INSERT INTO turns (session_key, turn, session_id, begun_ms) VALUES (?1, ?2, ?3, ?4)";
    run(db, sql, params![key.as_str(), turn.0, session.id, now])
}

/// Begun and not ended, oldest first.
pub(crate) fn open_turns(db: &Connection) -> Result<Vec<OpenTurn>> {
    let doing = "reading open turns";
    let sql = "SELECT session_key, turn FROM turns WHERE ended_ms IS NULL ORDER BY begun_ms, rowid";
    let mut query = db.prepare_cached(sql).doing(doing)?;
    let rows = query.query_map([], |row| Ok((read_key(row, "session_key")?, TurnId(row.get("turn")?)))).doing(doing)?;
    let mut open = Vec::new();
    for row in rows {
        let (session, turn) = row.doing(doing)?;
        let open_calls = open_calls(db, &session, &turn).doing(doing)?;
        open.push(OpenTurn { turn, session, open_calls });
    }
    Ok(open)
}

/// The id of the history that an open turn began in.
pub(crate) fn history_of(db: &Connection, key: &SessionKey, turn: &TurnId) -> Result<Option<String>> {
    let doing = "reading a turn";
    let sql = "SELECT session_id FROM turns WHERE session_key = ?1 AND turn = ?2 AND ended_ms IS NULL";
    let mut query = db.prepare_cached(sql).doing(doing)?;
    query.query_row([key.as_str(), &turn.0], |row| row.get(0)).optional().doing(doing)
}

fn open_calls(db: &Connection, key: &SessionKey, turn: &TurnId) -> rusqlite::Result<Vec<(String, String, bool)>> {
    let sql = "SELECT call, tool, idempotent FROM turn_calls
        WHERE session_key = ?1 AND turn = ?2 AND done_ms IS NULL ORDER BY intended_ms, rowid";
    let mut query = db.prepare_cached(sql)?;
    query.query_map([key.as_str(), &turn.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
}

fn run(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<()> {
    let doing = "writing a step of a turn";
    db.prepare_cached(sql).doing(doing)?.execute(values).doing(doing)?;
    Ok(())
}
