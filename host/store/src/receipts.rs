//! Receipts of admitted plugins, which of them serve, and the owner's switch.
//!
//! A receipt is never deleted, so a generation always says which code it was.
//! Refuses to give one generation to two components. The highest version of a
//! plugin has its own column: it outlives every receipt that may go some day.

use crate::error::{Doing, Result};
use crate::json::Json;
use crate::sessions::count_up;
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};
use semver::Version;
use skynet_core::plugin::Receipt;
use skynet_core::{Generation, PluginId, StoreError};

/// One for each plugin that serves, by id.
pub(crate) fn serving(db: &Connection) -> Result<Vec<Receipt>> {
    list(db, "SELECT r.receipt FROM plugins p JOIN receipts r ON r.generation = p.serving ORDER BY p.id", params![])
}

/// All of one plugin, newest first.
pub(crate) fn of_plugin(db: &Connection, id: &PluginId) -> Result<Vec<Receipt>> {
    list(db, "SELECT receipt FROM receipts WHERE plugin = ?1 ORDER BY generation DESC", params![id.as_str()])
}

/// The oldest of one plugin.
pub(crate) fn first(db: &Connection, id: &PluginId) -> Result<Option<Receipt>> {
    Ok(list(db, "SELECT receipt FROM receipts WHERE plugin = ?1 ORDER BY generation LIMIT 1", params![id.as_str()])?.pop())
}

/// Counts up; a number once given is gone.
pub(crate) fn next_generation(db: &Connection) -> Result<Generation> {
    count_up(db, "generation").map(Generation)
}

/// Stores it and lets it serve.
pub(crate) fn publish(db: &Connection, receipt: &Receipt) -> Result<()> {
    let (id, generation) = (&receipt.plugin.id, receipt.plugin.generation.0);
    check_owner(db, receipt)?;
    let highest = match highest_version(db, id)? {
        Some(known) if known >= receipt.plugin.version => known,
        _ => receipt.plugin.version.clone(),
    };
    run(db, "INSERT INTO plugins (id) VALUES (?1) ON CONFLICT DO NOTHING", params![id.as_str()])?;
    let sql = "INSERT INTO receipts (generation, plugin, receipt) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET receipt = ?3";
    run(db, sql, params![generation, id.as_str(), Json(receipt)])?;
    let sql = "UPDATE plugins SET serving = ?2, highest_version = ?3 WHERE id = ?1";
    run(db, sql, params![id.as_str(), generation, highest.to_string()])?;
    // A number that came from elsewhere counts as given too.
    run(db, "UPDATE counters SET value = max(value, ?1) WHERE name = 'generation'", params![generation])
}

/// The receipt stays.
pub(crate) fn withdraw(db: &Connection, id: &PluginId) -> Result<()> {
    run(db, "UPDATE plugins SET serving = NULL WHERE id = ?1", params![id.as_str()])
}

/// Also for a plugin that was never published: off before it comes.
pub(crate) fn set_enabled(db: &Connection, id: &PluginId, enabled: bool) -> Result<()> {
    let sql = "INSERT INTO plugins (id, enabled) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET enabled = ?2";
    run(db, sql, params![id.as_str(), enabled])
}

/// Switched off, by id.
pub(crate) fn disabled(db: &Connection) -> Result<Vec<PluginId>> {
    let doing = "listing plugins that are switched off";
    let mut query = db.prepare_cached("SELECT id FROM plugins WHERE NOT enabled ORDER BY id").doing(doing)?;
    query.query_map([], read_id).doing(doing)?.collect::<rusqlite::Result<_>>().doing(doing)
}

/// Of all that was ever published.
pub(crate) fn highest_version(db: &Connection, id: &PluginId) -> Result<Option<Version>> {
    let doing = format!("reading the highest version of {id}");
    let mut query = db.prepare_cached("SELECT highest_version FROM plugins WHERE id = ?1").doing(&doing)?;
    let text = query.query_row([id.as_str()], |row| row.get::<_, Option<String>>(0)).optional().doing(&doing)?.flatten();
    let parse =
        |text: String| text.parse().map_err(|error| StoreError::Corrupt(format!("`{text}` as the highest version of {id}: {error}")));
    text.map(parse).transpose()
}

/// Only down, and only where something was published.
pub(crate) fn lower(db: &Connection, id: &PluginId, to: &Version) -> Result<()> {
    match highest_version(db, id)? {
        Some(highest) if highest > *to => {
            run(db, "UPDATE plugins SET highest_version = ?2 WHERE id = ?1", params![id.as_str(), to.to_string()])
        }
        _ => Ok(()),
    }
}

/// The same generation may be published again after a rollback, but only as what it was.
fn check_owner(db: &Connection, new: &Receipt) -> Result<()> {
    let known = list(db, "SELECT receipt FROM receipts WHERE generation = ?1", params![new.plugin.generation.0])?;
    match known.first() {
        Some(known) if known.plugin != new.plugin || known.component != new.component || known.release != new.release => {
            Err(StoreError::Corrupt(format!("the generation of {} for other code, which is to be {}", known.plugin, new.plugin)))
        }
        _ => Ok(()),
    }
}

fn list(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<Receipt>> {
    let doing = "reading receipts";
    let mut query = db.prepare_cached(sql).doing(doing)?;
    let rows = query.query_map(values, |row| Ok(row.get::<_, Json<Receipt>>(0)?.0)).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}

fn read_id(row: &Row<'_>) -> rusqlite::Result<PluginId> {
    let text: String = row.get(0)?;
    PluginId::new(&text).map_err(|error| FromSqlError::other(error).into())
}

fn run(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<()> {
    let doing = "writing a plugin's state";
    db.prepare_cached(sql).doing(doing)?.execute(values).doing(doing)?;
    Ok(())
}
