//! Whose signatures count on this machine, and for which plugins.
//!
//! The file is the owner's. One that cannot be read whole and without
//! contradiction is refused whole: half a trust store would forget revocations.

use crate::limits::TRUST_BYTES;
use crate::naming::plain_line;
use crate::signature::{KeyId, PublicKey};
use serde::{Deserialize, Serialize};
use skynet_core::PluginId;
use std::collections::BTreeSet;
use std::fmt;

/// All trusted keys, revoked ones included.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrustStore {
    /// In the order in which they came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<TrustedKey>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// Must be that of `public`.
    pub keyid: KeyId,
    /// `ed25519:<base64url>`.
    pub public: String,
    /// The owner's name for it.
    pub name: String,
    /// Namespaces whose plugins it may sign; `*` for all.
    pub namespaces: Vec<String>,
    /// Why it is trusted.
    pub tier: Tier,
    /// Why it no longer counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
    /// RFC 3339.
    pub added: String,
}

/// Where the trust in a key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// It came with the host.
    Builtin,
    /// The owner trusts it on this machine.
    Local,
    /// A registry vouches for it.
    Registry,
}

impl Tier {
    /// As receipts and lists write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::Local => "local",
            Self::Registry => "registry",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why the trust file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not the document it should be.
    #[error("the trust file cannot be read: {0}. Nothing is loaded until it is repaired or restored from a backup")]
    Unreadable(String),
    /// A key stands twice.
    #[error("the trust file holds key {0} twice, so that one entry could hide the other. Remove one")]
    Duplicate(KeyId),
    /// Id and public key are not of one key, or a field is wrong.
    #[error("the trust file's key {keyid} is inconsistent: {reason}. Remove the entry and trust the key again with `skynet key trust`")]
    Inconsistent {
        /// Which entry.
        keyid: KeyId,
        /// What is wrong.
        reason: String,
    },
    /// What cannot be trusted, asked for.
    #[error("key {keyid} cannot be trusted so: {reason}")]
    Unfit {
        /// Which key.
        keyid: KeyId,
        /// What is wrong.
        reason: String,
    },
    /// A key that was revoked.
    #[error(
        "key {keyid} was revoked ({reason}), and a revoked key does not come back. Make a new one with `skynet key new`, and trust that"
    )]
    Revoked {
        /// Which key.
        keyid: KeyId,
        /// Why.
        reason: String,
    },
    /// No such key.
    #[error("no key {0} is trusted here. `skynet key list` shows those that are")]
    Unknown(KeyId),
}

impl TrustedKey {
    /// An entry for this key, trusted from now on.
    pub fn new(public: &PublicKey, name: &str, namespaces: Vec<String>, tier: Tier, added: &str) -> Self {
        Self { keyid: public.key_id(), public: public.text(), name: name.into(), namespaces, tier, revoked: None, added: added.into() }
    }

    /// Whether its namespaces take in this plugin.
    pub fn may_sign(&self, id: &PluginId) -> bool {
        self.namespaces.iter().any(|namespace| namespace == "*" || namespace == id.namespace())
    }

    fn check(&self) -> Result<(), TrustError> {
        let inconsistent = |reason: String| Err(TrustError::Inconsistent { keyid: self.keyid.clone(), reason });
        match PublicKey::parse(&self.public) {
            Err(error) => return inconsistent(error.to_string()),
            Ok(public) if public.key_id() != self.keyid => return inconsistent(format!("its public key has the id {}", public.key_id())),
            Ok(_) => {}
        }
        if self.namespaces.is_empty() {
            return inconsistent("it has no namespaces".into());
        }
        let legal = |text: &str| text == "*" || PluginId::new(&format!("{text}/x")).is_ok_and(|id| id.namespace() == text);
        match self.namespaces.iter().find(|namespace| !legal(namespace)) {
            Some(bad) => inconsistent(format!("`{}` is not a namespace", plain_line(bad, 60))),
            None => Ok(()),
        }
    }
}

