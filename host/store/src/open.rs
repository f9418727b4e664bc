//! Opens the file and its connections, with the same settings for each.
//!
//! `synchronous=FULL`: with `NORMAL` a WAL commit survives kill -9 but not a power
//! cut, as nothing is flushed before the next checkpoint. A message, a grant or an
//! audit row that was acknowledged must survive both. A lone commit then costs about
//! ten times as much; group commit brings it back to about twice.
//! Refuses a folder or file that other users can reach, and any stand-in for them.

use crate::error::{Doing, Result};
use crate::limits::{BUSY_TIMEOUT, STATEMENTS};
use crate::migrate::migrate;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use skynet_core::StoreError;
use std::fs::{self, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// The WAL shrinks to this after a checkpoint: one huge message must not keep the disk.
const WAL_KEEPS_BYTES: i64 = 64 * 1024 * 1024;

/// The writer's connection; the file is made, checked and migrated.
pub(crate) fn open_writer(path: &Path) -> Result<Connection> {
    check_folder(path)?;
    check_file(path)?;
    let mut db = connect(path)?;
    enter_wal(&db)?;
    migrate(&mut db)?;
    Ok(db)
}

/// A connection that cannot write. The file must have been opened by a writer.
pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    let db = connect(path)?;
    db.pragma_update(None, "query_only", true).doing("opening a reading connection")?;
    Ok(db)
}

/// Moves the write-ahead log into the file and leaves it empty; `false` when somebody was in the way.
pub(crate) fn fold(path: &Path) -> Result<bool> {
    let doing = "folding the write-ahead log in";
    let db = connect(path)?;
    let busy: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).doing(doing)?;
    Ok(busy == 0)
}

fn connect(path: &Path) -> Result<Connection> {
    let doing = format!("opening {}", path.display());
    // Without CREATE: the file was made above with its mode, never by SQLite with the umask's.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).doing(&doing)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.busy_timeout(BUSY_TIMEOUT).doing(&doing)?;
    // A tampered schema must not run functions with side effects or edit itself.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).doing(&doing)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false).doing(&doing)?;
    db.pragma_update(None, "foreign_keys", true).doing(&doing)?;
    db.pragma_update(None, "synchronous", "FULL").doing(&doing)?;
    // On macOS a plain fsync stops at the drive's cache.
    db.pragma_update(None, "fullfsync", true).doing(&doing)?;
    // What a person deletes is overwritten, not only forgotten.
    db.pragma_update(None, "secure_delete", true).doing(&doing)?;
    db.pragma_update(None, "journal_size_limit", WAL_KEEPS_BYTES).doing(&doing)?;
    // A large sort would go to a file in /tmp, which is outside the host's wall.
    db.pragma_update(None, "temp_store", "MEMORY").doing(&doing)?;
    Ok(db)
}

/// SQLite does not wait for a lock here as it does elsewhere, so two first starts
/// at once would fail one of them.
fn enter_wal(db: &Connection) -> Result<()> {
    let begun = Instant::now();
    loop {
        let mode = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                let text = format!("its file system allows only the journal mode `{mode}`; put the folder on a local disk");
                return Err(StoreError::Unavailable(text));
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && begun.elapsed() < BUSY_TIMEOUT => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error).doing("switching it to write-ahead logging"),
        }
    }
}

fn check_folder(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let shown = folder.display();
    let found = fs::metadata(folder).map_err(|error| {
        StoreError::Unavailable(format!(
            "its folder {shown} cannot be read ({error}). `skynet init` makes it; a path that is a file must move"
        ))
    })?;
    if !found.is_dir() {
        return Err(StoreError::Unavailable(format!("{shown} is not a folder. Move it away or name another folder")));
    }
    check_private(&found, &format!("the folder {shown}"), &format!("chmod 700 {shown}"))?;
    if mode(&found) & 0o300 != 0o300 {
        return Err(StoreError::Unavailable(format!("the folder {shown} is read-only. Run: chmod 700 {shown}")));
    }
    Ok(())
}

fn check_file(path: &Path) -> Result<()> {
    let shown = path.display();
    let unusable = |error: std::io::Error| StoreError::Unavailable(format!("{shown} cannot be made or read ({error})"));
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(unusable(error)),
    }
    let found = fs::symlink_metadata(path).map_err(unusable)?;
    if !found.is_file() {
        return Err(StoreError::Unavailable(format!("{shown} is not a plain file. Move it away, or put the database itself there")));
    }
    check_private(&found, &format!("{shown}"), &format!("chmod 600 {shown}"))
}

fn check_private(found: &Metadata, what: &str, remedy: &str) -> Result<()> {
    let me = rustix::process::geteuid().as_raw();
    if found.uid() != me {
        let owner = found.uid();
        return Err(StoreError::Unavailable(format!(
            "{what} belongs to user {owner}, but this is user {me}. Run skynet as its owner, or give it away with chown"
        )));
    }
    if mode(found) & 0o077 != 0 {
        let mode = mode(found);
        return Err(StoreError::Unavailable(format!("{what} is open to other users (mode {mode:o}). Run: {remedy}")));
    }
    Ok(())
}

fn mode(found: &Metadata) -> u32 {
    found.permissions().mode() & 0o777
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_has_the_settings_that_durability_rests_on() {
        let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().unwrap();
        let path = folder.path().join("a.db");
        for db in [open_writer(&path).unwrap(), open_reader(&path).unwrap()] {
            let check = |pragma: &str, expected: &str| {
                let found: rusqlite::types::Value = db.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
                assert!(format!("{found:?}").contains(expected), "{pragma}: {found:?}");
            };
            check("journal_mode", "wal");
            check("synchronous", "(2)");
            check("foreign_keys", "(1)");
            check("busy_timeout", "(5000)");
            check("secure_delete", "(1)");
            check("temp_store", "(2)");
        }
        let reader = open_reader(&path).unwrap();
        assert!(reader.execute_batch("UPDATE counters SET value = 0").is_err());
    }
}
