//! Jobs: planned, listed, removed, and who makes room for whom.
//!
//! Quotas are counted over all jobs that are kept. One that is over (it will not fire
//! again and no fire of it is open) is kept to be looked at: the newest
//! `FINISHED_JOBS` of a user, and fewer where a new job needs the room. So what is
//! over never stands in the way of what is to come. Refuses a job beyond a quota.

use crate::error::{Doing, Result};
use crate::json::Json;
use crate::limits::FINISHED_JOBS;
use crate::sessions::{new_id, read_key, row_limit};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};
use skynet_core::limits::{JOBS_OF_PLUGIN, JOBS_OF_USER};
use skynet_core::schedule::{Job, JobFilter, NewJob};
use skynet_core::{PluginId, StoreError, UserId};

/// Keeps one under a new id. On an error the caller's savepoint takes back what made room.
pub(crate) fn add(db: &Connection, job: NewJob, first_ms: u64, now: u64) -> Result<Job> {
    make_room(db, "user", &job.user.0, JOBS_OF_USER)?;
    if let Some(plugin) = &job.plugin {
        make_room(db, "plugin", plugin.as_str(), JOBS_OF_PLUGIN)?;
    }
    let NewJob { name, when, prompt, user, session, plugin } = job;
    let id = new_id();
    let job = Job { id, name, when, prompt, user, session, plugin, created_ms: now, next_ms: Some(first_ms), last_ms: None, runs: 0 };
    let sql =
        "INSERT INTO jobs (id, name, due, prompt, user, session, plugin, created_ms, next_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let planned_by = job.plugin.as_ref().map(PluginId::as_str);
    let values = params![job.id, job.name, Json(&job.when), job.prompt, job.user.0, job.session.as_str(), planned_by, now, first_ms];
    run(db, sql, values)?;
    Ok(job)
}

/// The next due first, then those that will not fire again, each in the order of planning.
pub(crate) fn list(db: &Connection, filter: &JobFilter) -> Result<Vec<Job>> {
    let sql = "SELECT * FROM jobs WHERE (?1 IS NULL OR user = ?1) AND (?2 IS NULL OR plugin = ?2)
        ORDER BY next_ms IS NULL, next_ms, rowid";
    let (user, plugin) = named(filter);
    rows(db, sql, params![user, plugin])
}

/// Removes one that passes the filter, with its fires; says whether there was one.
pub(crate) fn remove(db: &Connection, id: &str, filter: &JobFilter) -> Result<bool> {
    let sql = "DELETE FROM jobs WHERE id = ?1 AND (?2 IS NULL OR user = ?2) AND (?3 IS NULL OR plugin = ?3)";
    let (user, plugin) = named(filter);
    Ok(run(db, sql, params![id, user, plugin])? > 0)
}

/// When the next one is due.
pub(crate) fn next_due(db: &Connection) -> Result<Option<u64>> {
    let doing = "reading when the next job is due";
    let sql = "SELECT next_ms FROM jobs WHERE next_ms IS NOT NULL ORDER BY next_ms LIMIT 1";
    db.prepare_cached(sql).doing(doing)?.query_row([], |row| row.get(0)).optional().doing(doing)
}

/// Those that are due, the oldest first.
pub(crate) fn due(db: &Connection, now_ms: u64, limit: usize) -> Result<Vec<Job>> {
    let sql = "SELECT * FROM jobs WHERE next_ms <= ?1 ORDER BY next_ms, rowid LIMIT ?2";
    rows(db, sql, params![now_ms, row_limit(limit)])
}

/// Will fire again, or a fire of it goes on.
const ALIVE: &str = "(next_ms IS NOT NULL OR EXISTS (SELECT 1 FROM fires WHERE job = jobs.id AND ended_ms IS NULL))";

/// Leaves room for one more job of this user or this plugin (the column), or refuses.
fn make_room(db: &Connection, column: &str, name: &str, limit: u64) -> Result<()> {
    let doing = "counting jobs";
    let sql = format!("SELECT count(*) FROM jobs WHERE {column} = ?1 AND {ALIVE}");
    let alive: u64 = db.prepare_cached(&sql).doing(doing)?.query_row([name], |row| row.get(0)).doing(doing)?;
    let Some(room) = limit.checked_sub(alive + 1) else {
        return Err(StoreError::Quota(format!("of one {column} {limit} jobs are kept. Remove some that are not needed")));
    };
    let sql = format!(
        "DELETE FROM jobs WHERE rowid IN (SELECT rowid FROM jobs WHERE {column} = ?1 AND NOT {ALIVE}
            ORDER BY last_ms DESC, rowid DESC LIMIT -1 OFFSET ?2)"
    );
    run(db, &sql, params![name, room.min(FINISHED_JOBS)])?;
    Ok(())
}

/// What a filter names, as columns are compared with it.
pub(crate) fn named(filter: &JobFilter) -> (Option<&str>, Option<&str>) {
    (filter.user.as_ref().map(|user| user.0.as_str()), filter.plugin.as_ref().map(PluginId::as_str))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Job> {
    let plugin: Option<String> = row.get("plugin")?;
    let plugin = plugin.map(|id| PluginId::new(&id).map_err(FromSqlError::other)).transpose()?;
    Ok(Job {
        id: row.get("id")?,
        name: row.get("name")?,
        when: row.get::<_, Json<_>>("due")?.0,
        prompt: row.get("prompt")?,
        user: UserId(row.get("user")?),
        session: read_key(row, "session")?,
        plugin,
        created_ms: row.get("created_ms")?,
        next_ms: row.get("next_ms")?,
        last_ms: row.get("last_ms")?,
        runs: row.get("runs")?,
    })
}

fn rows(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<Job>> {
    let doing = "reading jobs";
    let mut query = db.prepare_cached(sql).doing(doing)?;
    query.query_map(values, read).doing(doing)?.collect::<rusqlite::Result<_>>().doing(doing)
}

fn run(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<usize> {
    let doing = "writing jobs";
    db.prepare_cached(sql).doing(doing)?.execute(values).doing(doing)
}
