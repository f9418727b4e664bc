//! The end of the log: the last row's number and hash, the edge of the tree, the newest
//! checkpoint. Kept apart from the rows, so that rows cut off the end are missed.

use crate::audit::page::Page;
use crate::error::{Doing, Result};
use rusqlite::{Connection, params};
use skynet_core::StoreError;
use skynet_policy::audit::{Checkpoint, Frontier, Hash, link};
use skynet_policy::signature::SecretKey;

/// What to do about a log that takes no more rows.
pub(super) const WAY_ON: &str =
    "`skynet audit verify` says more, and with the host stopped `skynet audit set-aside` keeps what is damaged in a file and goes on";

pub(super) struct Head {
    pub(super) number: u64,
    pub(super) hash: Hash,
    pub(super) tree: Frontier,
    /// How many rows the newest checkpoint speaks of.
    pub(super) sealed: u64,
}

impl Head {
    pub(super) fn read(db: &Connection) -> Result<Self> {
        let doing = "reading the end of the audit log";
        let mut query = db.prepare_cached("SELECT number, hash, tree, sealed FROM audit_head").doing(doing)?;
        let found = query.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
        let (number, hash, tree, sealed): (u64, Hash, Vec<u8>, u64) = match found {
            Err(error) if error.sqlite_error_code().is_none() => {
                return Err(StoreError::Corrupt(format!("the end of the audit log cannot be read ({error}); {WAY_ON}")));
            }
            found => found.doing(doing)?,
        };
        let tree = Frontier::from_bytes(number, &tree)
            .ok_or_else(|| StoreError::Corrupt(format!("the end of the audit log does not fit its rows; {WAY_ON}")))?;
        Ok(Self { number, hash, tree, sealed })
    }

    pub(super) fn store(&self, db: &Connection) -> Result<()> {
        let doing = "noting the end of the audit log";
        let mut update = db.prepare_cached("UPDATE audit_head SET number = ?1, hash = ?2, tree = ?3, sealed = ?4").doing(doing)?;
        update.execute(params![self.number, self.hash, self.tree.to_bytes(), self.sealed]).doing(doing)?;
        Ok(())
    }

    fn push(&mut self, at_ms: u64, text: &str) {
        self.number += 1;
        self.hash = link(&self.hash, self.number, at_ms, text.as_bytes());
        self.tree.push(&self.hash);
    }
}

/// Puts rows at the end of the log, each with the time at which it was made.
pub(crate) fn append<'a>(db: &Connection, rows: impl IntoIterator<Item = (u64, &'a str)>) -> Result<()> {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    let mut head = Head::read(db)?;
    let mut page = Page::after(head.number);
    for (at_ms, text) in rows {
        head.push(at_ms, text);
        page.put(at_ms, &head.hash, text)?;
        if page.is_full() {
            page.store(db)?;
            head.store(db)?;
            page = Page::after(head.number);
        }
    }
    page.store(db)?;
    head.store(db)
}

/// Signs the state of the log when at least `rows` were added since the last time.
pub(crate) fn seal(db: &Connection, key: &SecretKey, now: u64, rows: u64) -> Result<()> {
    let mut head = Head::read(db)?;
    if head.number.saturating_sub(head.sealed) < rows.max(1) {
        return Ok(());
    }
    let doing = "writing an audit checkpoint";
    let note = Checkpoint { size: head.number, root: head.tree.root() }.sign(key);
    let mut insert = db.prepare_cached("INSERT INTO audit_checkpoints (size, at_ms, note) VALUES (?1, ?2, ?3)").doing(doing)?;
    insert.execute(params![head.number, now, note]).doing(doing)?;
    head.sealed = head.number;
    head.store(db)
}
