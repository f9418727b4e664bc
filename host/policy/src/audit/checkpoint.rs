//! The signed word "so many rows, with this root", as a C2SP tlog-checkpoint inside a
//! C2SP signed note: three lines, an empty one, and a signature line for each key.
//!
//! Any tool that knows the format can check one. Refuses notes of another log, of another
//! key, with a second spelling of a number, or with lines that are not understood.

use super::Hash;
use crate::naming::plain_line;
use crate::signature::{PublicKey, SecretKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// Longest note that is read, bytes: three lines and sixteen signatures fit well.
const NOTE_BYTES: usize = 4096;

/// The note format's number for Ed25519.
const ED25519: u8 = 1;

/// A state of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many rows.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

/// Why a note is no checkpoint of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not such a note.
    #[error("it is not a checkpoint ({0}); give the text as `skynet audit checkpoint` printed it")]
    Form(String),
    /// Of another log.
    #[error("it is of the log `{0}`; this log is `{1}`")]
    Origin(String, String),
    /// Not signed by the log's key.
    #[error("no signature on it is by this log's key {0}. Either the key was replaced or the text was changed")]
    Signature(String),
}

/// The name of the log that this key signs, and of the key in notes.
pub fn origin(key: &PublicKey) -> String {
    format!("skynet/audit/{}", key.key_id())
}

fn key_hash(name: &str, key: &PublicKey) -> [u8; 4] {
    let hash = Sha256::new_with_prefix(name).chain_update([b'\n', ED25519]).chain_update(key.to_bytes()).finalize();
    hash.first_chunk().copied().unwrap_or_default()
}

impl Checkpoint {
    fn body(&self, origin: &str) -> String {
        format!("{origin}\n{}\n{}\n", self.size, STANDARD.encode(self.root))
    }

    /// The note, signed.
    pub fn sign(&self, key: &SecretKey) -> String {
        let public = key.public();
        let name = origin(&public);
        let body = self.body(&name);
        let mut signature = key_hash(&name, &public).to_vec();
        signature.extend(key.sign_bytes(body.as_bytes()));
        format!("{body}\n\u{2014} {name} {}\n", STANDARD.encode(signature))
    }

    /// Reads a note and checks that this key signed it.
    pub fn verify(note: &str, key: &PublicKey) -> Result<Self, CheckpointError> {
        let form = |why: &str| CheckpointError::Form(why.into());
        if note.len() > NOTE_BYTES {
            return Err(form("it is too long"));
        }
        let note = note.trim_matches(['\n', ' ']);
        let (body, signatures) = note.split_once("\n\n").ok_or_else(|| form("it has no signatures"))?;
        let mut lines = body.split('\n');
        let (Some(name), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next()) else {
            return Err(form("it has not three lines"));
        };
        let ours = origin(key);
        if name != ours {
            return Err(CheckpointError::Origin(plain_line(name, 120), ours));
        }
        let size: u64 = size.parse().ok().filter(|number: &u64| number.to_string() == size).ok_or_else(|| form("its size is no number"))?;
        let decoded = STANDARD.decode(root).ok().and_then(|bytes| Hash::try_from(bytes).ok());
        let checkpoint = Self { size, root: decoded.ok_or_else(|| form("its root is no hash"))? };
        let signed = checkpoint.body(&ours);
        let start = format!("\u{2014} {ours} ");
        let good = signatures.split('\n').filter_map(|line| line.strip_prefix(&start)).any(|encoded| {
            let Ok(bytes) = STANDARD.decode(encoded) else { return false };
            let Some((hash, signature)) = bytes.split_first_chunk::<4>() else { return false };
            *hash == key_hash(&ours, key) && key.has_signed(signed.as_bytes(), signature)
        });
        if good { Ok(checkpoint) } else { Err(CheckpointError::Signature(key.key_id().to_string())) }
    }

    /// All notes in a text that holds several, one after the other, as an anchor file does.
    /// Anything else in it, a note of another log too, is a fault: somebody began anew.
    pub fn verify_all(text: &str, key: &PublicKey) -> Result<Vec<Self>, CheckpointError> {
        let blocks: Vec<&str> = text.split("\n\n").map(|block| block.trim_matches('\n')).filter(|block| !block.is_empty()).collect();
        let (notes, rest) = blocks.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(CheckpointError::Form("its last note is not whole".into()));
        }
        notes.iter().map(|[body, signatures]| Self::verify(&format!("{body}\n\n{signatures}\n"), key)).collect()
    }
}
