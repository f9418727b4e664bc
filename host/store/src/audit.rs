//! The audit log: a chain of hashes that only grows.
//!
//! Each row carries the hash of the one before, and the end of the chain is kept
//! apart, so that a row changed, taken out, put in or cut off the end shows. Triggers
//! refuse UPDATE and DELETE. Whoever can write the file can build a whole new chain:
//! against that, note `audit_head` somewhere else from time to time.

use crate::error::{Doing, Result};
use crate::json::Json;
use crate::sessions::row_limit;
use crate::store::Store;
use async_trait::async_trait;
use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};
use skynet_core::StoreError;
use skynet_core::ports::{Audit, AuditRow};

type Hash = [u8; 32];

/// Why the audit log cannot be trusted, or could not be checked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditFault {
    /// The first row that is not as it was written.
    #[error("audit row {number} {why}. Rows from there on prove nothing: keep the file as evidence and compare it with a backup")]
    Row {
        /// Its number.
        number: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The log could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[async_trait]
impl Audit for Store {
    async fn record(&self, row: AuditRow) -> std::result::Result<(), StoreError> {
        self.write_row(text(&row)?).await
    }

    async fn enqueue(&self, row: AuditRow) -> std::result::Result<(), StoreError> {
        let text = text(&row)?;
        if self.offer(&text) { Ok(()) } else { self.write_row(text).await }
    }

    async fn settle(&self) -> std::result::Result<(), StoreError> {
        // Whatever was taken before goes ahead of this write, which is nothing itself.
        self.write(|_| Ok(())).await
    }

    async fn tail(&self, limit: usize) -> std::result::Result<Vec<(u64, u64, AuditRow)>, StoreError> {
        self.settle().await?;
        self.read(move |db| {
            let doing = "reading the audit log";
            let mut query = db.prepare_cached("SELECT number, at_ms, row FROM audit ORDER BY number DESC LIMIT ?1").doing(doing)?;
            let rows = query.query_map([row_limit(limit)], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Json<_>>(2)?.0)));
            rows.doing(doing)?.collect::<rusqlite::Result<_>>().doing(doing)
        })
        .await
    }
}

impl Store {
    async fn write_row(&self, text: String) -> Result<()> {
        let now = self.now();
        self.write(move |db| append(db, [(now, text.as_str())])).await
    }

    /// Walks the whole chain; gives the number of rows, or the first bad one.
    pub async fn verify_audit(&self) -> std::result::Result<u64, AuditFault> {
        self.settle().await?;
        self.read(|db| Ok(verify(db))).await?
    }

    /// The number and hash of the last row, to be noted where no thief of this file can write.
    pub async fn audit_head(&self) -> std::result::Result<(u64, [u8; 32]), StoreError> {
        self.settle().await?;
        self.read(head).await
    }
}

/// What is stored of a row, and hashed.
fn text(row: &AuditRow) -> Result<String> {
    serde_json::to_string(row).map_err(|error| StoreError::Unavailable(format!("an audit row is not JSON: {error}")))
}

/// Puts rows at the end of the chain, each with the time at which it was made.
pub(crate) fn append<'a>(db: &Connection, rows: impl IntoIterator<Item = (u64, &'a str)>) -> Result<()> {
    let doing = "writing the audit log";
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    let (mut number, mut end) = head(db)?;
    let sql = "INSERT INTO audit (number, at_ms, row, previous, hash) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut insert = db.prepare_cached(sql).doing(doing)?;
    for (at_ms, text) in rows {
        number += 1;
        let hash = link(&end, number, at_ms, text.as_bytes());
        insert.execute(params![number, at_ms, text, end, hash]).doing(doing)?;
        end = hash;
    }
    db.prepare_cached("UPDATE audit_head SET number = ?1, hash = ?2").doing(doing)?.execute(params![number, end]).doing(doing)?;
    Ok(())
}

fn head(db: &Connection) -> Result<(u64, Hash)> {
    let doing = "reading the end of the audit log";
    let mut query = db.prepare_cached("SELECT number, hash FROM audit_head").doing(doing)?;
    query.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).doing(doing)
}

fn verify(db: &Connection) -> std::result::Result<u64, AuditFault> {
    let doing = "reading the audit log";
    let (end, end_hash) = head(db)?;
    let mut query = db.prepare_cached("SELECT number, at_ms, row, previous, hash FROM audit ORDER BY number").doing(doing)?;
    let mut rows = query.query([]).doing(doing)?;
    let (mut last, mut previous) = (0, [0; 32]);
    while let Some(row) = rows.next().doing(doing)? {
        let found: i64 = row.get(0).doing(doing)?;
        let number = last + 1;
        let bad = |why| Err(AuditFault::Row { number, why });
        if u64::try_from(found) != Ok(number) {
            return bad("is missing");
        }
        if number > end {
            return bad("was put in by somebody else");
        }
        let at_ms = row.get::<_, i64>(1).doing(doing)?.cast_unsigned();
        let text = row.get_ref(2).doing(doing)?.as_bytes().unwrap_or_default();
        let hash = link(&previous, number, at_ms, text);
        let (kept_previous, kept_hash): (Vec<u8>, Vec<u8>) = (row.get(3).doing(doing)?, row.get(4).doing(doing)?);
        if kept_previous != previous || kept_hash != hash {
            return bad("was changed");
        }
        (last, previous) = (number, hash);
    }
    match (last == end, previous == end_hash) {
        (true, true) => Ok(last),
        (true, false) => Err(AuditFault::Row { number: last, why: "was changed" }),
        (false, _) => Err(AuditFault::Row { number: last + 1, why: "is missing" }),
    }
}

/// Each field goes in with its length, so that no two rows share one preimage.
fn link(previous: &Hash, number: u64, at_ms: u64, row: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    for field in [b"skynet audit 1".as_slice(), previous, &number.to_le_bytes(), &at_ms.to_le_bytes(), row] {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field);
    }
    hash.finalize().into()
}