impl TrustStore {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        if text.len() > TRUST_BYTES {
            return Err(TrustError::Unreadable(format!("it has {} bytes; at most {TRUST_BYTES} are read", text.len())));
        }
        let store: Self = toml::from_str(text).map_err(|error| TrustError::Unreadable(error.to_string()))?;
        let mut seen = BTreeSet::new();
        for key in &store.keys {
            key.check()?;
            if !seen.insert(&key.keyid) {
                return Err(TrustError::Duplicate(key.keyid.clone()));
            }
        }
        Ok(store)
    }

    /// The file's text.
    pub fn to_toml(&self) -> Result<String, TrustError> {
        toml::to_string_pretty(self).map_err(|error| TrustError::Unreadable(error.to_string()))
    }

    /// The entry of this key.
    pub fn find(&self, keyid: &KeyId) -> Option<&TrustedKey> {
        self.keys.iter().find(|key| key.keyid == *keyid)
    }

    /// Adds a key; one that is there gains the namespaces. A revoked key stays revoked.
    pub fn trust(&mut self, new: TrustedKey) -> Result<(), TrustError> {
        new.check().map_err(|error| match error {
            // Nothing of it is in the file yet.
            TrustError::Inconsistent { keyid, reason } => TrustError::Unfit { keyid, reason },
            other => other,
        })?;
        let Some(known) = self.keys.iter_mut().find(|key| key.keyid == new.keyid) else {
            self.keys.push(new);
            return Ok(());
        };
        if known.public != new.public {
            return Err(TrustError::Inconsistent { keyid: new.keyid, reason: "another public key has the same id".into() });
        }
        if let Some(reason) = &known.revoked {
            return Err(TrustError::Revoked { keyid: new.keyid, reason: plain_line(reason, 100) });
        }
        known.namespaces.extend(new.namespaces);
        known.namespaces.sort();
        known.namespaces.dedup();
        Ok(())
    }

    /// Takes a namespace from all keys that a registry vouches for, but for those to `keep`.
    /// A key that serves no other namespace goes; one that was revoked stays, known to be bad.
    pub fn leave(&mut self, namespace: &str, keep: &[KeyId]) {
        let gone = |key: &TrustedKey| key.tier == Tier::Registry && key.revoked.is_none() && !keep.contains(&key.keyid);
        for key in self.keys.iter_mut().filter(|key| gone(key)) {
            key.namespaces.retain(|held| held != namespace);
        }
        self.keys.retain(|key| !key.namespaces.is_empty());
    }

    /// Withdraws a key for good. The entry stays, so that it is known to be bad.
    pub fn revoke(&mut self, keyid: &KeyId, reason: &str) -> Result<(), TrustError> {
        let key = self.keys.iter_mut().find(|key| key.keyid == *keyid).ok_or_else(|| TrustError::Unknown(keyid.clone()))?;
        key.revoked = Some(plain_line(reason, 200));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::SecretKey;

    fn key(seed: u8, namespace: &str) -> TrustedKey {
        TrustedKey::new(&SecretKey::from_seed(&[seed; 32]).public(), "me", vec![namespace.into()], Tier::Local, "2026-01-01T00:00:00Z")
    }

    #[test]
    fn the_file_is_read_back_as_it_was_written() {
        let mut store = TrustStore { keys: vec![key(1, "*"), key(2, "acme")] };
        store.revoke(&key(2, "acme").keyid, "lost").unwrap();
        assert_eq!(TrustStore::parse(&store.to_toml().unwrap()), Ok(store));
        assert_eq!(TrustStore::parse(""), Ok(TrustStore::default()));
    }

    #[test]
    fn a_contradictory_file_is_refused_whole() {
        let check = |keys: Vec<TrustedKey>, word: &str| {
            let error = TrustStore::parse(&TrustStore { keys }.to_toml().unwrap()).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        };
        check(vec![key(1, "*"), key(1, "acme")], "twice");
        check(vec![TrustedKey { public: key(2, "*").public, ..key(1, "*") }], "has the id");
        check(vec![TrustedKey { public: "ed25519:AAAA".into(), ..key(1, "*") }], "neither");
        check(vec![key(1, "acme/x")], "not a namespace");
        check(vec![key(1, "ac*")], "not a namespace");
        check(vec![TrustedKey { namespaces: vec![], ..key(1, "*") }], "no namespaces");
        let text = TrustStore { keys: vec![key(1, "*")] }.to_toml().unwrap();
        for broken in
            [text.replace("tier", "tire"), text.replace("local", "root"), text.replace("keyid = \"", "keyid = \"X"), "garbage".into()]
        {
            assert!(matches!(TrustStore::parse(&broken), Err(TrustError::Unreadable(_))), "{broken}");
        }
    }

    #[test]
    fn a_namespace_is_left_by_registry_keys_alone_and_by_those_not_kept() {
        let registry = |seed: u8, namespaces: &[&str]| TrustedKey {
            tier: Tier::Registry,
            namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
            ..key(seed, "x")
        };
        let mut store =
            TrustStore { keys: vec![key(1, "acme"), registry(2, &["acme"]), registry(3, &["acme", "bob"]), registry(4, &["acme"])] };
        store.keys.push(registry(5, &["acme"]));
        store.revoke(&registry(5, &[]).keyid, "stolen").unwrap();
        store.leave("acme", &[registry(4, &[]).keyid]);
        let left: Vec<(&KeyId, Vec<&str>)> =
            store.keys.iter().map(|key| (&key.keyid, key.namespaces.iter().map(String::as_str).collect())).collect();
        let ids: Vec<KeyId> = [1, 3, 4, 5].iter().map(|seed| key(*seed, "x").keyid).collect();
        assert_eq!(left, [(&ids[0], vec!["acme"]), (&ids[1], vec!["bob"]), (&ids[2], vec!["acme"]), (&ids[3], vec!["acme"])]);
        assert_eq!(TrustStore::parse(&store.to_toml().unwrap()), Ok(store));
    }

    #[test]
    fn trust_grows_by_namespace_and_revocation_is_for_good() {
        let mut store = TrustStore::default();
        store.trust(key(1, "acme")).unwrap();
        store.trust(key(1, "bob")).unwrap();
        assert_eq!(store.keys.len(), 1);
        assert_eq!(store.keys[0].namespaces, ["acme", "bob"]);
        store.revoke(&key(1, "acme").keyid, "stolen").unwrap();
        assert!(store.trust(key(1, "acme")).is_err());
        assert!(matches!(store.revoke(&key(9, "x").keyid, "?"), Err(TrustError::Unknown(_))));
    }
}
