//! The key-value space of each plugin.
//!
//! Owns the rows and the quota check, which looks at the space as it would be
//! after the write and undoes the write with it. Keys are compared as bytes.
//! Refuses nothing by content: names and sizes of single values are the plugin
//! host's rules.

use crate::error::{Doing, Result};
use rusqlite::{Connection, OptionalExtension as _, params};
use skynet_core::ports::KvQuota;
use skynet_core::{PluginId, StoreError};

/// One value.
pub(crate) fn get(db: &Connection, id: &PluginId, key: &str) -> Result<Option<Vec<u8>>> {
    let doing = format!("reading a value of {id}");
    let mut query = db.prepare_cached("SELECT value FROM kv WHERE plugin = ?1 AND key = ?2").doing(&doing)?;
    query.query_row([id.as_str(), key], |row| row.get(0)).optional().doing(&doing)
}

/// Sets one. On an error the caller's savepoint takes it back.
pub(crate) fn set(db: &Connection, id: &PluginId, key: &str, value: &[u8], quota: KvQuota) -> Result<()> {
    let doing = format!("setting a value of {id}");
    let sql = "INSERT INTO kv (plugin, key, value) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = ?3";
    db.prepare_cached(sql).doing(&doing)?.execute(params![id.as_str(), key, value]).doing(&doing)?;
    let mut query = db.prepare_cached("SELECT keys, bytes FROM kv_space WHERE plugin = ?1").doing(&doing)?;
    let (keys, bytes) = query.query_row([id.as_str()], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?))).doing(&doing)?;
    if keys > quota.keys || bytes > quota.bytes {
        return Err(StoreError::Quota(format!(
            "{id} would keep {keys} keys and {bytes} bytes; it may keep {} keys and {} bytes. It must delete some, or the owner raise the limit",
            quota.keys, quota.bytes
        )));
    }
    Ok(())
}

/// Removes one, if it is there.
pub(crate) fn delete(db: &Connection, id: &PluginId, key: &str) -> Result<()> {
    let doing = format!("deleting a value of {id}");
    db.prepare_cached("DELETE FROM kv WHERE plugin = ?1 AND key = ?2").doing(&doing)?.execute([id.as_str(), key]).doing(&doing)?;
    Ok(())
}

/// Sorted. Walks the index from the first candidate and stops at the first key
/// beyond the prefix, so no character of it can act as a pattern.
pub(crate) fn keys(db: &Connection, id: &PluginId, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
    let doing = format!("listing keys of {id}");
    let sql = "SELECT key FROM kv WHERE plugin = ?1 AND key >= ?2 AND (?3 IS NULL OR key > ?3) ORDER BY key LIMIT ?4";
    // The later of both is where the index is entered.
    let from = after.map_or(prefix, |after| after.max(prefix));
    let mut query = db.prepare_cached(sql).doing(&doing)?;
    let mut rows = query.query(params![id.as_str(), from, after, limit]).doing(&doing)?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next().doing(&doing)? {
        let key: String = row.get(0).doing(&doing)?;
        if !key.starts_with(prefix) {
            break;
        }
        keys.push(key);
    }
    Ok(keys)
}
