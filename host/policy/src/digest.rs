//! SHA-256 as hex, the one way this host names bytes.

use sha2::{Digest, Sha256};

/// SHA-256 in 64 lower-case hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Whether a text is what `sha256_hex` gives. One spelling only, so that equal
/// digests are equal texts.
pub fn is_sha256_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
