//! Facts about people: learned, found, listed, forgotten.
//!
//! Owns the rule that less confidence never overwrites more, and the quotas, which are
//! counted over what has not expired. What has expired is neither found nor in the way;
//! it is deleted a little with each write of its user. The index of words is kept by
//! triggers of the file. Refuses nothing by content: that is the caller's check.

use crate::error::{Doing, Result};
use crate::limits::EXPIRED_FACTS;
use crate::sessions::row_limit;
use crate::words::{expression, within_bounds};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};
use skynet_core::facts::{Fact, NewFact};
use skynet_core::limits::{FACTS_OF_SOURCE, FACTS_OF_USER};
use skynet_core::{StoreError, UserId};

/// A person by hand: bounded by the quota of the user alone.
pub(crate) const BY_HAND: &str = "user";

/// In which all words occur, best first: a word of the key counts twice.
pub(crate) fn search(db: &Connection, user: &UserId, query: &str, limit: usize, now: u64) -> Result<Vec<Fact>> {
    let Some(words) = expression(query) else { return Ok(Vec::new()) };
    let sql = "SELECT facts.* FROM facts_fts JOIN facts ON facts.id = facts_fts.rowid
        WHERE facts_fts MATCH ?1 AND user = ?2 AND (expires_ms IS NULL OR expires_ms > ?3)
        ORDER BY bm25(facts_fts, 2.0, 1.0), category, facts.key LIMIT ?4";
    within_bounds(db, || list(db, sql, params![words, user.0, now, row_limit(limit)]))
}

/// Instructions first, then preferences, facts, context, and other categories by name.
pub(crate) fn of_user(db: &Connection, user: &UserId, limit: usize, now: u64) -> Result<Vec<Fact>> {
    let sql = "SELECT * FROM facts WHERE user = ?1 AND (expires_ms IS NULL OR expires_ms > ?2)
        ORDER BY CASE category WHEN 'instruction' THEN 0 WHEN 'preference' THEN 1 WHEN 'fact' THEN 2 WHEN 'context' THEN 3 ELSE 4 END,
            category, confidence DESC, key LIMIT ?3";
    list(db, sql, params![user.0, now, row_limit(limit)])
}

/// Learns one, unless a surer one stands there. On an error the caller's savepoint takes it back.
pub(crate) fn learn(db: &Connection, user: &UserId, fact: &NewFact, now: u64) -> Result<bool> {
    purge(db, user, now)?;
    let former = standing(db, user, &fact.category, &fact.key, now)?;
    let sql = "INSERT INTO facts (user, category, key, value, confidence, source, expires_ms, created_ms, updated_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)
        ON CONFLICT (user, category, key) DO UPDATE SET value = ?4, confidence = ?5, source = ?6, expires_ms = ?7, updated_ms = ?8
            WHERE confidence <= ?5";
    let f = fact;
    // A time that the file cannot hold is never.
    let expires_ms = f.expires_ms.filter(|ms| i64::try_from(*ms).is_ok());
    let values = params![user.0, f.category, f.key, f.value, f.confidence, f.source, expires_ms, now];
    if run(db, sql, values)? == 0 {
        return Ok(false);
    }
    if former.is_none() {
        check_user(db, user, now)?;
    }
    if fact.source != BY_HAND && former.as_deref() != Some(&fact.source) {
        check_source(db, user, &fact.source, now)?;
    }
    Ok(true)
}

/// Forgets one; says whether there was one.
pub(crate) fn forget(db: &Connection, user: &UserId, category: &str, key: &str, now: u64) -> Result<bool> {
    purge(db, user, now)?;
    let there = standing(db, user, category, key, now)?.is_some();
    run(db, "DELETE FROM facts WHERE user = ?1 AND category = ?2 AND key = ?3", params![user.0, category, key])?;
    Ok(there)
}

/// The source of the one that stands there. One that has expired is deleted: it must not
/// win by its confidence, nor lend its age to the next.
fn standing(db: &Connection, user: &UserId, category: &str, key: &str, now: u64) -> Result<Option<String>> {
    let sql = "DELETE FROM facts WHERE user = ?1 AND category = ?2 AND key = ?3 AND expires_ms <= ?4";
    run(db, sql, params![user.0, category, key, now])?;
    let doing = "reading a fact";
    let sql = "SELECT source FROM facts WHERE user = ?1 AND category = ?2 AND key = ?3";
    db.prepare_cached(sql).doing(doing)?.query_row([&user.0, category, key], |row| row.get(0)).optional().doing(doing)
}

/// Deletes some that have expired. More in a write than one write can add, so they get fewer.
fn purge(db: &Connection, user: &UserId, now: u64) -> Result<()> {
    let sql = "DELETE FROM facts WHERE id IN
        (SELECT id FROM facts WHERE user = ?1 AND expires_ms <= ?2 ORDER BY expires_ms LIMIT ?3)";
    run(db, sql, params![user.0, now, EXPIRED_FACTS])?;
    Ok(())
}

fn check_user(db: &Connection, user: &UserId, now: u64) -> Result<()> {
    let sql = "SELECT count(*) FROM facts WHERE user = ?1 AND (expires_ms IS NULL OR expires_ms > ?2)";
    if count(db, sql, params![user.0, now])? > FACTS_OF_USER {
        return Err(StoreError::Quota(format!("of one person {FACTS_OF_USER} facts are kept. Forget some that are not needed")));
    }
    Ok(())
}

fn check_source(db: &Connection, user: &UserId, source: &str, now: u64) -> Result<()> {
    let sql = "SELECT count(*) FROM facts WHERE user = ?1 AND source = ?2 AND (expires_ms IS NULL OR expires_ms > ?3)";
    if count(db, sql, params![user.0, source, now])? > FACTS_OF_SOURCE {
        return Err(StoreError::Quota(format!("{source} may keep {FACTS_OF_SOURCE} facts of one person. It must forget some")));
    }
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Fact> {
    Ok(Fact {
        category: row.get("category")?,
        key: row.get("key")?,
        value: row.get("value")?,
        confidence: row.get("confidence")?,
        source: row.get("source")?,
        expires_ms: row.get("expires_ms")?,
        created_ms: row.get("created_ms")?,
        updated_ms: row.get("updated_ms")?,
    })
}

fn list(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<Fact>> {
    let doing = "reading facts";
    let mut query = db.prepare_cached(sql).doing(doing)?;
    query.query_map(values, read).doing(doing)?.collect::<rusqlite::Result<_>>().doing(doing)
}

fn count(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<u64> {
    let doing = "counting facts";
    db.prepare_cached(sql).doing(doing)?.query_row(values, |row| row.get(0)).doing(doing)
}

fn run(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<usize> {
    let doing = "writing facts";
    db.prepare_cached(sql).doing(doing)?.execute(values).doing(doing)
}
