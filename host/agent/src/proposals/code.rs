//! The code that approves one proposal once: made, shown, compared as a hash.
//!
//! It is bound to the proposal's id and to the digest of what would be installed, so it is
//! of no use for anything else. Eight letters of thirty-two are 40 bits: with the tries
//! that a proposal has, nobody guesses it.

use sha2::{Digest as _, Sha256};
use skynet_core::proposals::CodeHash;
use uuid::Uuid;

/// No letters or digits that look or sound alike.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Letters of a code.
const LENGTH: usize = 8;

/// What every hash starts with, so that it is the hash of nothing else.
const DOMAIN: &[u8] = b"skynet-approval-v1\0";

/// A new one, such as `KQ7M-2XRP`.
pub(super) fn new() -> String {
    // Its first six bytes are random throughout; two of them make up for the fixed bits.
    let (one, two) = (Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes());
    let random = one.iter().take(6).chain(two.iter().take(6));
    let letters = random.take(LENGTH).map(|byte| LETTERS.get(usize::from(byte % 32)).map_or('A', |letter| char::from(*letter)));
    let mut code = String::with_capacity(LENGTH + 1);
    for (at, letter) in letters.enumerate() {
        if at == LENGTH / 2 {
            code.push('-');
        }
        code.push(letter);
    }
    code
}

/// Its hash, however it was typed: case, spaces and dashes do not count.
pub(super) fn hash(id: &str, digest: &str, code: &str) -> CodeHash {
    let letters: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect();
    let mut hasher = Sha256::new();
    hasher.update(DOMAIN);
    for part in [id, digest, &letters] {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        hasher.update(length.to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_code_is_eight_plain_letters_and_no_two_are_alike() {
        let codes: BTreeSet<String> = (0..500).map(|_| new()).collect();
        assert_eq!(codes.len(), 500);
        for code in codes {
            assert_eq!((code.len(), code.as_bytes().get(4)), (9, Some(&b'-')));
            assert!(code.bytes().all(|byte| byte == b'-' || LETTERS.contains(&byte)), "{code}");
        }
    }

    #[test]
    fn a_code_is_the_same_however_it_is_typed_and_bound_to_id_and_digest() {
        let shown = hash("p1", "d1", "KQ7M-2XRP");
        assert_eq!(shown, hash("p1", "d1", " kq7m 2xrp "));
        for (id, digest, code) in
            [("p2", "d1", "KQ7M-2XRP"), ("p1", "d2", "KQ7M-2XRP"), ("p1", "d1", "KQ7M-2XRQ"), ("p1d", "1", "KQ7M-2XRP")]
        {
            assert_ne!(shown, hash(id, digest, code));
        }
    }
}
