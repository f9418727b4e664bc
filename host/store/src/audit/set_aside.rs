//! The way on from a damaged log: what is sound stays, the rest goes into a file, and a
//! signed row says so where the rest stood.
//!
//! Sound is the longest log that follows from row to row and that no checkpoint
//! contradicts; exactly its rows stay, whatever pages stand between them. Numbers go on
//! behind every number that the damaged part had or may have had, so that what was signed of
//! it elsewhere never speaks of a new row. Nothing is lost: what goes is in the file first,
//! byte for byte. Refuses without the log's key, when the log changed since it was looked
//! at, and a result that does not verify.

use super::head::{Head, append, seal};
use super::page;
use super::verify::{self, AuditFault, Walk};
use crate::error::{Doing, Result};
use crate::limits::CHECKPOINT_ROWS;
use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};
use skynet_core::StoreError;
use skynet_core::ports::AuditRow;
use skynet_policy::audit::{BEFORE_FIRST, Checkpoint, SetAside};
use skynet_policy::signature::{PublicKey, SecretKey};
use std::io::Write;

/// Rows beyond the last that is signed that are believed to have been: each is a leaf of
/// the tree from then on, and no host was so far ahead of its own signatures.
const FAR_BEYOND: u64 = 1_000_000;

/// What keeps the tables from being changed, as the migration has it.
const GUARDS: &str = include_str!("../../migrations/005.sql");

/// A part of the log that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The first row that is not sound.
    pub from: u64,
    /// The last number that the log had; one less than `from` when all rows are sound.
    pub to: u64,
    /// What is wrong, in one sentence.
    pub why: String,
    /// Checkpoints from elsewhere that it was found with: what is left must agree with them.
    anchors: Vec<Checkpoint>,
}

/// Where the walk of the log ends that finds nothing wrong, at this row at most.
fn sound(db: &Connection, key: &PublicKey, anchors: &[Checkpoint]) -> std::result::Result<(u64, u64), AuditFault> {
    let notes = verify::notes(db)?;
    let (mut good, mut bad) = (anchors.to_vec(), Vec::new());
    for note in &notes {
        match verify::checked(note, key) {
            Ok(checkpoint) => good.push(checkpoint),
            Err(_) => bad.push(u64::try_from(note.0).unwrap_or_default()),
        }
    }
    let newest = good.iter().map(|checkpoint| checkpoint.size).max().unwrap_or(0);
    let mut walk = Walk::start(Some(*key), &good);
    let last = match walk.sound_pages(db, u64::MAX) {
        Err(AuditFault::Store(error)) => return Err(error.into()),
        Err(AuditFault::Rewritten { .. }) => walk.proven,
        Ok(()) | Err(_) => walk.last,
    };
    // Rows that somebody signed, with a word that is damaged now, are proved by a later word
    // or not at all; nor are more rows than a host leaves unsigned.
    let unproved = bad.iter().any(|size| (walk.proven + 1..=last).contains(size)) || last - walk.proven >= CHECKPOINT_ROWS;
    Ok((if unproved { walk.proven } else { last }, newest))
}

/// What is wrong with the log, if something is.
pub(super) fn damage(db: &Connection, key: Option<&PublicKey>, anchors: &[Checkpoint]) -> std::result::Result<Option<Damage>, AuditFault> {
    let why = match verify::verify(db, key, anchors) {
        Ok(_) => return Ok(None),
        Err(AuditFault::NoKey) => return Err(AuditFault::NoKey),
        Err(fault) => fault.to_string(),
    };
    let key = key.ok_or(AuditFault::NoKey)?;
    let (last, newest) = sound(db, key, anchors)?;
    // Every number that was used, as far as it can be told.
    let known = last.max(newest);
    let doing = "reading the end of the audit log";
    let mut to = known;
    for sql in ["SELECT number FROM audit_head", "SELECT max(first) + rows - 1 FROM audit_pages"] {
        let number: Option<i64> = db.query_row(sql, [], |row| row.get(0)).optional().doing(doing).unwrap_or_default().flatten();
        let number = number.and_then(|number| u64::try_from(number).ok()).filter(|number| number.saturating_sub(known) <= FAR_BEYOND);
        to = to.max(number.unwrap_or(0));
    }
    let why = why.split(". ").next().unwrap_or_default().to_owned();
    Ok(Some(Damage { from: last + 1, to, why, anchors: anchors.to_vec() }))
}

