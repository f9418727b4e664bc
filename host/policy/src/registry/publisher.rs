//! Whose keys sign a namespace, and how they changed.
//!
//! A record is a chain of statements. Each is signed by enough of its own keys, which
//! shows that they exist, and by enough of those before it, which shows that their
//! owner wanted the change. So a client that knows an old key can follow to the newest
//! one; a registry that puts other keys in its place breaks the chain, and it shows.

use super::{DocumentError, REGISTRY_SCHEMA, bytes, read, refused};
use crate::agent::seal;
use crate::digest::sha256_hex;
use crate::limits::{KEY_STATEMENTS, PUBLISHER_BYTES, SIGNATURES};
use crate::naming::is_plain_line;
use crate::registry::target::is_namespace;
use crate::signature::{self, KeyId, PublicKey, SecretKey, Signature, SignatureError, Signatures, sign, signers_of};
use crate::trust::{Tier, TrustedKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What every signed statement starts with, so that no other signature passes for one.
const DOMAIN: &[u8] = b"skynet-publisher-v1\0";

/// `pub--<namespace>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublisherRecord {
    /// 1.
    pub schema: u32,
    /// Whose.
    pub namespace: String,
    /// How to reach them; one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// From the first to the one that counts.
    pub statements: Vec<SignedStatement>,
}

/// A statement in the exact text that was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedStatement {
    /// A `KeyStatement` as JSON.
    pub statement: String,
    /// By its own keys and by those before it.
    pub signatures: Vec<Signature>,
}

/// The keys from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyStatement {
    /// 1.
    pub schema: u32,
    /// Whose.
    pub namespace: String,
    /// 1, 2, 3 …
    pub serial: u64,
    /// SHA-256 of the statement before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<String>,
    /// How many of the keys have to sign a release.
    pub threshold: u32,
    /// `ed25519:<base64url>`.
    pub keys: Vec<String>,
    /// Old keys that no longer count, also for what they signed before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<KeyId>,
    /// RFC 3339.
    pub created: String,
}

/// A record whose every signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// Whose.
    pub namespace: String,
    /// From the first to the one that counts; at least one.
    stages: Vec<Stage>,
    withdrawn: BTreeSet<KeyId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stage {
    threshold: usize,
    keys: Vec<PublicKey>,
}

/// How the keys of now relate to those that somebody knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Continuity {
    /// They are among the keys that count now.
    Same,
    /// They signed for those that count now.
    Rotated,
    /// Nothing leads from them to these: an owner has to decide.
    Broken,
}

/// Why a release is not its publisher's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublisherError {
    /// The signatures.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Too few of the right keys.
    #[error(
        "the release is signed by {found} of the keys that count for {namespace}, and {threshold} are needed. \
         Do not use it; ask the publisher for one that is signed by the keys in the registry's record"
    )]
    TooFew {
        /// Whose.
        namespace: String,
        /// Good signatures.
        found: usize,
        /// Needed.
        threshold: usize,
    },
}

fn message(statement: &str) -> Vec<u8> {
    let length = u64::try_from(statement.len()).unwrap_or(u64::MAX);
    [DOMAIN, &length.to_be_bytes(), statement.as_bytes()].concat()
}

impl KeyStatement {
    /// The first statement of a namespace.
    pub fn first(namespace: &str, keys: &[PublicKey], threshold: u32, created: &str) -> Self {
        let keys = keys.iter().map(PublicKey::text).collect();
        Self {
            schema: REGISTRY_SCHEMA,
            namespace: namespace.into(),
            serial: 1,
            prev: None,
            threshold,
            keys,
            withdrawn: Vec::new(),
            created: created.into(),
        }
    }

    /// Signs it with each of the keys: its own, and enough of those before.
    pub fn signed(&self, keys: &[&SecretKey]) -> SignedStatement {
        let statement = String::from_utf8(bytes(self)).unwrap_or_default();
        let message = message(&statement);
        SignedStatement { signatures: keys.iter().map(|key| sign(key, &message)).collect(), statement }
    }

