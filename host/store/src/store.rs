//! The handle that the host holds.
//!
//! Owns the queues to the writing and reading threads, and the clock. Cloning it is
//! cheap; the file is closed when the last clone is gone and the queues are empty.
//! Nothing here blocks an async runtime except `open`, which a start does once.

use crate::error::{Doing, Result};
use crate::limits::{READERS, WIPE_TRIES};
use crate::open::{fold, open_reader, open_writer};
use crate::reader::Readers;
use crate::writer::Writer;
use rusqlite::Connection;
use skynet_core::StoreError;
use skynet_core::ports::Clock;
use skynet_policy::signature::SecretKey;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// What the log says of a deletion that left traces for now.
const STAYS: &str = "what was deleted stays in skynet.db-wal until the next deletion or the end of this host";

/// The database of one host.
#[derive(Clone)]
pub struct Store {
    writer: Writer,
    readers: Readers,
    clock: Arc<dyn Clock>,
    path: Arc<Path>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the file, making it if it is absent, and brings it to this version's
    /// format. Its folder must exist and be private to this user. Blocks.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> std::result::Result<Self, StoreError> {
        let db = open_writer(path)?;
        let readers = (0..READERS).map(|_| open_reader(path)).collect::<Result<_>>()?;
        Ok(Self { writer: Writer::start(db, Arc::clone(&clock))?, readers: Readers::start(readers)?, clock, path: path.into() })
    }

    /// Reads the whole file and says what is damaged. Slow on a large one: for
    /// `doctor` and after a restore, not for each start.
    pub async fn check(&self) -> std::result::Result<(), StoreError> {
        let path = Arc::clone(&self.path);
        // On a connection of its own: one that has searched keeps a picture of the index of
        // words, which SQLite would compare with what another connection has written since.
        let check = move || whole(&open_reader(&path)?);
        let done = tokio::task::spawn_blocking(check).await;
        done.unwrap_or_else(|error| Err(StoreError::Unavailable(format!("the file was not checked ({error})"))))
    }

    /// The key that signs checkpoints of the audit log, once it is known.
    pub(crate) fn key(&self) -> &OnceLock<SecretKey> {
        self.writer.key()
    }

    /// Moves what waits in the write-ahead log into the file itself, so that a copy of the
    /// file alone is whole. For the end of a run; what cannot be moved now is moved later.
    pub async fn fold(&self) -> std::result::Result<(), StoreError> {
        self.folded().await.map(drop)
    }

    async fn folded(&self) -> Result<bool> {
        let path = Arc::clone(&self.path);
        let fold = move || fold(&path);
        let done = tokio::task::spawn_blocking(fold).await;
        done.unwrap_or_else(|error| Err(StoreError::Unavailable(format!("the write-ahead log was not folded in ({error})"))))
    }

    /// Takes what was just deleted or replaced out of the write-ahead log, too: the file's own pages were overwritten,
    /// but the log keeps each page as it was. What is in the way of it is no error of the deletion, which is done.
    pub(crate) async fn wipe_log(&self) {
        for _ in 0..WIPE_TRIES {
            match self.folded().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => return tracing::warn!(%error, "{STAYS}"),
            }
        }
        tracing::warn!("somebody reads the database: {STAYS}");
    }

    /// Milliseconds since the Unix epoch, by the host's clock.
    pub(crate) fn now(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Runs `work` on the writing thread; answers when the disk has it.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.writer.write(work).await
    }

    /// Takes an audit row; `false` when it must be written now instead.
    pub(crate) fn offer(&self, row: &str) -> bool {
        self.writer.offer(row, self.now())
    }

    /// Runs `work` on a reading thread.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.readers.read(work).await
    }
}

fn whole(db: &Connection) -> Result<()> {
    let doing = "checking the whole file";
    let found: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).doing(doing)?;
    if found != "ok" {
        return Err(StoreError::Corrupt(found));
    }
    let orphans: i64 = db.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).doing(doing)?;
    match orphans {
        0 => Ok(()),
        _ => Err(StoreError::Corrupt(format!("{orphans} rows belong to something that is not there"))),
    }
}
