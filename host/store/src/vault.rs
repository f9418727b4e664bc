//! The vault: secrets at rest.
//!
//! Each version of a secret has a data key of its own, which seals the value together
//! with its name, version and servers; the vault's key seals the data keys; slots seal
//! the vault's key, each for one way to unlock. Sealing is XChaCha20-Poly1305. So a row
//! that was swapped, renamed or given other servers does not open, and an older row that
//! was put back is found out by the sealed list of entries. Each change has its row in the
//! audit log, in its own transaction. Refuses to guess: what does
//! not open is named, with what to do. Keys and values are wiped when dropped.

mod entries;
mod keys;
mod rotation;
mod seal;
mod secrets;
mod slots;

pub use keys::{Material, SlotKind, SlotRow};
pub use secrets::{Change, Deed, SecretRow};

use crate::audit;
use crate::error::Doing;
use crate::store::Store;
use entries::Entries;
use rusqlite::{Connection, OptionalExtension as _, params};
use seal::{Key, random};
use serde_json::{Value, json};
use skynet_core::StoreError;
use skynet_core::ports::AuditRow;
use skynet_core::secret::OpenSecret;
use std::collections::BTreeMap;
use tokio::sync::oneshot;

type Result<T> = std::result::Result<T, VaultFault>;

/// The subject of what is told of all secrets at once.
const WHOLE: &str = "vault";

/// Why the vault did not do it. Nothing changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VaultFault {
    /// There is none yet.
    #[error("there is no vault yet. `skynet init` makes one")]
    Absent,
    /// There is one already.
    #[error("there is a vault already")]
    Present,
    /// No slot of this kind.
    #[error("the vault has no slot `{0}`; `skynet secret slot list` shows those it has")]
    NoSlot(SlotKind),
    /// There is a slot of this kind.
    #[error("the vault has a slot `{0}`; take it away first with: skynet secret slot rm {0}")]
    SlotPresent(SlotKind),
    /// The last slot that lasts must stay.
    #[error(
        "`{0}` is the last slot that outlives a restart of this machine; without it nobody could open the vault again. Add another first: skynet secret slot add"
    )]
    LastSlot(SlotKind),
    /// What was given does not open the slot.
    #[error("the slot `{kind}` does not open: {why}")]
    Slot {
        /// Which.
        kind: SlotKind,
        /// Why, and what to do.
        why: String,
    },
    /// No such secret.
    #[error("the secret `{0}` is not set. Set it with: skynet secret set {0}")]
    NotSet(String),
    /// A row is not as it was written.
    #[error(
        "the secret `{name}` does not open: {why}. Somebody changed the database outside of skynet. Set it again with `skynet secret set {name}`, or restore skynet.db from a backup"
    )]
    Damaged {
        /// Which secret.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The sealed list of entries is not as it was written.
    #[error(
        "the vault's list of secrets does not open. Somebody changed the database outside of skynet. Restore skynet.db from a backup, or begin anew with: skynet secret reset"
    )]
    Entries,
    /// Another process rotated the key meanwhile.
    #[error("the vault's key was rotated meanwhile. Run the command again; a running host needs a restart")]
    Rotated,
    /// The system has no random numbers, or the cipher refused.
    #[error("the vault could not seal: {0}")]
    Sealing(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The vault, unlocked: what opens data keys. Wiped when dropped.
#[derive(Clone)]
pub struct Unlocked {
    id: [u8; 16],
    number: u64,
    key: Key,
}

impl std::fmt::Debug for Unlocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unlocked(key {})", self.number)
    }
}

/// All secrets at one moment.
#[derive(Debug)]
pub struct OpenVault {
    /// The count of changes at that moment.
    pub changes: u64,
    /// By name; one that does not open says why.
    pub secrets: BTreeMap<String, Result<OpenSecret>>,
}

/// The vault's one row.
struct Head {
    id: [u8; 16],
    key: u64,
    changes: u64,
    entries: Vec<u8>,
}

impl Head {
    fn read(db: &Connection) -> Result<Self> {
        let doing = "reading the vault";
        let mut query = db.prepare_cached("SELECT id, key, changes, entries FROM vault").doing(doing)?;
        let found = query.query_row([], |row| Ok(Self { id: row.get(0)?, key: row.get(1)?, changes: row.get(2)?, entries: row.get(3)? }));
        found.optional().doing(doing)?.ok_or(VaultFault::Absent)
    }

