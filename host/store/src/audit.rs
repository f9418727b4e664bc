//! The audit log: a chain of hashes that only grows, with signed checkpoints.
//!
//! Each row carries a hash over itself and the one before, and the end of the chain is kept
//! apart, so that a row changed, taken out, put in or cut off the end shows. Triggers
//! refuse UPDATE and DELETE. Whoever can write the file can build a whole new chain. The
//! checkpoints, signed with a key that is not in the file, show that until the host signs
//! again; one that was kept elsewhere shows it for good, even of somebody with the key.

mod convert;
mod head;
mod page;
mod read;
mod set_aside;
mod verify;

pub(crate) use convert::convert;
pub(crate) use head::{append, seal};
pub use read::KeptRow;
pub use set_aside::Damage;
pub use verify::{AuditFault, AuditReport};

use crate::error::{Doing, Result};
use crate::store::Store;
use async_trait::async_trait;
use head::Head;
use rusqlite::params;
use skynet_core::StoreError;
use skynet_core::ports::{Audit, AuditRow};
use skynet_policy::audit::{Checkpoint, Proof};
use skynet_policy::signature::SecretKey;

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
        self.read(move |db| read::tail(db, limit)).await
    }
}

impl Store {
    async fn write_row(&self, text: String) -> Result<()> {
        let now = self.now();
        self.write(move |db| append(db, [(now, text.as_str())])).await
    }

    /// Signs checkpoints with this key from now on; without one there are none.
    pub fn with_audit_key(self, key: SecretKey) -> Self {
        self.key().set(key).ok();
        self
    }

    /// Walks the whole log. `anchors` are checkpoints of it that were kept elsewhere.
    pub async fn verify_audit(&self, anchors: Vec<Checkpoint>) -> std::result::Result<AuditReport, AuditFault> {
        // Nothing is written first: the log would be signed as it is, whoever made it.
        let key = self.key().get().map(SecretKey::public);
        self.read(move |db| Ok(verify::verify(db, key.as_ref(), &anchors))).await?
    }

    /// What is wrong with the log, if something is; `anchors` as for `verify_audit`.
    pub async fn audit_damage(&self, anchors: Vec<Checkpoint>) -> std::result::Result<Option<Damage>, AuditFault> {
        let key = self.key().get().map(SecretKey::public);
        self.read(move |db| Ok(set_aside::damage(db, key.as_ref(), &anchors))).await?
    }

    /// Writes what is damaged there, byte for byte. Gives the writer back, and the SHA-256 of
    /// what was written, hex.
    pub async fn export_damage<W>(&self, damage: &Damage, out: W) -> std::result::Result<(W, String), AuditFault>
    where
        W: std::io::Write + Send + 'static,
    {
        let (damage, key) = (damage.clone(), self.key().get().map(SecretKey::public).ok_or(AuditFault::NoKey)?);
        Ok(self.read(move |db| set_aside::export(db, &key, &damage, out)).await?)
    }

    /// Takes what is damaged out of the log, once it is in `file`, whose digest is `sha256`.
    /// The log goes on behind it with a signed row that says so, on the word of `by`; gives
    /// that row's number.
    ///
    /// `NoKey` and `Changed` say that nothing was done. So does `Store`, but for a commit that
    /// failed: keep the file then.
    pub async fn set_aside(&self, damage: &Damage, file: &str, sha256: &str, by: &str) -> std::result::Result<u64, AuditFault> {
        let (damage, file, sha256, by) = (damage.clone(), file.to_owned(), sha256.to_owned(), by.to_owned());
        let (store, told) = (self.clone(), set_aside::Move { damage, file, sha256, by, now: self.now() });
        // What fails after the first change must leave as the write's own error: else it would
        // be committed half done.
        let work = move |db: &rusqlite::Connection| match store.key().get() {
            Some(key) if set_aside::is_as_seen(db, key, &told)? => set_aside::set_aside(db, key, told).map(Ok),
            Some(_) => Ok(Err(AuditFault::Changed)),
            None => Ok(Err(AuditFault::NoKey)),
        };
        self.write(work).await?
    }

    /// The newest checkpoint, signed now if rows came since the last: to be kept where no
    /// thief of this file can write. `None` without a key, or without a row.
    pub async fn checkpoint(&self) -> std::result::Result<Option<String>, StoreError> {
        let (store, now) = (self.clone(), self.now());
        self.write(move |db| store.key().get().map_or(Ok(()), |key| seal(db, key, now, 1))).await?;
        self.read(read::newest_note).await
    }

    /// Whether somebody has signed the log already.
    pub async fn has_checkpoints(&self) -> std::result::Result<bool, StoreError> {
        Ok(self.read(read::newest_note).await?.is_some())
    }

    /// Rows after this number, oldest first.
    pub async fn audit_after(&self, number: u64, limit: usize) -> std::result::Result<Vec<KeptRow>, StoreError> {
        self.settle().await?;
        self.read(move |db| read::after(db, number, limit)).await
    }

    /// A row with all that shows it to be in the log.
    pub async fn prove_audit(&self, number: u64) -> std::result::Result<Proof, AuditFault> {
        let note = self.checkpoint().await?.ok_or(AuditFault::NoKey)?;
        let key = self.key().get().map(SecretKey::public).ok_or(AuditFault::NoKey)?;
        self.read(move |db| Ok(read::prove(db, number, &key, note))).await?
    }

    /// Notes that a host begins to run; `true` when the one before did not end properly.
    pub async fn begin_run(&self) -> std::result::Result<bool, StoreError> {
        self.set_running(true).await
    }

    /// Notes that the host ends as it should.
    pub async fn end_run(&self) -> std::result::Result<(), StoreError> {
        self.set_running(false).await.map(drop)
    }

    async fn set_running(&self, running: bool) -> Result<bool> {
        self.write(move |db| {
            let doing = "noting whether a host runs";
            let was = db.query_row("SELECT running FROM audit_head", [], |row| row.get(0)).doing(doing)?;
            db.execute("UPDATE audit_head SET running = ?1", params![running]).doing(doing)?;
            Ok(was)
        })
        .await
    }
}

/// What is stored of a row, and hashed.
pub(crate) fn text(row: &AuditRow) -> Result<String> {
    serde_json::to_string(row).map_err(|error| StoreError::Unavailable(format!("an audit row is not JSON: {error}")))
}
