//! Grants: what an owner allowed a plugin, and until when.
//!
//! At most one per plugin is in force. One that was revoked, replaced or has
//! expired is never given out as one that holds; its row stays to show what was once
//! allowed, so that nobody allows it again unseen.

use crate::error::{Doing, Result};
use crate::json::Json;
use rusqlite::{Connection, ToSql, params};
use skynet_core::ports::StoredGrant;
use skynet_core::{PluginId, StoreError};

/// The one in force.
pub(crate) fn of_plugin(db: &Connection, id: &PluginId, now: u64) -> Result<Option<StoredGrant>> {
    let sql = "SELECT grant_json FROM grants WHERE ended_ms IS NULL AND (expires_ms IS NULL OR expires_ms > ?1) AND plugin = ?2";
    Ok(list(db, sql, params![now, id.as_str()])?.pop())
}

/// All in force, by plugin.
pub(crate) fn in_force(db: &Connection, now: u64) -> Result<Vec<StoredGrant>> {
    let sql = "SELECT grant_json FROM grants WHERE ended_ms IS NULL AND (expires_ms IS NULL OR expires_ms > ?1) ORDER BY plugin";
    list(db, sql, params![now])
}

/// The last one, where none is in force.
pub(crate) fn ended(db: &Connection, id: &PluginId, now: u64) -> Result<Option<StoredGrant>> {
    if of_plugin(db, id, now)?.is_some() {
        return Ok(None);
    }
    Ok(list(db, "SELECT grant_json FROM grants WHERE plugin = ?1 ORDER BY number DESC LIMIT 1", params![id.as_str()])?.pop())
}

/// Refuses unless this is the one in force, or none is.
pub(crate) fn still(db: &Connection, id: &PluginId, seen: Option<&StoredGrant>, now: u64) -> Result<()> {
    if of_plugin(db, id, now)?.as_ref() == seen { Ok(()) } else { Err(StoreError::Changed(format!("the grant of {id}"))) }
}

/// Ends the former one and stores this one.
pub(crate) fn put(db: &Connection, grant: &StoredGrant, now: u64) -> Result<()> {
    end(db, &grant.plugin, now)?;
    let doing = format!("storing a grant for {}", grant.plugin);
    let sql = "INSERT INTO grants (plugin, grant_json, expires_ms) VALUES (?1, ?2, ?3)";
    db.prepare_cached(sql).doing(&doing)?.execute(params![grant.plugin.as_str(), Json(grant), grant.expires_ms]).doing(&doing)?;
    Ok(())
}

/// Ends the one in force, if there is one.
pub(crate) fn end(db: &Connection, id: &PluginId, now: u64) -> Result<()> {
    let doing = format!("ending the grant of {id}");
    let sql = "UPDATE grants SET ended_ms = ?2 WHERE plugin = ?1 AND ended_ms IS NULL";
    db.prepare_cached(sql).doing(&doing)?.execute(params![id.as_str(), now]).doing(&doing)?;
    Ok(())
}

fn list(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<StoredGrant>> {
    let doing = "reading grants";
    let mut query = db.prepare_cached(sql).doing(doing)?;
    let rows = query.query_map(values, |row| Ok(row.get::<_, Json<StoredGrant>>(0)?.0)).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}
