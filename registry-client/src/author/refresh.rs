//! New dates on the lists, by a timer or by hand.
//!
//! The timestamp is signed anew each time, with its key alone. The snapshot and the
//! targets are signed anew when less than half of their time is left and their keys are
//! at hand; a timer that holds the timestamp key only does what it can and says so.

use super::change::{Change, next};
use super::keys::Keys;
use super::repository::Author;
use crate::error::RegistryError;
use jiff::{SignedDuration, Timestamp};

impl Author {
    /// Renews what is due. The answer is a line for each thing that was not renewed.
    pub async fn refresh(&mut self, keys: &Keys, now: Timestamp) -> Result<Vec<String>, RegistryError> {
        let mut warnings = Vec::new();
        if due(self.root.signed.expires, self.expiries.root.min(60), now) {
            warnings.push(format!("the root is good until {} only: renew it with `skynet registry rotate`", self.root.signed.expires));
        }
        if due(self.lists.targets.expires, self.expiries.targets, now) {
            match self.commit(Change::default(), keys, now).await {
                Ok(()) => return Ok(warnings),
                Err(error) => warnings.push(format!("the targets, good until {}, were not renewed: {error}", self.lists.targets.expires)),
            }
        }
        if due(self.lists.snapshot.expires, self.expiries.snapshot, now) {
            match self.renew_snapshot(keys, now).await {
                Ok(()) => return Ok(warnings),
                Err(error) => warnings.push(format!("the snapshot, good until {}, was not renewed: {error}", self.lists.snapshot.expires)),
            }
        }
        let mut lists = self.lists.clone();
        lists.timestamp.version = next(lists.timestamp.version)?;
        self.lists = self.signer(keys, now).timestamp(lists).await?.put(&self.folder)?;
        Ok(warnings)
    }

    async fn renew_snapshot(&mut self, keys: &Keys, now: Timestamp) -> Result<(), RegistryError> {
        let mut lists = self.lists.clone();
        lists.snapshot.version = next(lists.snapshot.version)?;
        lists.timestamp.version = next(lists.timestamp.version)?;
        let targets = lists.snapshot.meta.get("targets.json").cloned();
        let targets = targets.ok_or_else(|| super::unreadable("the snapshot", "it names no targets"))?;
        self.lists = self.signer(keys, now).snapshot(lists, targets).await?.put(&self.folder)?;
        Ok(())
    }
}

/// Whether less than half of so many days is left.
fn due(ends: Timestamp, days: u32, now: Timestamp) -> bool {
    ends.duration_since(now) < SignedDuration::from_hours(12 * i64::from(days))
}
