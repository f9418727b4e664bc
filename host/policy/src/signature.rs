//! Keys, and the signature over the exact bytes of `release.json`.
//!
//! The signed message starts with a domain and a length, so that a signature made
//! for anything else can never pass here. Verification is the strict kind, which
//! refuses small-order keys and second spellings of a signature. Each way to fail
//! is its own error, because each has another remedy.

use crate::digest::sha256_hex;
use crate::limits::{SIGNATURES, SIGNATURES_JSON_BYTES};
use crate::naming::plain_line;
use crate::trust::{Tier, TrustStore, TrustedKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use skynet_core::PluginId;
use std::collections::BTreeSet;
use std::fmt;
use zeroize::Zeroizing;

/// What every signed message starts with.
const DOMAIN: &[u8] = b"skynet-release-v1\0";

/// What the text form of a public key starts with.
pub const TEXT_PREFIX: &str = "ed25519:";

/// A publisher's signing key. Wiped from memory when dropped.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// A new key from the system's randomness.
    pub fn generate() -> Result<Self, SignatureError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|error| SignatureError::NoRandomness(error.to_string()))?;
        Ok(Self::from_seed(&seed))
    }

    /// The key of this seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, to be stored where only its owner reads.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The other half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs bytes as they are. The caller's format must keep them apart from every other
    /// kind of signed message, as `DOMAIN` does for releases and the origin line for notes.
    pub(crate) fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public().key_id())
    }
}

/// A publisher's public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Checks that the bytes are a point of full order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SignatureError> {
        match VerifyingKey::from_bytes(bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(key)),
            _ => Err(SignatureError::BadKey("the bytes are not a usable ed25519 public key".into())),
        }
    }

    /// From the text form, or from 64 hex digits.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let bytes = match text.strip_prefix(TEXT_PREFIX) {
            Some(base64) => URL_SAFE_NO_PAD.decode(base64).ok(),
            None => hex::decode(text).ok(),
        };
        let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.ok_or_else(|| {
            SignatureError::BadKey(format!("`{}` is neither ed25519:<base64url> nor 64 hex digits", plain_line(text, 80)))
        })?;
        Self::from_bytes(&bytes)
    }

    /// Whether `signature` is this key's over these bytes, by the strict rules.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let signature = ed25519_dalek::Signature::from_slice(signature);
        signature.is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }

    /// The 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// 64 hex digits.
    pub fn hex(&self) -> String {
        hex::encode(self.to_bytes())
    }

    /// `ed25519:<base64url>`.
    pub fn text(&self) -> String {
        format!("{TEXT_PREFIX}{}", URL_SAFE_NO_PAD.encode(self.to_bytes()))
    }

    /// Its short name.
    pub fn key_id(&self) -> KeyId {
        KeyId(sha256_hex(&self.to_bytes()).chars().take(KeyId::DIGITS).collect())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.text())
    }
}

/// The first 16 hex digits of the SHA-256 of a public key. Names a key; proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

impl KeyId {
    const DIGITS: usize = 16;

