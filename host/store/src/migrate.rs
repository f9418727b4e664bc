//! Brings the file to the format that this version knows.
//!
//! `migrations/NNN.sql` are applied in order, each in a transaction of its own with
//! its `user_version`: a crash leaves one whole format. Refuses files of other
//! programs, and formats newer than the newest known, which an old program could
//! only damage.

use crate::audit;
use crate::error::{Doing, Result};
use rusqlite::{Connection, TransactionBehavior};
use skynet_core::StoreError;

/// How to get from one format to the next.
enum Step {
    Sql(&'static str),
    /// What SQL alone cannot do.
    Code(fn(&Connection) -> Result<()>),
}

/// All formats, oldest first. Released ones never change.
const MIGRATIONS: &[Step] = &[
    Step::Sql(include_str!("../migrations/001.sql")),
    Step::Sql(include_str!("../migrations/002.sql")),
    Step::Sql(include_str!("../migrations/003.sql")),
    Step::Code(audit::convert),
    Step::Sql(include_str!("../migrations/005.sql")),
    Step::Sql(include_str!("../migrations/006.sql")),
    Step::Sql(include_str!("../migrations/007.sql")),
    Step::Sql(include_str!("../migrations/008.sql")),
    Step::Sql(include_str!("../migrations/009.sql")),
];

/// `SkyN`, in the header: tells our file from any other SQLite file.
const APPLICATION_ID: i64 = 0x536b_794e;

/// Applies what is missing.
pub(crate) fn migrate(db: &mut Connection) -> Result<()> {
    while next_step(db)? {}
    Ok(())
}

fn next_step(db: &mut Connection) -> Result<bool> {
    let doing = "bringing the database to this version's format";
    // In one state of the file, and again before writing: another start may migrate meanwhile.
    let state = db.unchecked_transaction().doing(doing)?;
    if known_format(&state)? == MIGRATIONS.len() {
        return Ok(false);
    }
    state.finish().doing(doing)?;
    let step = db.transaction_with_behavior(TransactionBehavior::Immediate).doing(doing)?;
    let format = known_format(&step)?;
    match MIGRATIONS.get(format) {
        Some(Step::Sql(sql)) => step.execute_batch(sql).doing(doing)?,
        Some(Step::Code(code)) => code(&step)?,
        None => return Ok(false),
    }
    step.pragma_update(None, "application_id", APPLICATION_ID).doing(doing)?;
    step.pragma_update(None, "user_version", format + 1).doing(doing)?;
    step.commit().doing(doing)?;
    Ok(true)
}

fn known_format(db: &Connection) -> Result<usize> {
    let doing = "reading the database's format";
    let pragma = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).doing(doing);
    let (format, application) = (pragma("user_version")?, pragma("application_id")?);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).doing(doing)?;
    if application != APPLICATION_ID && (tables, format) != (0, 0) {
        return Err(StoreError::Corrupt("it is the database of another program, or of none".into()));
    }
    match usize::try_from(format) {
        Ok(format) if format <= MIGRATIONS.len() => Ok(format),
        _ => Err(StoreError::Unavailable(format!(
            "it has format {format}, this skynet knows formats up to {}. Run the newer skynet that wrote it, or restore the backup made before the upgrade",
            MIGRATIONS.len()
        ))),
    }
}
