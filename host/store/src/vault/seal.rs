//! Sealing: XChaCha20-Poly1305 under a key, with what the text belongs to.
//!
//! Owns the one way in which associated data become bytes: each part goes in with its
//! length, so that no two lists of parts give the same bytes. The nonce is random and
//! stands before the text. Refuses nothing and explains nothing: what does not open is
//! `None`, and the caller knows what it was.

use super::VaultFault;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// 256 bits, wiped when dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// Bytes of a nonce: so many that random ones never meet.
const NONCE: usize = 24;

/// Bytes that sealing adds: the nonce and the tag.
pub(super) const OVERHEAD: usize = NONCE + 16;

/// Bytes from the system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], VaultFault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| VaultFault::Sealing(format!("no random numbers: {error}")))?;
    Ok(bytes)
}

/// Nonce and sealed text.
pub(super) fn seal(key: &Key, belongs_to: &[&[u8]], text: &[u8]) -> Result<Vec<u8>, VaultFault> {
    let refused = |_| VaultFault::Sealing("the cipher refused".into());
    let nonce: [u8; NONCE] = random()?;
    let cipher = XChaCha20Poly1305::new_from_slice(&key[..]).map_err(|_| VaultFault::Sealing("a key of the wrong length".into()))?;
    let aad = joined(belongs_to);
    let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: text, aad: &aad }).map_err(refused)?;
    Ok([&nonce[..], &sealed].concat())
}

/// The text, if it was sealed under this key and for this very thing.
pub(super) fn unseal(key: &Key, belongs_to: &[&[u8]], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE>()?;
    let cipher = XChaCha20Poly1305::new_from_slice(&key[..]).ok()?;
    let aad = joined(belongs_to);
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: text, aad: &aad }).ok().map(Zeroizing::new)
}

/// The same, when the text is a key.
pub(super) fn unseal_key(key: &Key, belongs_to: &[&[u8]], sealed: &[u8]) -> Option<Key> {
    let text = unseal(key, belongs_to, sealed)?;
    let mut found = Key::default();
    if text.len() != found.len() {
        return None;
    }
    found.copy_from_slice(&text);
    Some(found)
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_opens_for_what_it_belongs_to_and_for_nothing_else() {
        let (key, other) = (Key::new([1; 32]), Key::new([2; 32]));
        let sealed = seal(&key, &[b"ab", b"c"], b"text").unwrap();
        assert_eq!(sealed.len(), 4 + OVERHEAD);
        assert_eq!(unseal(&key, &[b"ab", b"c"], &sealed).unwrap().as_slice(), b"text");
        assert!(unseal(&key, &[b"a", b"bc"], &sealed).is_none(), "lengths count");
        assert!(unseal(&key, &[b"ab"], &sealed).is_none());
        assert!(unseal(&other, &[b"ab", b"c"], &sealed).is_none());
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(unseal(&key, &[b"ab", b"c"], &bent).is_none(), "byte {at}");
        }
        assert!(unseal(&key, &[b"ab", b"c"], b"short").is_none());
    }

    #[test]
    fn the_same_text_is_never_sealed_alike() {
        let key = Key::new([1; 32]);
        assert_ne!(seal(&key, &[], b"text").unwrap(), seal(&key, &[], b"text").unwrap());
    }
}
