//! Walks the whole log and says whether it is what was written: row by row along the
//! chain, and at each checkpoint against what was signed.

use super::head::Head;
use super::page;
use crate::error::{Doing, Result};
use crate::limits::CHECKPOINT_ROWS;
use rusqlite::{Connection, OptionalExtension as _};
use skynet_core::StoreError;
use skynet_core::ports::AuditRow;
use skynet_policy::audit::{BEFORE_FIRST, Checkpoint, CheckpointError, Frontier, Hash, SetAside, link};
use skynet_policy::signature::PublicKey;
use std::collections::BTreeMap;

/// A log that is as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditReport {
    /// The number of the last row.
    pub rows: u64,
    /// Parts that were set aside, each with the number and time of the row that says so.
    pub set_aside: Vec<(u64, u64, SetAside)>,
    /// Checkpoints from elsewhere that speak of rows that were set aside.
    pub not_compared: u64,
    /// How many checkpoints agreed with them, those from elsewhere among them.
    pub checkpoints: u64,
    /// How many rows at the end nobody has signed yet.
    pub unsigned: u64,
    /// How often the host began after a run that had not ended properly.
    pub crashes: u64,
}

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
    /// Rows are gone from the end, and the end was moved with them.
    #[error(
        "the end of the audit log was cut off: a signed checkpoint speaks of {had} rows, {left} are left. Keep the file as evidence; the missing rows are in backups only"
    )]
    Cut {
        /// Rows that there were.
        had: u64,
        /// Rows that there are.
        left: u64,
    },
    /// The chain is whole, but it is another one.
    #[error(
        "audit rows {from} to {to} are not those that a signed checkpoint speaks of: one of them was changed and the chain after it built anew. Keep the file as evidence and compare it with a backup"
    )]
    Rewritten {
        /// After the last checkpoint that agrees.
        from: u64,
        /// Where the first one disagrees.
        to: u64,
    },
    /// A checkpoint in the log is not one.
    #[error("the audit checkpoint of {size} rows is not good: {why}")]
    Checkpoint {
        /// Its size.
        size: u64,
        /// What is wrong.
        why: CheckpointError,
    },
    /// More rows without a signature than a host ever leaves.
    #[error(
        "audit rows {from} to {to} are signed by nobody, and the host signs every {CHECKPOINT_ROWS}: checkpoints were taken out, or rows written by somebody else. Compare the file with a backup, and with checkpoints kept elsewhere (--anchor)"
    )]
    Unsigned {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// There are checkpoints, and no key to check them by.
    #[error("the log has signed checkpoints, and its key is not there. Put keys/audit.key back from a backup")]
    NoKey,
    /// There is no such row to prove.
    #[error("the log has no row {number}; its rows are 1 to {last}")]
    NoRow {
        /// What was asked for.
        number: u64,
        /// The newest.
        last: u64,
    },
    /// The log is not the one that was looked at; nothing was done to it.
    #[error("the audit log changed while it was set aside; nothing was done to it. Ask again")]
    Changed,
    /// The log could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a walk knows of the rows behind it.
pub(super) struct Walk {
    pub(super) last: u64,
    pub(super) hash: Hash,
    pub(super) tree: Frontier,
    key: Option<PublicKey>,
    /// Roots that were signed, by size, of those sizes that are still ahead.
    ahead: BTreeMap<u64, Vec<Hash>>,
    /// The last row up to which what was signed agrees, or was set aside.
    agreed: u64,
    /// The last row at which something that was signed agrees.
    pub(super) proven: u64,
    /// How many rows of each page were taken, from its beginning, by the page's first row.
    pub(super) taken: BTreeMap<u64, u64>,
    report: AuditReport,
}

pub(super) type Checked = std::result::Result<(), AuditFault>;

impl Walk {
    /// Before the first row. `signed` are the checkpoints that it must agree with.
    pub(super) fn start(key: Option<PublicKey>, signed: &[Checkpoint]) -> Self {
        let mut ahead: BTreeMap<u64, Vec<Hash>> = BTreeMap::new();
        signed.iter().for_each(|checkpoint| ahead.entry(checkpoint.size).or_default().push(checkpoint.root));
        let (taken, report) = (BTreeMap::new(), AuditReport::default());
        Self { last: 0, hash: BEFORE_FIRST, tree: Frontier::default(), key, ahead, agreed: 0, proven: 0, taken, report }
    }

    /// Goes through all pages, up to this row.
    pub(super) fn pages(&mut self, db: &Connection, end: u64) -> Checked {
        self.each_page(db, end, Err)
    }

    /// As `pages`, and what does not follow is passed over, as if it were not there. Ends at
    /// a row that something that was signed contradicts.
    pub(super) fn sound_pages(&mut self, db: &Connection, end: u64) -> Checked {
        self.each_page(db, end, |fault| if matches!(fault, AuditFault::Row { .. }) { Ok(()) } else { Err(fault) })
    }

    fn each_page(&mut self, db: &Connection, end: u64, on_fault: impl Fn(AuditFault) -> Checked) -> Checked {
        self.signed()?;
        let doing = "reading the audit log";
        let mut query = db.prepare_cached("SELECT first, rows, body FROM audit_pages ORDER BY first").doing(doing)?;
        let mut pages = query.query([]).doing(doing)?;
        while let Some(found) = pages.next().doing(doing)? {
            let (first, rows): (i64, i64) = (found.get(0).doing(doing)?, found.get(1).doing(doing)?);
            let body = found.get_ref(2).doing(doing)?.as_bytes().unwrap_or_default();
            self.page((first, rows), body, end).or_else(&on_fault)?;
        }
        Ok(())
    }

    fn page(&mut self, (first, rows): (i64, i64), body: &[u8], end: u64) -> Checked {
        let number = self.last + 1;
        let (Ok(first), Ok(rows)) = (u64::try_from(first), u64::try_from(rows)) else {
            return Err(AuditFault::Row { number, why: "is missing" });
        };
        if rows == 0 {
            // None is written; it would hide rows from those who read from its number on.
            return Err(AuditFault::Row { number, why: "does not come next, but a page without rows" });
        }
        for row in page::rows(first, rows, body) {
            self.row(row.map_err(|number| AuditFault::Row { number, why: "cannot be read" })?, end)?;
            *self.taken.entry(first).or_default() += 1;
        }
        Ok(())
    }

    fn row(&mut self, stored: page::Stored<'_>, end: u64) -> Checked {
        let next = self.last + 1;
        let part = self.set_aside(&stored)?;
        let explained = part.as_ref().is_some_and(|part| part.from == next && part.to.checked_add(1) == Some(stored.number));
        if stored.number != next && !explained {
            return Err(AuditFault::Row { number: next, why: "is missing" });
        }
        let number = stored.number;
        let bad = |why| Err(AuditFault::Row { number, why });
        if number > end {
            return bad("was put in by somebody else");
        }
        if link(&self.hash, number, stored.at_ms, stored.text) != stored.hash {
            return bad("was changed, or does not follow the row before it");
        }
        if part.is_some() && !explained {
            return bad("says that other rows were set aside than are missing");
        }
        if let Some(part) = part {
            self.pass(&part);
            self.report.set_aside.push((number, stored.at_ms, part));
        }
        if stored.text.starts_with(br#"{"kind":"host""#) && stored.text.windows(CRASHED.len()).any(|part| part == CRASHED) {
            self.report.crashes += 1;
        }
        (self.last, self.hash) = (number, stored.hash);
        self.tree.push(&stored.hash);
        self.signed()
    }

    /// What this row says of a part that was set aside, if the log's key signed it.
    fn set_aside(&self, stored: &page::Stored<'_>) -> std::result::Result<Option<SetAside>, AuditFault> {
        if !stored.text.starts_with(SET_ASIDE) {
            return Ok(None);
        }
        let key = self.key.as_ref().ok_or(AuditFault::NoKey)?;
        let row: Option<AuditRow> = serde_json::from_slice(stored.text).ok();
        let part: Option<SetAside> = row.and_then(|row| serde_json::from_value(row.detail).ok());
        match part.filter(|part| part.is_signed(&self.hash, key)) {
            Some(part) => Ok(Some(part)),
            None => Err(AuditFault::Row { number: stored.number, why: "says that a part was set aside, and is not signed for this place" }),
        }
    }

    /// Its rows are leaves without a hash; what was signed of them is with them.
    fn pass(&mut self, part: &SetAside) {
        (part.from..=part.to).for_each(|_| self.tree.push(&BEFORE_FIRST));
        let later = self.ahead.split_off(&part.to.saturating_add(1));
        let of_part = std::mem::replace(&mut self.ahead, later);
        self.report.not_compared += of_part.values().map(|roots| roots.len() as u64).sum::<u64>();
        self.agreed = self.agreed.max(part.to);
    }

    fn signed(&mut self) -> Checked {
        let Some(roots) = self.ahead.remove(&self.last) else { return Ok(()) };
        let root = self.tree.root();
        if roots.iter().any(|signed| *signed != root) {
            return Err(AuditFault::Rewritten { from: self.agreed + 1, to: self.last });
        }
        (self.agreed, self.proven) = (self.last, self.last);
        self.report.checkpoints += roots.len() as u64;
        Ok(())
    }
}

/// How a row says that the host before it had crashed; see `begin_run` in the binary's `start`.
const CRASHED: &[u8] = br#""verdict":"recovered""#;

/// How a row begins that says that a part was set aside; see `set_aside`.
const SET_ASIDE: &[u8] = br#"{"kind":"audit.set-aside""#;

/// A checkpoint as it is stored: size, time, note.
pub(super) type StoredNote = (i64, i64, String);

pub(super) fn notes(db: &Connection) -> Result<Vec<StoredNote>> {
    let doing = "reading the audit checkpoints";
    let mut query = db.prepare_cached("SELECT size, at_ms, note FROM audit_checkpoints ORDER BY size").doing(doing)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}

pub(super) fn checked((size, _, note): &StoredNote, key: &PublicKey) -> std::result::Result<Checkpoint, AuditFault> {
    let size = u64::try_from(*size).unwrap_or_default();
    let found = Checkpoint::verify(note, key).map_err(|why| AuditFault::Checkpoint { size, why })?;
    let another = CheckpointError::Form(format!("it speaks of {} rows", found.size));
    if found.size == size { Ok(found) } else { Err(AuditFault::Checkpoint { size, why: another }) }
}

fn checkpoints(db: &Connection, key: Option<&PublicKey>) -> std::result::Result<Vec<Checkpoint>, AuditFault> {
    notes(db)?.iter().map(|stored| checked(stored, key.ok_or(AuditFault::NoKey)?)).collect()
}

/// Checks everything; `anchors` are checkpoints that were kept elsewhere.
pub(super) fn verify(db: &Connection, key: Option<&PublicKey>, anchors: &[Checkpoint]) -> std::result::Result<AuditReport, AuditFault> {
    let mut signed = checkpoints(db, key)?;
    let newest = signed.last().map_or(0, |checkpoint| checkpoint.size);
    signed.extend_from_slice(anchors);
    let mut walk = Walk::start(key.copied(), &signed);
    let Some((end, end_hash)) = end(db)? else {
        let last: Option<u64> =
            db.query_row("SELECT max(first + rows - 1) FROM audit_pages", [], |row| row.get(0)).doing("looking for the last row")?;
        return Err(AuditFault::Row {
            number: last.unwrap_or(1),
            why: "is the last one that is left, and what the log keeps of its end is gone",
        });
    };
    walk.pages(db, end)?;
    finish(walk, db, (end, &end_hash), (key.is_some(), newest))
}

/// Absent where somebody took it out.
fn end(db: &Connection) -> Result<Option<(u64, Vec<u8>)>> {
    let doing = "reading the end of the audit log";
    let mut query = db.prepare_cached("SELECT number, hash FROM audit_head").doing(doing)?;
    query.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional().doing(doing)
}

fn finish(
    walk: Walk,
    db: &Connection,
    (end, end_hash): (u64, &[u8]),
    (signs, newest): (bool, u64),
) -> std::result::Result<AuditReport, AuditFault> {
    if walk.last < end {
        return Err(AuditFault::Row { number: walk.last + 1, why: "is missing" });
    }
    if let Some(had) = walk.ahead.keys().next_back() {
        return Err(AuditFault::Cut { had: *had, left: walk.last });
    }
    if end_hash != walk.hash {
        return Err(AuditFault::Row { number: walk.last, why: "is not the row that the end of the log speaks of" });
    }
    // Its tree too: the next rows build on it.
    let head = Head::read(db).ok().filter(|head| head.tree == walk.tree);
    let Some(head) = head else {
        return Err(AuditFault::Row { number: walk.last, why: "does not fit the edge of the tree that is kept with it" });
    };
    if signs && (head.sealed != newest || walk.last.saturating_sub(newest) >= CHECKPOINT_ROWS) {
        return Err(AuditFault::Unsigned { from: newest + 1, to: walk.last });
    }
    Ok(AuditReport { rows: walk.last, unsigned: walk.last.saturating_sub(newest), ..walk.report })
}
