//! What opens a slot, and the key that is made of it.
//!
//! A key file, a systemd credential and a keyring hold 32 random bytes or more; a hash
//! makes a key of them. A passphrase goes through Argon2id first, whose costs are kept
//! with the slot and belong to what is sealed. Refuses costs below the floor, which
//! only somebody who wants to guess would have written, and above what a machine has.

use super::seal::{Key, random};
use super::{Result, VaultFault};
use crate::limits::{ARGON_MEMORY_KIB, ARGON_MOST_KIB, ARGON_PASSES, MATERIAL_BYTES};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// A way to unlock the vault. There is at most one slot of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotKind {
    /// A file that only its owner reads.
    Keyfile,
    /// Words that a person types.
    Passphrase,
    /// A credential that systemd hands to the service.
    Systemd,
    /// The keyring of the system.
    Keyring,
}

impl SlotKind {
    /// All of them, in the order in which they are tried: what asks nobody comes first.
    pub const ALL: [Self; 4] = [Self::Keyfile, Self::Systemd, Self::Keyring, Self::Passphrase];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keyfile => "keyfile",
            Self::Passphrase => "passphrase",
            Self::Systemd => "systemd",
            Self::Keyring => "keyring",
        }
    }
}

impl fmt::Display for SlotKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SlotKind {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| format!("`{text}` is no kind of slot"))
    }
}

/// What opens a slot. Wiped when dropped.
pub struct Material(Zeroizing<Vec<u8>>);

impl Material {
    /// Takes bytes.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Fresh random bytes, for a key file, a credential or a keyring.
    pub fn random() -> Result<Self> {
        Ok(Self(Zeroizing::new(random::<32>()?.to_vec())))
    }

    /// The bytes, to be put where the slot will find them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Material(hidden)")
    }
}

/// A slot, without what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotRow {
    /// Which way.
    pub kind: SlotKind,
    /// Milliseconds since the Unix epoch.
    pub made_ms: u64,
}

/// What is kept beside a slot, as JSON, and is part of what its text belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    salt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    argon2id: Option<Costs>,
}

/// The costs of Argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Costs {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Parameters {
    /// For a new slot.
    pub(super) fn fresh(kind: SlotKind) -> Result<Self> {
        let costs = Costs { memory_kib: ARGON_MEMORY_KIB, passes: ARGON_PASSES, lanes: 1 };
        let salt: String = random::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { salt, argon2id: (kind == SlotKind::Passphrase).then_some(costs) })
    }

    /// The key that this material gives for a slot of this kind.
    pub(super) fn key(&self, kind: SlotKind, material: &Material) -> Result<Key> {
        let wrong = |why: String| VaultFault::Slot { kind, why };
        match (kind, self.argon2id) {
            (SlotKind::Passphrase, Some(costs)) => costs.key(self.salt.as_bytes(), material).map_err(wrong),
            (SlotKind::Passphrase, None) => Err(wrong("its costs were taken away; somebody changed the database. Use another slot".into())),
            _ if material.0.len() < MATERIAL_BYTES => Err(wrong(format!(
                "what opens it has {} bytes, fewer than {MATERIAL_BYTES}: it was cut off or is no key",
                material.0.len()
            ))),
            _ => {
                let mut hash = Sha256::new();
                for part in [b"skynet vault slot 1".as_slice(), kind.as_str().as_bytes(), self.salt.as_bytes(), material.0.as_slice()] {
                    hash.update((part.len() as u64).to_le_bytes());
                    hash.update(part);
                }
                Ok(Key::new(hash.finalize().into()))
            }
        }
    }
}

impl Costs {
    fn key(self, salt: &[u8], passphrase: &Material) -> std::result::Result<Key, String> {
        let weak = self.memory_kib < ARGON_MEMORY_KIB || self.passes < ARGON_PASSES || self.lanes == 0;
        if weak || self.memory_kib > ARGON_MOST_KIB || self.passes > 1000 || self.lanes > 64 {
            return Err(format!(
                "its costs are {} KiB, {} passes and {} lanes, which skynet never writes; somebody changed the database. Use another slot",
                self.memory_kib, self.passes, self.lanes
            ));
        }
        let said = |error: argon2::Error| format!("Argon2id: {error}");
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(said)?;
        let mut key = Key::default();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(&passphrase.0, salt, &mut key[..]).map_err(said)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(costs: Costs, accepted: bool) {
        let parameters = Parameters { salt: "00".repeat(16), argon2id: Some(costs) };
        let key = parameters.key(SlotKind::Passphrase, &Material::new(Zeroizing::new(b"words".to_vec())));
        assert_eq!(key.is_ok(), accepted, "{costs:?}: {:?}", key.err());
    }

    #[test]
    fn costs_below_the_floor_or_beyond_a_machine_are_refused() {
        let good = Costs { memory_kib: ARGON_MEMORY_KIB, passes: ARGON_PASSES, lanes: 1 };
        check(good, true);
        check(Costs { memory_kib: ARGON_MEMORY_KIB - 1, ..good }, false);
        check(Costs { passes: ARGON_PASSES - 1, ..good }, false);
        check(Costs { memory_kib: ARGON_MOST_KIB + 1, ..good }, false);
        check(Costs { lanes: 0, ..good }, false);
    }

    #[test]
    fn material_that_was_cut_off_is_refused_and_the_salt_counts() {
        let parameters = Parameters::fresh(SlotKind::Keyfile).unwrap();
        let short = Material::new(Zeroizing::new(vec![1; MATERIAL_BYTES - 1]));
        assert!(parameters.key(SlotKind::Keyfile, &short).is_err());
        let whole = Material::new(Zeroizing::new(vec![1; MATERIAL_BYTES]));
        let other = Parameters::fresh(SlotKind::Keyfile).unwrap();
        assert_ne!(parameters.key(SlotKind::Keyfile, &whole).unwrap(), other.key(SlotKind::Keyfile, &whole).unwrap());
    }
}
