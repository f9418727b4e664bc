//! Looking into the log: its end, a stretch of it, one row with its proof.

use super::verify::AuditFault;
use super::{Head, page};
use crate::error::{Doing, Result};
use rusqlite::{Connection, OptionalExtension as _};
use skynet_core::StoreError;
use skynet_core::ports::AuditRow;
use skynet_policy::audit::{BEFORE_FIRST, Checkpoint, Hash, Proof, inclusion_path};
use skynet_policy::signature::PublicKey;

/// A row with what the log keeps beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRow {
    /// From 1.
    pub number: u64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Over this row and the hash before it.
    pub hash: Hash,
    /// The row as JSON, byte for byte what the hash covers.
    pub text: String,
}

/// Rows in a row that may have been set aside before a proof gives up: each costs memory.
const FAR_BEYOND: usize = 10_000_000;

const DOING: &str = "reading the audit log";

fn damaged(number: u64) -> StoreError {
    StoreError::Corrupt(format!("audit row {number} cannot be read; `skynet audit verify` says where the damage begins"))
}

/// All rows of a page.
fn unpack(first: i64, rows: i64, body: &[u8]) -> Result<Vec<KeptRow>> {
    let (Ok(first), Ok(rows)) = (u64::try_from(first), u64::try_from(rows)) else { return Err(damaged(0)) };
    let unpack = |stored: std::result::Result<page::Stored<'_>, u64>| {
        let stored = stored.map_err(damaged)?;
        let text = std::str::from_utf8(stored.text).map_err(|_| damaged(stored.number))?.to_owned();
        Ok(KeptRow { number: stored.number, at_ms: stored.at_ms, hash: stored.hash, text })
    };
    page::rows(first, rows, body).map(unpack).collect()
}

fn pages(db: &Connection, sql: &str, from: u64, mut each: impl FnMut(Vec<KeptRow>) -> bool) -> Result<()> {
    let mut query = db.prepare_cached(sql).doing(DOING)?;
    let mut pages = query.query([from]).doing(DOING)?;
    while let Some(found) = pages.next().doing(DOING)? {
        let body = found.get_ref(2).doing(DOING)?.as_bytes().unwrap_or_default();
        if !each(unpack(found.get(0).doing(DOING)?, found.get(1).doing(DOING)?, body)?) {
            break;
        }
    }
    Ok(())
}

pub(super) fn tail(db: &Connection, limit: usize) -> Result<Vec<(u64, u64, AuditRow)>> {
    let mut newest = Vec::new();
    pages(db, "SELECT first, rows, body FROM audit_pages WHERE first >= ?1 ORDER BY first DESC", 0, |rows| {
        newest.extend(rows.into_iter().rev().take(limit - newest.len()));
        newest.len() < limit
    })?;
    let parse = |row: KeptRow| Ok((row.number, row.at_ms, serde_json::from_str(&row.text).map_err(|_| damaged(row.number))?));
    newest.into_iter().map(parse).collect()
}

pub(super) fn after(db: &Connection, number: u64, limit: usize) -> Result<Vec<KeptRow>> {
    let mut found = Vec::new();
    // Rows of the page that begins before this number may follow it.
    let sql = "SELECT first, rows, body FROM audit_pages WHERE first + rows > ?1 AND first >=
        coalesce((SELECT max(first) FROM audit_pages WHERE first <= ?1), 0) ORDER BY first";
    pages(db, sql, number.saturating_add(1), |rows| {
        found.extend(rows.into_iter().filter(|row| row.number > number).take(limit - found.len()));
        found.len() < limit
    })?;
    Ok(found)
}

pub(super) fn newest_note(db: &Connection) -> Result<Option<String>> {
    let mut query = db.prepare_cached("SELECT note FROM audit_checkpoints ORDER BY size DESC LIMIT 1").doing(DOING)?;
    query.query_row([], |row| row.get(0)).optional().doing(DOING)
}

pub(super) fn prove(db: &Connection, number: u64, key: &PublicKey, note: String) -> std::result::Result<Proof, AuditFault> {
    let Some(index) = number.checked_sub(1) else { return Err(AuditFault::NoRow { number, last: Head::read(db)?.number }) };
    let checkpoint = Checkpoint::verify(&note, key).map_err(|why| AuditFault::Checkpoint { size: 0, why })?;
    let mut hashes: Vec<Hash> = Vec::new();
    let (mut wanted, mut before) = (None, BEFORE_FIRST);
    pages(db, "SELECT first, rows, body FROM audit_pages WHERE first >= ?1 ORDER BY first", 0, |rows| {
        for row in rows.into_iter().filter(|row| row.number <= checkpoint.size) {
            // Rows that were set aside are leaves without a hash.
            let place = usize::try_from(row.number.saturating_sub(1)).unwrap_or(usize::MAX).min(hashes.len() + FAR_BEYOND);
            hashes.resize(hashes.len().max(place), BEFORE_FIRST);
            let previous = std::mem::replace(&mut before, row.hash);
            hashes.push(row.hash);
            if row.number == number {
                wanted = Some((row, previous));
            }
        }
        (hashes.len() as u64) < checkpoint.size
    })?;
    let (Some((row, previous)), Some(path)) = (wanted, inclusion_path(&hashes, index)) else {
        return Err(AuditFault::NoRow { number, last: checkpoint.size });
    };
    let hex = |hash: &Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let proof = Proof {
        schema: 1,
        number,
        at_ms: row.at_ms,
        row: row.text,
        previous: hex(&previous),
        path: path.iter().map(hex).collect(),
        checkpoint: note,
        key: key.text(),
    };
    // A proof that does not hold would be found out elsewhere, by somebody who cannot mend it.
    match proof.check(Some(key)) {
        Ok(_) => Ok(proof),
        Err(_) => {
            Err(AuditFault::Row { number, why: "does not lead to the signed root; `skynet audit verify` says where the damage begins" })
        }
    }
}
