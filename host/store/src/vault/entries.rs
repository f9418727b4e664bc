//! The sealed list of entries: which version of which secret was set last.
//!
//! A row of an older version opens under the same keys, so somebody who can write the
//! file could put one back. It is not the one that this list names, and is found out.
//! A whole older database is not found out here: it is whole in itself.

use super::seal::{seal, unseal};
use super::{Head, Result, Unlocked, VaultFault};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

const WHAT: &[u8] = b"skynet vault entries 1";

/// By name.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Entries(pub(super) BTreeMap<String, Entry>);

/// One secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) version: u64,
    digest: [u8; 32],
    /// Removed; the number stays, so that it is not given twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) gone: bool,
}

impl Entry {
    pub(super) fn of(version: u64, value: &[u8]) -> Self {
        Self { version, digest: Sha256::digest(value).into(), gone: false }
    }
}

impl Entries {
    pub(super) fn open(head: &Head, unlocked: &Unlocked) -> Result<Self> {
        let text = unseal(&unlocked.key, &[WHAT, &head.id, &head.key.to_le_bytes()], &head.entries).ok_or(VaultFault::Entries)?;
        serde_json::from_slice(&text).map_err(|_| VaultFault::Entries)
    }

    pub(super) fn sealed(&self, unlocked: &Unlocked) -> Result<Vec<u8>> {
        let text = serde_json::to_vec(self).map_err(|error| VaultFault::Sealing(error.to_string()))?;
        seal(&unlocked.key, &[WHAT, &unlocked.id, &unlocked.number.to_le_bytes()], &text)
    }
}