    /// The row, if this key is the one that it stands under.
    fn under(db: &Connection, unlocked: &Unlocked) -> Result<Self> {
        let head = Self::read(db)?;
        if head.id != unlocked.id || head.key != unlocked.number {
            return Err(VaultFault::Rotated);
        }
        Ok(head)
    }

    /// Writes the row as it is after one more change.
    fn write(&self, db: &Connection, unlocked: &Unlocked, entries: &Entries) -> Result<()> {
        let doing = "writing the vault";
        let changes = self.changes + 1;
        let entries = entries.sealed(unlocked)?;
        let mut update = db.prepare_cached("UPDATE vault SET key = ?1, changes = ?2, entries = ?3").doing(doing)?;
        update.execute(params![unlocked.number, changes, entries]).doing(doing)?;
        Ok(())
    }
}

impl Store {
    /// Makes the vault with its first slot; gives it unlocked.
    pub async fn make_vault(&self, kind: SlotKind, material: Material, by: &str) -> Result<Unlocked> {
        let (now, by) = (self.now(), by.to_owned());
        let make = move |db: &Connection| match Head::read(db) {
            Ok(_) => Err(VaultFault::Present),
            Err(VaultFault::Absent) => {
                let unlocked = made(db, kind, &material, now)?;
                tell(db, now, &by, WHOLE, json!({ "did": "make", "slot": kind }))?;
                Ok(unlocked)
            }
            Err(fault) => Err(fault),
        };
        self.change_vault(make).await
    }

    /// Runs `work`, with the row that tells of it, in one transaction, which is undone when it fails. What it put away, a value
    /// or what a slot seals, leaves the write-ahead log with it: a key that was given up would open it there.
    async fn change_vault<T: Send + 'static>(&self, work: impl FnOnce(&Connection) -> Result<T> + Send + 'static) -> Result<T> {
        let (tell, mut told) = oneshot::channel();
        let undone = move |fault: VaultFault| {
            let error = StoreError::Unavailable(fault.to_string());
            // Nobody waits any more: then nobody wants to know.
            drop(tell.send(fault));
            error
        };
        let outcome = self.write(move |db| work(db).map_err(undone)).await;
        let done = outcome.map_err(|error| told.try_recv().unwrap_or(VaultFault::Store(error)))?;
        self.wipe_log().await;
        Ok(done)
    }

    /// Removes the vault with everything in it, readable or not.
    pub async fn reset_vault(&self, by: &str) -> Result<()> {
        let (now, by) = (self.now(), by.to_owned());
        let work = move |db: &Connection| {
            let doing = "removing the vault";
            let count: u64 = db.query_row("SELECT count(*) FROM secrets", [], |row| row.get(0)).doing(doing)?;
            db.execute_batch("DELETE FROM secrets; DELETE FROM vault_slots; DELETE FROM vault").doing(doing)?;
            tell(db, now, &by, WHOLE, json!({ "did": "reset", "secrets": count }))
        };
        self.change_vault(work).await
    }

    /// How often the vault was changed; nothing when there is none.
    pub async fn vault_changes(&self) -> Result<Option<u64>> {
        let changes = |db: &Connection| match Head::read(db) {
            Ok(head) => Ok(Ok(Some(head.changes))),
            Err(VaultFault::Absent) => Ok(Ok(None)),
            Err(fault) => Ok(Err(fault)),
        };
        self.read(changes).await?
    }

    /// Opens everything.
    pub async fn open_vault(&self, unlocked: &Unlocked) -> Result<OpenVault> {
        let unlocked = unlocked.clone();
        self.read(move |db| Ok(secrets::open_all(db, &unlocked))).await?
    }
}

/// Notes a change in the audit log, where it counts together with the change or not at all.
fn tell(db: &Connection, now: u64, by: &str, subject: &str, detail: Value) -> Result<()> {
    let row = AuditRow { kind: "secret".into(), actor: by.into(), subject: subject.into(), verdict: "ok".into(), detail };
    Ok(audit::append(db, [(now, audit::text(&row)?.as_str())])?)
}

fn made(db: &Connection, kind: SlotKind, material: &Material, now: u64) -> Result<Unlocked> {
    let doing = "making the vault";
    let unlocked = Unlocked { id: random()?, number: 1, key: Key::new(random()?) };
    let entries = Entries::default().sealed(&unlocked)?;
    let sql = "INSERT INTO vault (one, id, key, changes, entries) VALUES (1, ?1, ?2, 1, ?3)";
    db.prepare_cached(sql).doing(doing)?.execute(params![unlocked.id, unlocked.number, entries]).doing(doing)?;
    slots::add(db, &unlocked, kind, material, now)?;
    Ok(unlocked)
}