    fn public_keys(&self, what: &str) -> Result<Vec<PublicKey>, DocumentError> {
        let keys: Result<Vec<PublicKey>, _> = self.keys.iter().map(|key| PublicKey::parse(key)).collect();
        let keys = keys.map_err(|error| refused(what, error))?;
        let different: BTreeSet<KeyId> = keys.iter().map(PublicKey::key_id).collect();
        let enough = usize::try_from(self.threshold).is_ok_and(|threshold| (1..=keys.len()).contains(&threshold));
        if different.len() != keys.len() || keys.len() > SIGNATURES || !enough {
            return Err(refused(what, "a statement repeats a key, or asks for more signatures than it has keys, or for none"));
        }
        Ok(keys)
    }
}

impl PublisherRecord {
    /// A record with one statement.
    pub fn new(namespace: &str, contact: Option<&str>, first: SignedStatement) -> Self {
        Self { schema: REGISTRY_SCHEMA, namespace: namespace.into(), contact: contact.map(Into::into), statements: vec![first] }
    }

    /// Reads the document. Its statements are not verified yet.
    pub fn parse(document: &[u8]) -> Result<Self, DocumentError> {
        let what = "the publisher record";
        let record: Self = read(what, document, PUBLISHER_BYTES)?;
        if !is_namespace(&record.namespace) || record.contact.as_deref().is_some_and(|line| !is_plain_line(line, 200)) {
            return Err(refused(what, "namespace or contact is not plain"));
        }
        Ok(record)
    }

    /// The document's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes(self)
    }

    /// The statement that follows the last one, to be signed and pushed.
    pub fn next(&self, keys: &[PublicKey], threshold: u32, withdrawn: Vec<KeyId>, created: &str) -> KeyStatement {
        let prev = self.statements.last().map(|last| sha256_hex(last.statement.as_bytes()));
        let serial = u64::try_from(self.statements.len()).unwrap_or(u64::MAX).saturating_add(1);
        KeyStatement { serial, prev, withdrawn, ..KeyStatement::first(&self.namespace, keys, threshold, created) }
    }

    /// Follows the chain from its first statement to its last.
    pub fn verify(&self) -> Result<Publisher, DocumentError> {
        let what = format!("the publisher record of {}", self.namespace);
        if self.statements.is_empty() || self.statements.len() > KEY_STATEMENTS {
            return Err(refused(&what, format!("it has {} statements; 1 to {KEY_STATEMENTS} are read", self.statements.len())));
        }
        let mut found = Publisher { namespace: self.namespace.clone(), stages: Vec::new(), withdrawn: BTreeSet::new() };
        let (mut serial, mut prev) = (0, None);
        for signed in &self.statements {
            let statement: KeyStatement = read(&what, signed.statement.as_bytes(), PUBLISHER_BYTES)?;
            serial += 1;
            if statement.namespace != self.namespace || statement.serial != serial || statement.prev != prev {
                return Err(refused(&what, format!("statement {serial} does not follow the one before it")));
            }
            let stage =
                Stage { keys: statement.public_keys(&what)?, threshold: usize::try_from(statement.threshold).unwrap_or(usize::MAX) };
            let message = message(&signed.statement);
            for by in found.stages.last().into_iter().chain([&stage]) {
                let signers = signers_of(&message, &signed.signatures, &by.keys).map_err(|error| refused(&what, error))?;
                if signers.len() < by.threshold {
                    return Err(refused(
                        &what,
                        format!("statement {serial} is signed by {} of the keys that it needs {} of", signers.len(), by.threshold),
                    ));
                }
            }
            found.stages.push(stage);
            found.withdrawn.extend(statement.withdrawn);
            prev = Some(sha256_hex(signed.statement.as_bytes()));
        }
        Ok(found)
    }
}

impl Publisher {
    /// The keys that sign from now on, and how many of them have to.
    pub fn current(&self) -> (&[PublicKey], usize) {
        self.stages.last().map_or((&[], usize::MAX), |stage| (stage.keys.as_slice(), stage.threshold))
    }

