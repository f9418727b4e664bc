//! The word of a log's owner that a damaged part of it was set aside: which rows, why, and
//! where they are now.
//!
//! It stands in a row of the log, the first after the gap, and is signed by the log's key
//! together with the hash of the last good row. So whoever can write the file, but has no
//! key, can neither explain a hole of their own making nor move this one.

use super::Hash;
use crate::signature::{PublicKey, SecretKey};
use serde::{Deserialize, Serialize};

/// A part of the log that is no longer in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAside {
    /// Its first row.
    pub from: u64,
    /// Its last; one less than `from` when no row was damaged, but a checkpoint or the end.
    pub to: u64,
    /// What was wrong.
    pub why: String,
    /// The file beside the database that holds it now.
    pub file: String,
    /// SHA-256 of that file, hex.
    pub sha256: String,
    /// Hex, over all of this.
    pub signature: String,
}

impl SetAside {
    /// The kind of the row that says this.
    pub const KIND: &'static str = "audit.set-aside";

    /// Signs it, `previous` being the hash of the last row before it.
    pub fn sign(mut self, previous: &Hash, key: &SecretKey) -> Self {
        self.signature = hex::encode(key.sign_bytes(&self.message(previous)));
        self
    }

    /// Whether this key signed it for this place.
    pub fn is_signed(&self, previous: &Hash, key: &PublicKey) -> bool {
        hex::decode(&self.signature).is_ok_and(|signature| key.has_signed(&self.message(previous), &signature))
    }

    fn message(&self, previous: &Hash) -> Vec<u8> {
        let (from, to) = (self.from.to_le_bytes(), self.to.to_le_bytes());
        let words = [self.why.as_bytes(), self.file.as_bytes(), self.sha256.as_bytes()];
        let fields = [b"skynet audit set-aside 1".as_slice(), previous, &from, &to].into_iter().chain(words);
        // Each with its length, so that no two parts share one message.
        fields.flat_map(|field| (field.len() as u64).to_le_bytes().into_iter().chain(field.iter().copied())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> SetAside {
        let (why, file, sha256) = ("row 4 was changed".into(), "a.jsonl".into(), "00".into());
        SetAside { from: 4, to: 9, why, file, sha256, signature: String::new() }
    }

    #[test]
    fn what_was_set_aside_is_signed_for_its_place_and_with_every_word() {
        let key = SecretKey::from_seed(&[7; 32]);
        let signed = part().sign(&[3; 32], &key);
        assert!(signed.is_signed(&[3; 32], &key.public()));
        assert!(!signed.is_signed(&[4; 32], &key.public()), "another place");
        assert!(!signed.is_signed(&[3; 32], &SecretKey::from_seed(&[8; 32]).public()), "another key");
        let changes: [fn(&mut SetAside); 6] = [
            |part| part.from = 3,
            |part| part.to = 10,
            |part| part.why.push('!'),
            |part| (part.why, part.file) = ("row 4 was changeda".into(), ".jsonl".into()),
            |part| part.sha256 = "01".into(),
            |part| part.signature = "zz".into(),
        ];
        for change in changes {
            let mut changed = signed.clone();
            change(&mut changed);
            assert!(!changed.is_signed(&[3; 32], &key.public()), "{changed:?}");
        }
    }
}
