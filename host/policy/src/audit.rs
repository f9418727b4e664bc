//! What makes an audit log hard to rewrite: each row is chained to the one before it,
//! the rows' hashes are the leaves of an RFC 6962 tree, and the tree's root is signed
//! from time to time.
//!
//! Owns the hash of a row, the tree, the signed checkpoint, the proof that one row is in
//! the log, and the signed word that a part was set aside. Pure: rows come from `skynet-store`, keys from their files. Proves nothing
//! against someone who holds the signing key, unless a checkpoint was kept elsewhere.

mod checkpoint;
mod proof;
mod set_aside;
mod tree;

pub use checkpoint::{Checkpoint, CheckpointError, origin};
pub use proof::{Proof, ProofError};
pub use set_aside::SetAside;
pub use tree::{Frontier, inclusion_path, root_of_path};

use sha2::{Digest as _, Sha256};

/// SHA-256.
pub type Hash = [u8; 32];

/// What stands in for the hash of the row before the first.
pub const BEFORE_FIRST: Hash = [0; 32];

/// The hash of a row, which chains it to the one before it. Each field goes in with its
/// length, so that no two rows share one preimage.
pub fn link(previous: &Hash, number: u64, at_ms: u64, row: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    for field in [b"skynet audit 1".as_slice(), previous, &number.to_le_bytes(), &at_ms.to_le_bytes(), row] {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
