//! Releases that were put away, each with the reason.
//!
//! Kept by digest, so that the same file is not admitted again while another
//! release of the same version may be. A second reason replaces the first.

use crate::error::{Doing, Result};
use rusqlite::{Connection, params};
use skynet_core::PluginId;

/// Puts one away.
pub(crate) fn hold(db: &Connection, id: &PluginId, release: &str, why: &str) -> Result<()> {
    let doing = format!("putting a release of {id} away");
    let sql = "INSERT INTO held (plugin, release, why) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET why = ?3";
    db.prepare_cached(sql).doing(&doing)?.execute([id.as_str(), release, why]).doing(&doing)?;
    Ok(())
}

/// All of one plugin: (digest, reason), by digest.
pub(crate) fn of_plugin(db: &Connection, id: &PluginId) -> Result<Vec<(String, String)>> {
    let doing = format!("reading what was put away of {id}");
    let mut query = db.prepare_cached("SELECT release, why FROM held WHERE plugin = ?1 ORDER BY release").doing(&doing)?;
    let rows = query.query_map([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).doing(&doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(&doing)
}

/// Forgets one of a plugin, or all.
pub(crate) fn unhold(db: &Connection, id: &PluginId, release: Option<&str>) -> Result<()> {
    let doing = format!("forgetting what was put away of {id}");
    let sql = "DELETE FROM held WHERE plugin = ?1 AND (?2 IS NULL OR release = ?2)";
    db.prepare_cached(sql).doing(&doing)?.execute(params![id.as_str(), release]).doing(&doing)?;
    Ok(())
}
