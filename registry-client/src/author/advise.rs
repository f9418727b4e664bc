//! Words about releases and keys: yanked, vulnerable, revoked, or taken back.

use super::change::Change;
use super::keys::Keys;
use super::repository::Author;
use crate::error::RegistryError;
use jiff::Timestamp;
use skynet_policy::registry::advisories::{Advisories, Advisory};
use skynet_policy::registry::target::Target;

impl Author {
    /// Adds an advisory; one of the same id is replaced.
    pub async fn advise(&mut self, new: Advisory, keys: &Keys, now: Timestamp) -> Result<(), RegistryError> {
        if let Some(fault) = new.fault() {
            return Err(RegistryError::refused(format!("the advisory `{}`", new.id), fault, "Correct it"));
        }
        let mut all = self.advisories()?;
        all.advisories.retain(|old| old.id != new.id);
        all.advisories.push(new);
        self.put_advisories(all, keys, now).await
    }

    /// Takes one back that was wrong.
    pub async fn withdraw_advisory(&mut self, id: &str, keys: &Keys, now: Timestamp) -> Result<(), RegistryError> {
        let mut all = self.advisories()?;
        let before = all.advisories.len();
        all.advisories.retain(|old| old.id != id);
        if all.advisories.len() == before {
            return Err(RegistryError::missing(format!("an advisory `{id}`"), "See `skynet registry advisories`"));
        }
        self.put_advisories(all, keys, now).await
    }

    async fn put_advisories(&mut self, mut all: Advisories, keys: &Keys, now: Timestamp) -> Result<(), RegistryError> {
        all.serial = all.serial.saturating_add(1);
        let bytes = all.to_bytes();
        Advisories::parse(&bytes)?;
        let mut change = Change::default();
        change.document(&Target::Advisories, bytes);
        self.commit(change, keys, now).await
    }
}
