//! Fires: each time that a job was due, who took it, how it ended.
//!
//! A fire's row and its job's next time are written in one transaction, and the pair
//! of job and planned time is unique: whoever writes the row runs it, nobody runs it
//! again. Keeps the newest `FIRES` of a job. Ending what is not open is no error: the
//! job may be gone, or another life has ended it.

use crate::error::{Doing, Result};
use crate::jobs::named;
use crate::limits::FIRES;
use crate::sessions::row_limit;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};
use skynet_core::TurnId;
use skynet_core::schedule::{Fire, JobFilter};

/// Takes one. `false` when it is taken, or the job is gone or due at another time.
pub(crate) fn claim(db: &Connection, job: &str, scheduled_ms: u64, next_ms: Option<u64>, turn: &TurnId, now: u64) -> Result<bool> {
    if due_at(db, job)? != Some(scheduled_ms) {
        return Ok(false);
    }
    let sql = "INSERT INTO fires (job, scheduled_ms, turn, begun_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    let taken = run(db, sql, params![job, scheduled_ms, turn.0, now])?;
    // Also when the row stood there: a job that somehow fell back must get past that time.
    let sql = "UPDATE jobs SET next_ms = ?2, last_ms = ?3, runs = runs + ?4 WHERE id = ?1";
    run(db, sql, params![job, next_ms, scheduled_ms, taken])?;
    let sql = "DELETE FROM fires WHERE job = ?1 AND scheduled_ms <=
        (SELECT scheduled_ms FROM fires WHERE job = ?1 ORDER BY scheduled_ms DESC LIMIT 1 OFFSET ?2)";
    run(db, sql, params![job, FIRES])?;
    Ok(taken > 0)
}

/// Writes how one ended.
pub(crate) fn end(db: &Connection, job: &str, scheduled_ms: u64, how: &str, now: u64) -> Result<()> {
    let sql = "UPDATE fires SET ended_ms = ?3, how = ?4 WHERE job = ?1 AND scheduled_ms = ?2 AND ended_ms IS NULL";
    run(db, sql, params![job, scheduled_ms, now, how])?;
    Ok(())
}

/// Newest first.
pub(crate) fn of_job(db: &Connection, job: &str, limit: usize) -> Result<Vec<Fire>> {
    let doing = "reading fires";
    let sql = "SELECT * FROM fires WHERE job = ?1 ORDER BY scheduled_ms DESC LIMIT ?2";
    let mut query = db.prepare_cached(sql).doing(doing)?;
    let rows = query.query_map(params![job, row_limit(limit)], read).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}

/// So many of each job that passes the filter, newest first.
pub(crate) fn newest(db: &Connection, filter: &JobFilter, each: usize) -> Result<Vec<Fire>> {
    let doing = "reading the newest fires";
    let sql = "SELECT * FROM (
            SELECT fires.*, row_number() OVER (PARTITION BY job ORDER BY scheduled_ms DESC) AS place
            FROM fires JOIN jobs ON jobs.id = fires.job WHERE (?1 IS NULL OR user = ?1) AND (?2 IS NULL OR plugin = ?2)
        ) WHERE place <= ?3 ORDER BY scheduled_ms DESC, job";
    let (user, plugin) = named(filter);
    let mut query = db.prepare_cached(sql).doing(doing)?;
    let rows = query.query_map(params![user, plugin, row_limit(each)], read).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}

/// Ends all that are open; gives how many.
pub(crate) fn interrupt(db: &Connection, now: u64) -> Result<u64> {
    let sql = "UPDATE fires SET ended_ms = ?1, how = 'interrupted' WHERE ended_ms IS NULL";
    Ok(run(db, sql, params![now])? as u64)
}

fn due_at(db: &Connection, job: &str) -> Result<Option<u64>> {
    let doing = "reading when a job is due";
    let mut query = db.prepare_cached("SELECT next_ms FROM jobs WHERE id = ?1").doing(doing)?;
    Ok(query.query_row([job], |row| row.get(0)).optional().doing(doing)?.flatten())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Fire> {
    Ok(Fire {
        job: row.get("job")?,
        scheduled_ms: row.get("scheduled_ms")?,
        turn: TurnId(row.get("turn")?),
        begun_ms: row.get("begun_ms")?,
        ended_ms: row.get("ended_ms")?,
        how: row.get("how")?,
    })
}

fn run(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<usize> {
    let doing = "writing fires";
    db.prepare_cached(sql).doing(doing)?.execute(values).doing(doing)
}