    /// Checks the form.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let legal = text.len() == Self::DIGITS && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if legal {
            Ok(Self(text.into()))
        } else {
            Err(SignatureError::BadKey(format!("`{}` is not a key id of 16 hex digits", plain_line(text, 40))))
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for KeyId {
    type Error = SignatureError;

    fn try_from(text: String) -> Result<Self, SignatureError> {
        Self::parse(&text)
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `signatures.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signatures {
    /// 1.
    pub schema: u32,
    /// One for each key.
    pub signatures: Vec<Signature>,
}

/// One key's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Whose.
    pub keyid: KeyId,
    /// 128 hex digits.
    pub sig: String,
}

impl Signatures {
    /// Of a release that nobody has signed yet.
    pub fn none() -> Self {
        Self { schema: 1, signatures: Vec::new() }
    }

    /// Reads the document. Refuses repeated keys and key ids, and more than a few.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        let refused = |reason: String| SignatureError::Envelope(plain_line(&reason, 300));
        if bytes.len() > SIGNATURES_JSON_BYTES {
            return Err(refused(format!("it has {} bytes; at most {SIGNATURES_JSON_BYTES} are read", bytes.len())));
        }
        crate::unique_keys::check(bytes).map_err(refused)?;
        let envelope: Self = serde_json::from_slice(bytes).map_err(|error| refused(error.to_string()))?;
        if envelope.schema != 1 {
            return Err(refused(format!("it has schema {}; this host reads schema 1", envelope.schema)));
        }
        if envelope.signatures.len() > SIGNATURES {
            return Err(refused(format!("it has {} signatures; at most {SIGNATURES} are checked", envelope.signatures.len())));
        }
        let keys: BTreeSet<&KeyId> = envelope.signatures.iter().map(|signature| &signature.keyid).collect();
        if keys.len() != envelope.signatures.len() {
            return Err(refused("a key has signed twice".into()));
        }
        Ok(envelope)
    }

    /// The document's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Only a map with keys that are not text can fail here, and there is none.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Adds another key's signature over the same bytes, in place of an older one.
    pub fn merge(&mut self, other: Self) {
        self.signatures.retain(|own| other.signatures.iter().all(|new| new.keyid != own.keyid));
        self.signatures.extend(other.signatures);
    }
}

/// A signature that was checked, by a key that is trusted for the plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Whose.
    pub keyid: KeyId,
    /// Why it is trusted.
    pub tier: Tier,
}

/// Why a release's signatures do not suffice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Nobody signed.
    #[error("the release carries no signature. Sign it with `skynet plugin sign`")]
    NoSignature,
    /// `signatures.json` is not what it should be.
    #[error("signatures.json is refused: {0}. Sign the release again with `skynet plugin sign`")]
    Envelope(String),
    /// Nobody trusted signed.
    #[error(
        "the release is signed by key {keyid}, which this machine does not trust. Get the publisher's public key from the publisher, \
         see that its id is {keyid}, and run `skynet key trust <public key> --namespace <the first part of the plugin's id>`"
    )]
    UnknownKey {
        /// Whose signature it would be.
        keyid: KeyId,
    },
    /// The owner withdrew the key.
    #[error("the release is signed by key {keyid}, which was revoked: {reason}. Get a release signed by the publisher's new key")]
    RevokedKey {
        /// Whose signature it is.
        keyid: KeyId,
        /// Why it was revoked.
        reason: String,
    },
    /// A good signature by the wrong publisher.
    #[error(
        "key {keyid} is trusted for {allowed}, not for the namespace of {id}. If it may sign there, \
         run `skynet key trust {public} --namespace {namespace}`"
    )]
    WrongNamespace {
        /// Whose signature it is.
        keyid: KeyId,
        /// Its text form.
        public: String,
        /// Where it may sign.
        allowed: String,
        /// The plugin.
        id: PluginId,
        /// The plugin's namespace.
        namespace: String,
    },
    /// The bytes are not what the key signed.
    #[error(
        "the signature of key {keyid} does not fit release.json: the file was changed after signing, or damaged. Do not use it; get it again from its publisher"
    )]
    BadSignature {
        /// Whose signature it claims to be.
        keyid: KeyId,
    },
    /// The trust store contradicts itself.
    #[error("the trusted key {keyid} is unusable: {reason}. Remove it and trust the key again with `skynet key trust`")]
    BadTrust {
        /// Which entry.
        keyid: KeyId,
        /// What is wrong.
        reason: String,
    },
    /// Not a key.
    #[error("{0}. Check that it was copied whole")]
    BadKey(String),
    /// The system gave no random bytes.
    #[error("no key could be made, because the system gave no randomness: {0}. Try again when it has started fully")]
    NoRandomness(String),
}

pub(crate) fn message(release_json: &[u8]) -> Vec<u8> {
    let length = u64::try_from(release_json.len()).unwrap_or(u64::MAX);
    [DOMAIN, &length.to_be_bytes(), release_json].concat()
}

/// One key's signature over the exact bytes of `release.json`.
pub fn sign_release(key: &SecretKey, release_json: &[u8]) -> Signatures {
    Signatures { schema: 1, signatures: vec![sign(key, &message(release_json))] }
}

/// One key's signature over a message that carries its own domain.
pub(crate) fn sign(key: &SecretKey, message: &[u8]) -> Signature {
    Signature { keyid: key.public().key_id(), sig: hex::encode(key.0.sign(message).to_bytes()) }
}

