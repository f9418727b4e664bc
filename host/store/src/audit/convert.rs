//! From one database row for each row of the log to pages. Hashes go over as they are, so
//! that a row that was tampered with before shows after.

use super::head::Head;
use super::page::Page;
use crate::error::{Doing, Result};
use rusqlite::Connection;
use skynet_core::StoreError;
use skynet_policy::audit::{BEFORE_FIRST, Frontier, Hash};
use std::collections::BTreeMap;

/// Missing rows at the end that are believed: no log lost more, and each costs a hash.
const FAR_BEYOND: u64 = 1_000_000;

/// Copies what format 3 has in `audit`.
pub(crate) fn convert(db: &Connection) -> Result<()> {
    let doing = "moving the audit log into pages";
    let mut query = db.prepare("SELECT number, at_ms, row, hash FROM audit ORDER BY number").doing(doing)?;
    let mut rows = query.query([]).doing(doing)?;
    let mut page: Option<(u64, Page)> = None;
    let mut hashes = BTreeMap::new();
    while let Some(row) = rows.next().doing(doing)? {
        let number: u64 = row.get(0).doing(doing)?;
        let at_ms = row.get::<_, i64>(1).doing(doing)?.cast_unsigned();
        let text = String::from_utf8_lossy(row.get_ref(2).doing(doing)?.as_bytes().unwrap_or_default()).into_owned();
        let hash: Hash = row.get(3).unwrap_or(BEFORE_FIRST);
        // A gap begins a page, so that it stays one.
        if page.as_ref().is_none_or(|(last, page)| page.is_full() || last.checked_add(1) != Some(number)) {
            if let Some((_, full)) = page.take() {
                full.store(db)?;
            }
            page = Some((number, Page::after(number.saturating_sub(1))));
        }
        if let Some((last, page)) = &mut page {
            page.put(at_ms, &hash, &text)?;
            *last = number;
        }
        hashes.insert(number, hash);
    }
    if let Some((_, last)) = page {
        last.store(db)?;
    }
    let (number, hash): (u64, Hash) =
        db.query_row("SELECT number, hash FROM audit_head", [], |row| Ok((row.get(0)?, row.get(1)?))).doing(doing)?;
    let last = hashes.keys().next_back().copied().unwrap_or(0);
    if number.saturating_sub(last) > FAR_BEYOND {
        return Err(StoreError::Corrupt(format!("the end of the audit log says {number} rows, and the last one is {last}")));
    }
    // Whatever is missing is a leaf all the same: the log goes on, and verification names the gap.
    let mut tree = Frontier::default();
    (1..=number).for_each(|number| tree.push(hashes.get(&number).unwrap_or(&BEFORE_FIRST)));
    Head { number, hash, tree, sealed: 0 }.store(db)
}