/// The sound rows before the damage, and of which pages they are.
fn stays(db: &Connection, key: &PublicKey, damage: &Damage) -> Result<Walk> {
    let mut walk = Walk::start(Some(*key), &[]);
    walk.sound_pages(db, damage.from - 1).map_err(store_fault)?;
    Ok(walk)
}

fn store_fault(fault: AuditFault) -> StoreError {
    match fault {
        AuditFault::Store(error) => error,
        other => StoreError::Corrupt(other.to_string()),
    }
}

/// A page of which not all rows stay.
struct Going {
    first: i64,
    rows: i64,
    /// How many stay, from its beginning.
    stay: u64,
}

/// Pages that go, whole or in part, in their order.
fn going(db: &Connection, walk: &Walk) -> Result<Vec<Going>> {
    let doing = "reading what is set aside";
    let mut query = db.prepare_cached("SELECT first, rows FROM audit_pages ORDER BY first").doing(doing)?;
    let found = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).doing(doing)?;
    let going = found.map(|page| {
        page.map(|(first, rows): (i64, i64)| {
            let stay = u64::try_from(first).ok().and_then(|first| walk.taken.get(&first).copied()).unwrap_or(0);
            Going { first, rows, stay }
        })
    });
    let goes = |page: &Going| page.stay == 0 || u64::try_from(page.rows) != Ok(page.stay);
    going.filter(|page| page.as_ref().map_or(true, goes)).collect::<rusqlite::Result<_>>().doing(doing)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A String takes whatever is written.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What is written goes here and into the digest.
struct Digested<W> {
    out: W,
    digest: Sha256,
}

impl<W: Write> Digested<W> {
    fn line(&mut self, value: &serde_json::Value) -> Result<()> {
        let line = format!("{value}\n");
        self.digest.update(&line);
        let failed = |error| StoreError::Unavailable(format!("what is set aside could not be written ({error})"));
        self.out.write_all(line.as_bytes()).map_err(failed)
    }
}

/// Writes the part as JSON lines: the end of the log as it is kept, checkpoints, pages byte
/// for byte, and their rows as far as they can be read. Gives the digest of the lines.
pub(super) fn export<W: Write>(db: &Connection, key: &PublicKey, damage: &Damage, out: W) -> Result<(W, String)> {
    use serde_json::json;
    let doing = "reading what is set aside";
    let mut out = Digested { out, digest: Sha256::new() };
    let end = db.query_row("SELECT number, hash, tree, sealed FROM audit_head", [], |row| {
        let (number, sealed): (i64, i64) = (row.get(0)?, row.get(3)?);
        Ok(json!({ "number": number, "hash": hex(&row.get::<_, Vec<u8>>(1)?), "tree": hex(&row.get::<_, Vec<u8>>(2)?), "sealed": sealed }))
    });
    let end = end.optional().doing(doing)?;
    out.line(&json!({ "schema": 1, "from": damage.from, "to": damage.to, "why": damage.why, "end": end }))?;
    for (size, at_ms, note) in verify::notes(db)?.into_iter().filter(|note| goes(note, key, damage)) {
        out.line(&json!({ "checkpoint": { "size": size, "at_ms": at_ms, "note": note } }))?;
    }
    let mut query = db.prepare_cached("SELECT body FROM audit_pages WHERE first = ?1").doing(doing)?;
    for Going { first, rows, stay } in going(db, &stays(db, key, damage)?)? {
        let body: Vec<u8> = query.query_row([first], |row| row.get(0)).doing(doing)?;
        out.line(&json!({ "page": { "first": first, "rows": rows, "body": hex(&body) } }))?;
        let (Ok(first), Ok(rows)) = (u64::try_from(first), u64::try_from(rows)) else { continue };
        let behind = first.saturating_add(stay);
        for row in page::rows(first, rows, &body).map_while(std::result::Result::ok).filter(|row| row.number >= behind) {
            let text = String::from_utf8_lossy(row.text);
            out.line(&json!({ "row": { "number": row.number, "at_ms": row.at_ms, "hash": hex(&row.hash), "text": text } }))?;
        }
    }
    Ok((out.out, hex(&out.digest.finalize())))
}