/// Which of `keys` signed the exact bytes of `release.json`. A bad signature of one of
/// them condemns the whole: somebody changed it. Signatures of other keys do not count.
pub fn signed_by(release_json: &[u8], envelope: &Signatures, keys: &[PublicKey]) -> Result<BTreeSet<KeyId>, SignatureError> {
    signers_of(&message(release_json), &envelope.signatures, keys)
}

/// The same for a message that carries its own domain.
pub(crate) fn signers_of(message: &[u8], signatures: &[Signature], keys: &[PublicKey]) -> Result<BTreeSet<KeyId>, SignatureError> {
    let mut found = BTreeSet::new();
    for signature in signatures {
        if let Some(public) = keys.iter().find(|key| key.key_id() == signature.keyid) {
            check_bytes(public, signature, message)?;
            found.insert(signature.keyid.clone());
        }
    }
    Ok(found)
}

/// The trusted signers of a release of `id`; at least one. A bad signature of a
/// trusted key condemns the file even if another one is good: somebody changed it.
pub fn verify_release(
    release_json: &[u8],
    signatures_json: &[u8],
    trust: &TrustStore,
    id: &PluginId,
) -> Result<Vec<Verified>, SignatureError> {
    let signers = check_signatures(release_json, signatures_json, trust)?;
    signers_for(&signers, id)
}

/// The trusted, unrevoked keys that signed these bytes, for whatever plugin. At least one.
pub(crate) fn check_signatures<'t>(
    release_json: &[u8],
    signatures_json: &[u8],
    trust: &'t TrustStore,
) -> Result<Vec<&'t TrustedKey>, SignatureError> {
    check_message(&message(release_json), signatures_json, trust)
}

/// The same for a message that carries its own domain.
pub(crate) fn check_message<'t>(
    message: &[u8],
    signatures_json: &[u8],
    trust: &'t TrustStore,
) -> Result<Vec<&'t TrustedKey>, SignatureError> {
    let envelope = Signatures::parse(signatures_json)?;
    let mut signers = Vec::new();
    let (mut revoked, mut unknown) = (None, None);
    for signature in &envelope.signatures {
        let Some(key) = trust.find(&signature.keyid) else {
            unknown.get_or_insert_with(|| SignatureError::UnknownKey { keyid: signature.keyid.clone() });
            continue;
        };
        check_one(key, signature, message)?;
        match &key.revoked {
            Some(reason) => {
                let reason = plain_line(reason, 200);
                revoked.get_or_insert_with(|| SignatureError::RevokedKey { keyid: signature.keyid.clone(), reason });
            }
            None => signers.push(key),
        }
    }
    if signers.is_empty() { Err(revoked.or(unknown).unwrap_or(SignatureError::NoSignature)) } else { Ok(signers) }
}

/// Those of the signers that may sign for this plugin; at least one.
pub(crate) fn signers_for(signers: &[&TrustedKey], id: &PluginId) -> Result<Vec<Verified>, SignatureError> {
    let allowed: Vec<Verified> =
        signers.iter().filter(|key| key.may_sign(id)).map(|key| Verified { keyid: key.keyid.clone(), tier: key.tier }).collect();
    match signers.first() {
        None => Err(SignatureError::NoSignature),
        Some(key) if allowed.is_empty() => Err(SignatureError::WrongNamespace {
            keyid: key.keyid.clone(),
            public: key.public.clone(),
            allowed: key.namespaces.join(", "),
            id: id.clone(),
            namespace: id.namespace().into(),
        }),
        Some(_) => Ok(allowed),
    }
}

fn check_one(key: &TrustedKey, signature: &Signature, message: &[u8]) -> Result<(), SignatureError> {
    let unusable = |reason: String| SignatureError::BadTrust { keyid: key.keyid.clone(), reason };
    let public = PublicKey::parse(&key.public).map_err(|error| unusable(error.to_string()))?;
    if public.key_id() != key.keyid {
        return Err(unusable("its id is not that of its public key".into()));
    }
    check_bytes(&public, signature, message)
}

fn check_bytes(public: &PublicKey, signature: &Signature, message: &[u8]) -> Result<(), SignatureError> {
    let bad = || SignatureError::BadSignature { keyid: signature.keyid.clone() };
    // One spelling: a file that can be written in two ways has two digests.
    if signature.sig.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(bad());
    }
    let bytes: [u8; 64] = hex::decode(&signature.sig).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(bad)?;
    public.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&bytes)).map_err(|_| bad())
}

#[cfg(test)]
mod tests;
