//! How long each role's word is good: set once, kept beside the registry.
//!
//! Not signed, and no client reads it: what counts is the date inside each document.

use super::unreadable;
use crate::disk::Folder;
use crate::error::RegistryError;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The file's name in the registry's folder.
pub(super) const FILE: &str = "registry.toml";
const BYTES: u64 = 16 * 1024;

/// Days from signing to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expiries {
    /// Its keys lie in drawers: a year.
    pub root: u32,
    /// Signed by a person at each publication.
    pub targets: u32,
    /// Signed by a machine.
    pub snapshot: u32,
    /// Signed by a timer, each day: for how long an attacker can hold clients back.
    pub timestamp: u32,
}

impl Default for Expiries {
    fn default() -> Self {
        Self { root: 365, targets: 90, snapshot: 30, timestamp: 7 }
    }
}

impl Expiries {
    pub(super) fn read(folder: &Folder) -> Result<Self, RegistryError> {
        let Some(bytes) = folder.read(FILE, BYTES)? else {
            return Ok(Self::default());
        };
        let text = String::from_utf8(bytes).map_err(|error| unreadable(FILE, error))?;
        toml::from_str(&text).map_err(|error| unreadable(FILE, error))
    }

    pub(super) fn write(&self, folder: &Folder) -> Result<(), RegistryError> {
        let text = toml::to_string(self).map_err(|error| unreadable(FILE, error))?;
        Ok(folder.write(FILE, text.as_bytes(), 0o644)?)
    }
}

/// So many days from now, in whole seconds: other clients read no fractions.
pub(super) fn ends(now: Timestamp, days: u32) -> Timestamp {
    let whole = Timestamp::from_second(now.as_second()).unwrap_or(now);
    whole.checked_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX)
}
