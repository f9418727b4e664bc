//! A page: rows of the log that were written by one commit, in one row of the database.
//!
//! Each row is its text's length (u32), its time (u64), its hash (32 bytes) and its text,
//! numbers in little-endian order. Refuses to read on after a row that does not fit.

use super::head::WAY_ON;
use crate::error::{Doing, Result};
use rusqlite::{Connection, ErrorCode, params};
use skynet_core::StoreError;
use skynet_policy::audit::Hash;

/// A page that grew to this is closed: one row of the database should fit in memory many times.
const FULL_BYTES: usize = 256 * 1024;

const HEAD_BYTES: usize = 4 + 8 + 32;

/// A page on its way to the disk.
pub(super) struct Page {
    first: u64,
    rows: u64,
    body: Vec<u8>,
}

impl Page {
    /// An empty one for the rows after this number.
    pub(super) fn after(number: u64) -> Self {
        Self { first: number + 1, rows: 0, body: Vec::new() }
    }

    pub(super) fn put(&mut self, at_ms: u64, hash: &Hash, text: &str) -> Result<()> {
        let length = u32::try_from(text.len()).map_err(|_| StoreError::Unavailable("an audit row is too long".into()))?;
        self.body.reserve(HEAD_BYTES + text.len());
        self.body.extend(length.to_le_bytes());
        self.body.extend(at_ms.to_le_bytes());
        self.body.extend(hash);
        self.body.extend(text.as_bytes());
        self.rows += 1;
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.body.len() >= FULL_BYTES
    }

    pub(super) fn store(&self, db: &Connection) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let doing = "writing the audit log";
        let mut insert = db.prepare_cached("INSERT INTO audit_pages (first, rows, body) VALUES (?1, ?2, ?3)").doing(doing)?;
        match insert.execute(params![self.first, self.rows, self.body]) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(StoreError::Corrupt(format!("rows stand where the audit log goes on ({error}); {WAY_ON}")))
            }
            stored => stored.doing(doing).map(drop),
        }
    }
}

/// A row as it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored<'a> {
    pub(super) number: u64,
    pub(super) at_ms: u64,
    pub(super) hash: Hash,
    pub(super) text: &'a [u8],
}

/// Takes a page apart. A row that does not fit, or bytes after the last one, end it with
/// `Err` of that row's number.
pub(super) fn rows(first: u64, rows: u64, body: &[u8]) -> impl Iterator<Item = std::result::Result<Stored<'_>, u64>> {
    let end = first.saturating_add(rows);
    let mut rest = Some(body);
    (first..end).map_while(move |number| {
        let row = take(number, rest?).filter(|(_, after)| after.is_empty() || number + 1 < end);
        rest = row.map(|(_, after)| after);
        Some(row.map(|(row, _)| row).ok_or(number))
    })
}

/// Leaves this many rows of a page, byte for byte.
pub(super) fn cut(db: &Connection, first: u64, left: u64) -> Result<()> {
    let doing = "cutting a page of the audit log";
    let mut query = db.prepare_cached("SELECT rows, body FROM audit_pages WHERE first = ?1").doing(doing)?;
    let (stored, body): (u64, Vec<u8>) = query.query_row([first], |row| Ok((row.get(0)?, row.get(1)?))).doing(doing)?;
    let kept = rows(first, stored, &body).map_while(std::result::Result::ok).zip(0..left);
    let bytes: usize = kept.map(|(row, _)| HEAD_BYTES + row.text.len()).sum();
    let body = body.get(..bytes).unwrap_or_default();
    let mut update = db.prepare_cached("UPDATE audit_pages SET rows = ?2, body = ?3 WHERE first = ?1").doing(doing)?;
    update.execute(params![first, left, body]).doing(doing).map(drop)
}

fn take(number: u64, body: &[u8]) -> Option<(Stored<'_>, &[u8])> {
    let (length, body) = body.split_first_chunk::<4>()?;
    let (at_ms, body) = body.split_first_chunk::<8>()?;
    let (hash, body) = body.split_first_chunk::<32>()?;
    let (text, rest) = body.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((Stored { number, at_ms: u64::from_le_bytes(*at_ms), hash: *hash, text }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_gives_back_its_rows_up_to_the_first_that_does_not_fit() {
        let mut page = Page::after(6);
        page.put(3, &[1; 32], "a").unwrap();
        page.put(4, &[2; 32], "éé").unwrap();
        let read =
            |count, body| -> Vec<_> { rows(7, count, body).map(|row| row.map(|row| (row.number, row.at_ms, row.text.len()))).collect() };
        assert_eq!(read(2, &page.body), [Ok((7, 3, 1)), Ok((8, 4, 4))]);
        assert_eq!(read(3, &page.body), [Ok((7, 3, 1)), Ok((8, 4, 4)), Err(9)]);
        assert_eq!(read(1, &page.body), [Err(7)], "more than its rows");
        for cut in 0..page.body.len() {
            let whole = read(2, &page.body[..cut]);
            assert!(whole.last().is_some_and(|row| row.is_err()), "cut at {cut}: {whole:?}");
        }
    }
}
