//! Yanked, vulnerable, revoked: what a registry says about releases and keys later on.
//!
//! A pure judgement, so that the host can make it at each load from the last verified
//! copy, without a network. A document that cannot be read whole is refused whole:
//! half of it would forget revocations.

use super::{DocumentError, REGISTRY_SCHEMA, bytes, read, refused};
use crate::digest::is_sha256_hex;
use crate::limits::{ADVISORIES as MOST, ADVISORIES_BYTES};
use crate::naming::is_plain_line;
use crate::release::is_timestamp;
use crate::signature::KeyId;
use serde::{Deserialize, Serialize};
use skynet_core::PluginId;
use std::collections::BTreeSet;
use std::fmt;

/// All that a registry has said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisories {
    /// 1.
    pub schema: u32,
    /// Grows with each change. A copy with a smaller one is older.
    pub serial: u64,
    /// In the order in which they came.
    pub advisories: Vec<Advisory>,
}

/// One of them, about one release or one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisory {
    /// The registry's name for it, such as `2026-004`.
    pub id: String,
    /// How grave.
    pub kind: AdvisoryKind,
    /// The plugin that people know, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginId>,
    /// SHA-256 of the `release.json` that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Or the publisher's key, with all that it signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// One line.
    pub reason: String,
    /// RFC 3339.
    pub created: String,
}

/// From mild to grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdvisoryKind {
    /// Not installed any more; what is there runs on.
    Yanked,
    /// Installed and run with a warning.
    Vulnerable,
    /// Neither installed nor loaded.
    Revoked,
}

impl AdvisoryKind {
    /// As documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yanked => "yanked",
            Self::Vulnerable => "vulnerable",
            Self::Revoked => "revoked",
        }
    }
}

impl fmt::Display for Advisory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.kind.as_str(), self.id, self.reason)
    }
}

/// What is said about one release.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The gravest first.
    pub said: Vec<Advisory>,
}

impl Standing {
    /// The gravest word.
    pub fn worst(&self) -> Option<AdvisoryKind> {
        self.said.first().map(|advisory| advisory.kind)
    }

    /// Whether it may be newly installed.
    pub fn may_install(&self) -> bool {
        self.said.iter().all(|advisory| advisory.kind == AdvisoryKind::Vulnerable)
    }

    /// Whether what is installed may be loaded.
    pub fn may_load(&self) -> bool {
        self.worst() != Some(AdvisoryKind::Revoked)
    }
}

impl Default for Advisories {
    fn default() -> Self {
        Self { schema: REGISTRY_SCHEMA, serial: 1, advisories: Vec::new() }
    }
}

impl Advisories {
    /// Reads the document.
    pub fn parse(document: &[u8]) -> Result<Self, DocumentError> {
        let what = "the list of advisories";
        let all: Self = read(what, document, ADVISORIES_BYTES)?;
        if all.advisories.len() > MOST {
            return Err(refused(what, format!("it has {} entries; at most {MOST} are read", all.advisories.len())));
        }
        let names: BTreeSet<&str> = all.advisories.iter().map(|advisory| advisory.id.as_str()).collect();
        if names.len() != all.advisories.len() {
            return Err(refused(what, "two entries have one name"));
        }
        match all.advisories.iter().find_map(|advisory| advisory.fault().map(|fault| (advisory, fault))) {
            Some((advisory, fault)) => Err(refused(what, format!("in `{}`, {fault}", advisory.id))),
            None => Ok(all),
        }
    }

    /// The document's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes(self)
    }

    /// What is said about a release with this digest, signed by these keys.
    pub fn judge(&self, release_digest: &str, signers: &[KeyId]) -> Standing {
        let about = |advisory: &&Advisory| {
            advisory.release.as_deref() == Some(release_digest) || advisory.key.as_ref().is_some_and(|key| signers.contains(key))
        };
        let mut said: Vec<Advisory> = self.advisories.iter().filter(about).cloned().collect();
        said.sort_by_key(|advisory| std::cmp::Reverse(advisory.kind));
        Standing { said }
    }
}

impl Advisory {
    /// What is wrong with it, if anything is.
    pub fn fault(&self) -> Option<&'static str> {
        if self.id.is_empty() || !is_plain_line(&self.id, 60) || self.reason.is_empty() || !is_plain_line(&self.reason, 300) {
            return Some("id and reason must be plain lines");
        }
        if !is_timestamp(&self.created) {
            return Some("created must be a time as in RFC 3339");
        }
        match (&self.release, &self.key) {
            (Some(digest), None) if is_sha256_hex(digest) => None,
            (None, Some(_)) if self.kind == AdvisoryKind::Revoked => None,
            (None, Some(_)) => Some("a key can only be revoked"),
            _ => Some("either a release, by the digest of its release.json, or a key must be named"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about_release(id: &str, kind: AdvisoryKind, digit: &str) -> Advisory {
        Advisory {
            id: id.into(),
            kind,
            plugin: PluginId::new("acme/hello").ok(),
            release: Some(digit.repeat(64)),
            key: None,
            reason: "it leaks".into(),
            created: "2026-01-01T00:00:00Z".into(),
        }
    }

    fn key() -> KeyId {
        KeyId::parse("0123456789abcdef").unwrap()
    }

    #[test]
    fn each_word_has_its_own_consequence() {
        let by_key = Advisory { release: None, key: Some(key()), ..about_release("4", AdvisoryKind::Revoked, "0") };
        let all = Advisories {
            advisories: vec![
                about_release("1", AdvisoryKind::Yanked, "a"),
                about_release("2", AdvisoryKind::Vulnerable, "b"),
                about_release("3", AdvisoryKind::Revoked, "c"),
                about_release("5", AdvisoryKind::Yanked, "b"),
                by_key,
            ],
            ..Advisories::default()
        };
        let all = Advisories::parse(&all.to_bytes()).unwrap();
        let check = |digit: &str, signers: &[KeyId], install: bool, load: bool| {
            let standing = all.judge(&digit.repeat(64), signers);
            assert_eq!((standing.may_install(), standing.may_load()), (install, load), "{digit}");
        };
        check("a", &[], false, true);
        check("b", &[], false, true);
        check("c", &[], false, false);
        check("d", &[], true, true);
        check("d", &[key()], false, false);
        assert_eq!(all.judge(&"b".repeat(64), &[]).worst(), Some(AdvisoryKind::Vulnerable));
        assert_eq!(all.judge(&"b".repeat(64), &[]).said[0].to_string(), "vulnerable (2): it leaks");
    }

    #[test]
    fn a_list_with_one_bad_entry_is_refused_whole() {
        let good = about_release("1", AdvisoryKind::Yanked, "a");
        let check = |advisories: Vec<Advisory>| {
            assert!(Advisories::parse(&Advisories { advisories, ..Advisories::default() }.to_bytes()).is_err());
        };
        check(vec![good.clone(), good.clone()]);
        check(vec![Advisory { release: Some("abc".into()), ..good.clone() }]);
        check(vec![Advisory { release: None, ..good.clone() }]);
        check(vec![Advisory { key: Some(key()), ..good.clone() }]);
        check(vec![Advisory { release: None, key: Some(key()), ..good.clone() }]);
        check(vec![Advisory { reason: "two\nlines".into(), ..good.clone() }]);
        check(vec![Advisory { created: "\u{1b}[2J".into(), ..good.clone() }]);
        check((0..=MOST).map(|at| Advisory { id: at.to_string(), ..good.clone() }).collect());
    }
}
