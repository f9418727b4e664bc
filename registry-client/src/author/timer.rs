//! The timestamp, signed anew by a clock, with its key alone.
//!
//! For a server that runs without a person. A failure is told and tried again soon: the
//! old timestamp is good for some days, and a publication may hold the registry just now.

use super::keys::Keys;
use super::repository::Author;
use crate::error::RegistryError;
use crate::limits::REFRESH_AGAIN;
use jiff::Timestamp;
use std::path::Path;
use std::time::Duration;

/// What became of one renewal.
#[derive(Debug)]
pub enum Tick {
    /// Done, and good until then. Lines for the keeper: what this key could not renew.
    Renewed {
        /// The timestamp's new date.
        until: Timestamp,
        /// What a person has to renew.
        warnings: Vec<String>,
    },
    /// Not done; it is tried again.
    Failed(RegistryError),
}

/// Renews at once and then each `every`, until it is dropped.
pub async fn keep_fresh(folder: &Path, keys: &Keys, every: Duration, now: impl Fn() -> Timestamp, told: impl Fn(Tick)) {
    loop {
        let tick = renew(folder, keys, now()).await;
        let wait = if matches!(tick, Tick::Failed(_)) { REFRESH_AGAIN.min(every) } else { every };
        told(tick);
        tokio::time::sleep(wait).await;
    }
}

/// Opens the registry for the moment of the change, so that people can publish in between.
async fn renew(folder: &Path, keys: &Keys, now: Timestamp) -> Tick {
    let renewed = async {
        let mut author = Author::open(folder)?;
        let warnings = author.refresh(keys, now).await?;
        Ok(Tick::Renewed { until: author.timestamp_until(), warnings })
    };
    renewed.await.unwrap_or_else(Tick::Failed)
}