/// Whether a checkpoint goes with the part: it speaks of rows in it, or is none.
fn goes(note: &verify::StoredNote, key: &PublicKey, damage: &Damage) -> bool {
    verify::checked(note, key).map_or(true, |checkpoint| checkpoint.size >= damage.from)
}

/// What says that a part went into a file.
#[derive(Debug, Clone)]
pub(super) struct Move {
    pub(super) damage: Damage,
    pub(super) file: String,
    pub(super) sha256: String,
    pub(super) by: String,
    pub(super) now: u64,
}

/// Whether the log is as it was when the file was written.
pub(super) fn is_as_seen(db: &Connection, key: &SecretKey, told: &Move) -> Result<bool> {
    let public = key.public();
    let same_part = export(db, &public, &told.damage, std::io::sink())?.1 == told.sha256;
    Ok(same_part && stays(db, &public, &told.damage)?.last + 1 == told.damage.from)
}

/// Takes the part out and puts the signed row in its place; gives that row's number. An
/// error asks for all of it to be undone.
pub(super) fn set_aside(db: &Connection, key: &SecretKey, told: Move) -> Result<u64> {
    let Move { damage, file, sha256, by, now } = told;
    let (public, anchors) = (key.public(), damage.anchors.clone());
    let mut walk = stays(db, &public, &damage)?;
    without_guards(db, || remove(db, &public, &damage, &walk))?;
    for _ in damage.from..=damage.to {
        walk.tree.push(&BEFORE_FIRST);
    }
    let head = Head { number: damage.to, hash: walk.hash, tree: walk.tree, sealed: 0 };
    let doing = "noting the end of the audit log";
    db.execute("INSERT OR IGNORE INTO audit_head (one, number, hash) VALUES (1, 0, zeroblob(32))", []).doing(doing)?;
    head.store(db)?;
    let subject = format!("rows {} to {}", damage.from, damage.to);
    let part = SetAside { from: damage.from, to: damage.to, why: damage.why, file, sha256, signature: String::new() };
    let detail = serde_json::to_value(part.sign(&head.hash, key)).unwrap_or_default();
    let row = AuditRow { kind: SetAside::KIND.into(), actor: by, subject, verdict: "ok".into(), detail };
    append(db, [(now, super::text(&row)?.as_str())])?;
    seal(db, key, now, 1)?;
    // The owner is told once that the log is mended, so it must be.
    verify::verify(db, Some(&public), &anchors).map_err(|fault| match fault {
        AuditFault::Store(error) => error,
        fault => StoreError::Corrupt(format!("without what is damaged the log would still not verify, and nothing was changed: {fault}")),
    })?;
    Ok(damage.to + 1)
}

/// Deletes the pages and checkpoints of the part. A page with sound rows keeps those, byte
/// for byte.
fn remove(db: &Connection, key: &PublicKey, damage: &Damage, walk: &Walk) -> Result<()> {
    let doing = "taking out what is set aside";
    let mut delete = db.prepare_cached("DELETE FROM audit_pages WHERE first = ?1").doing(doing)?;
    for Going { first, stay, .. } in going(db, walk)? {
        match u64::try_from(first) {
            Ok(first) if stay > 0 => page::cut(db, first, stay)?,
            _ => delete.execute([first]).doing(doing).map(drop)?,
        }
    }
    for note in verify::notes(db)?.into_iter().filter(|note| goes(note, key, damage)) {
        db.execute("DELETE FROM audit_checkpoints WHERE size = ?1", params![note.0]).doing(doing)?;
    }
    Ok(())
}

/// Lets the tables be changed for the time of `work`, in the caller's transaction. Guards
/// that somebody took away stand again after it.
fn without_guards(db: &Connection, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let doing = "taking out what is set aside";
    let (_, guards) = GUARDS.split_once("CREATE TRIGGER").unwrap_or_default();
    let guards = format!("CREATE TRIGGER{guards}");
    let names = guards.split("CREATE TRIGGER ").filter_map(|guard| guard.split_whitespace().next());
    for name in names {
        db.execute_batch(&format!("DROP TRIGGER IF EXISTS {name}")).doing(doing)?;
    }
    work()?;
    db.execute_batch(&guards).doing(doing)
}
