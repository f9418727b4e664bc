//! One row with everything that shows that it is in the log: to be handed to somebody
//! who sees nothing else of the log, and checked without it.

use super::{Checkpoint, CheckpointError, Hash, link, root_of_path};
use crate::signature::{PublicKey, SignatureError};
use serde::{Deserialize, Serialize};

/// A row and its way to a signed root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// 1.
    pub schema: u32,
    /// The row's number, from 1.
    pub number: u64,
    /// When it was made: milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The row itself, byte for byte.
    pub row: String,
    /// Hash of the row before it, hex.
    pub previous: String,
    /// From its leaf up to the root, hex.
    pub path: Vec<String>,
    /// A checkpoint of the log, at least as large as `number`.
    pub checkpoint: String,
    /// Public key of the log.
    pub key: String,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not understood.
    #[error("it is no proof that this version reads ({0})")]
    Form(String),
    /// Its key is not the one that was expected.
    #[error("it is signed by {found}; the log's key is {expected}")]
    Key {
        /// In the proof.
        found: String,
        /// Of the log.
        expected: String,
    },
    /// Its checkpoint is not good.
    #[error("its checkpoint is refused: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The path leads elsewhere.
    #[error("row {0} is not in the log that the checkpoint speaks of: the row, its number, its time or the path was changed")]
    NotIncluded(u64),
}

impl From<SignatureError> for ProofError {
    fn from(error: SignatureError) -> Self {
        Self::Form(error.to_string())
    }
}

fn hash(text: &str) -> Result<Hash, ProofError> {
    let mut hash = Hash::default();
    hex::decode_to_slice(text, &mut hash).map_err(|_| ProofError::Form("a hash is not 64 hex digits".into()))?;
    Ok(hash)
}

impl Proof {
    /// Reads a proof from JSON.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let proof: Self = serde_json::from_str(text).map_err(|error| ProofError::Form(error.to_string()))?;
        if proof.schema == 1 { Ok(proof) } else { Err(ProofError::Form(format!("schema {}", proof.schema))) }
    }

    /// Checks it. `expected` is the log's key when it is known by another way; without, the
    /// proof shows only that the holder of the key in it says so.
    pub fn check(&self, expected: Option<&PublicKey>) -> Result<Checkpoint, ProofError> {
        let key = PublicKey::parse(&self.key)?;
        if let Some(expected) = expected.filter(|expected| **expected != key) {
            return Err(ProofError::Key { found: key.text(), expected: expected.text() });
        }
        let checkpoint = Checkpoint::verify(&self.checkpoint, &key)?;
        let path = self.path.iter().map(|text| hash(text)).collect::<Result<Vec<Hash>, _>>()?;
        let row = link(&hash(&self.previous)?, self.number, self.at_ms, self.row.as_bytes());
        let index = self.number.checked_sub(1).ok_or(ProofError::NotIncluded(0))?;
        match root_of_path(&row, index, checkpoint.size, &path) {
            Some(root) if root == checkpoint.root => Ok(checkpoint),
            _ => Err(ProofError::NotIncluded(self.number)),
        }
    }
}
