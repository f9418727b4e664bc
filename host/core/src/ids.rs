//! Names of things, as types, so that one cannot stand where another belongs.
//!
//! Refuses at construction whatever the grammar of its kind forbids; a value of
//! these types is therefore safe in a file name, a log line and a tool name.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not a legal id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a legal {kind}: {rule}")]
pub struct BadId {
    /// What the text was meant to be.
    pub kind: &'static str,
    /// The text, cut to 80 characters, control characters replaced.
    pub text: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

fn bad(kind: &'static str, text: &str, rule: &'static str) -> BadId {
    let text = text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    BadId { kind, text, rule }
}

/// `namespace/name`: each part `[a-z][a-z0-9-]{0,47}`, no `--`, no `-` at an end.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PluginId(String);

const PLUGIN_RULE: &str = "use namespace/name; each part starts with a-z, then a-z, 0-9 or single hyphens, at most 48 long";

fn is_id_part(part: &str) -> bool {
    part.len() <= 48
        && part.starts_with(|c: char| c.is_ascii_lowercase())
        && !part.ends_with('-')
        && !part.contains("--")
        && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl PluginId {
    /// Checks the grammar.
    pub fn new(text: &str) -> Result<Self, BadId> {
        match text.split_once('/') {
            Some((namespace, name)) if is_id_part(namespace) && is_id_part(name) => Ok(Self(text.into())),
            _ => Err(bad("plugin id", text, PLUGIN_RULE)),
        }
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the slash: whose key signs it.
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The part after the slash.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

impl<'de> Deserialize<'de> for PluginId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of one admission of one plugin in this host's life. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

/// Which code did something: `plugin@version#generation`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PluginRef {
    /// The plugin.
    pub id: PluginId,
    /// Its semantic version.
    pub version: semver::Version,
    /// Its admission on this host.
    pub generation: Generation,
}

impl fmt::Display for PluginRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}#{}", self.id, self.version, self.generation.0)
    }
}

/// The canonical key of a session: `agent:<agent>:<rest>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SessionKey(String);

impl SessionKey {
    /// Longest key, in bytes, as the gateway protocol allows it.
    pub const MAX: usize = 512;

    /// Makes the canonical key of what a client wrote: `main` and any other bare
    /// name belong to the agent `main`; `agent:<id>:<rest>` stays as it is.
    pub fn canonical(text: &str) -> Result<Self, BadId> {
        let kind = "session key";
        let text = text.trim();
        if text.is_empty() || text.len() > Self::MAX {
            return Err(bad(kind, text, "1 to 512 bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err(bad(kind, text, "no control characters"));
        }
        if let Some(rest) = text.strip_prefix("agent:") {
            return match rest.split_once(':') {
                Some((agent, name)) if !agent.is_empty() && !name.is_empty() => Ok(Self(text.into())),
                _ => Err(bad(kind, text, "agent:<id>:<name>, neither empty")),
            };
        }
        Self::canonical(&format!("agent:main:{text}"))
    }

    /// The key of the default agent's main session.
    pub fn main() -> Self {
        Self("agent:main:main".into())
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The agent it belongs to.
    pub fn agent(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or("main")
    }
}

impl<'de> Deserialize<'de> for SessionKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::canonical(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// One turn: the client's idempotency key, or one that the host made.
    TurnId
}
text_id! {
    /// A person known to this host. The owner is `owner`.
    UserId
}

impl UserId {
    /// The person whose token `skynet init` wrote.
    pub fn owner() -> Self {
        Self("owner".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugin_ids_follow_the_grammar() {
        for good in ["skynet/tool-time", "a/b", "acme/hello-2"] {
            assert_eq!(PluginId::new(good).unwrap().as_str(), good);
        }
        for evil in ["", "a", "a/", "/b", "A/b", "a/b/c", "a/../b", "a/b--c", "a/b-", "a/b c", "1a/b", "a/b\n", "a/\u{430}"] {
            assert!(PluginId::new(evil).is_err(), "{evil:?}");
        }
        assert!(PluginId::new(&format!("a/{}", "b".repeat(49))).is_err());
    }

    #[test]
    fn session_keys_become_canonical_once() {
        let check = |asked: &str, canonical: &str| assert_eq!(SessionKey::canonical(asked).unwrap().as_str(), canonical);
        check("main", "agent:main:main");
        check("agent:main:main", "agent:main:main");
        check("agent:work:x:y", "agent:work:x:y");
        check("notes", "agent:main:notes");
        for evil in ["", " ", "agent:", "agent::x", "agent:a:", "a\u{0}b"] {
            assert!(SessionKey::canonical(evil).is_err(), "{evil:?}");
        }
        assert!(SessionKey::canonical(&"x".repeat(513)).is_err());
    }

    #[test]
    fn a_bad_id_in_an_error_cannot_break_the_line() {
        let error = PluginId::new("x\ny").unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
    }
}