    /// Old keys that no longer count for anything.
    pub fn withdrawn(&self) -> &BTreeSet<KeyId> {
        &self.withdrawn
    }

    /// Who signed a release, by the newest keys or by older ones that were not withdrawn.
    pub fn verify(&self, release_json: &[u8], signatures_json: &[u8]) -> Result<Vec<KeyId>, PublisherError> {
        self.verify_any(&signature::message(release_json), signatures_json)
    }

    /// The same for the description of an agent.
    pub fn verify_agent(&self, agent_json: &[u8], signatures_json: &[u8]) -> Result<Vec<KeyId>, PublisherError> {
        self.verify_any(&seal::message(agent_json), signatures_json)
    }

    fn verify_any(&self, message: &[u8], signatures_json: &[u8]) -> Result<Vec<KeyId>, PublisherError> {
        let mut best = PublisherError::TooFew { namespace: self.namespace.clone(), found: 0, threshold: self.current().1 };
        for stage in self.stages.iter().rev() {
            match self.verify_stage(stage, message, signatures_json) {
                Ok(signers) => return Ok(signers),
                Err(PublisherError::TooFew { found: 0, .. }) => {}
                Err(PublisherError::TooFew { namespace, found, threshold }) => {
                    best = PublisherError::TooFew { namespace, found, threshold }
                }
                Err(bad) => return Err(bad),
            }
        }
        Err(best)
    }

    /// Who signed a new release: only the keys that count now.
    pub fn verify_new(&self, release_json: &[u8], signatures_json: &[u8]) -> Result<Vec<KeyId>, PublisherError> {
        self.verify_newest(&signature::message(release_json), signatures_json)
    }

    /// The same for the description of an agent.
    pub fn verify_new_agent(&self, agent_json: &[u8], signatures_json: &[u8]) -> Result<Vec<KeyId>, PublisherError> {
        self.verify_newest(&seal::message(agent_json), signatures_json)
    }

    fn verify_newest(&self, message: &[u8], signatures_json: &[u8]) -> Result<Vec<KeyId>, PublisherError> {
        let none = Stage { threshold: usize::MAX, keys: Vec::new() };
        self.verify_stage(self.stages.last().unwrap_or(&none), message, signatures_json)
    }

    fn verify_stage(&self, stage: &Stage, message: &[u8], signatures_json: &[u8]) -> Result<Vec<KeyId>, PublisherError> {
        let envelope = Signatures::parse(signatures_json)?;
        let mut signers = signers_of(message, &envelope.signatures, &stage.keys)?;
        signers.retain(|keyid| !self.withdrawn.contains(keyid));
        if signers.len() < stage.threshold {
            let (namespace, threshold) = (self.namespace.clone(), stage.threshold);
            return Err(PublisherError::TooFew { namespace, found: signers.len(), threshold });
        }
        Ok(signers.into_iter().collect())
    }

    /// How these keys relate to those that somebody pinned.
    pub fn continuity(&self, pinned: &[KeyId]) -> Continuity {
        let holds = |stage: &Stage| !pinned.is_empty() && pinned.iter().all(|pin| stage.keys.iter().any(|key| key.key_id() == *pin));
        match self.stages.iter().rposition(holds) {
            Some(at) if at + 1 == self.stages.len() => Continuity::Same,
            Some(_) => Continuity::Rotated,
            None => Continuity::Broken,
        }
    }

    /// All keys that count for old and new releases, as entries of a trust store.
    pub fn trusted_keys(&self, registry: &str, added: &str) -> Vec<TrustedKey> {
        let mut seen = BTreeSet::new();
        let keys = self.stages.iter().rev().flat_map(|stage| &stage.keys);
        keys.filter(|key| !self.withdrawn.contains(&key.key_id()) && seen.insert(key.key_id()))
            .map(|key| {
                TrustedKey::new(key, &format!("{} ({registry})", self.namespace), vec![self.namespace.clone()], Tier::Registry, added)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
