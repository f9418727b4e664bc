//! Values that nobody may see, and where they come from.
//!
//! A secret's value goes from its source to the egress door and nowhere else.
//! Refuses to be printed or serialized.

use crate::ids::PluginId;
use async_trait::async_trait;
use zeroize::Zeroizing;

/// A secret's text. Wiped from memory when dropped; `Debug` hides it.
#[derive(Clone)]
pub struct SecretValue(Zeroizing<String>);

impl SecretValue {
    /// Takes a value.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Takes bytes that are text; others are wiped.
    pub fn from_utf8(mut bytes: Zeroizing<Vec<u8>>) -> Option<Self> {
        match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(text) => Some(Self::new(text)),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                None
            }
        }
    }

    /// The value itself. Every call of this is a place to audit.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether both are the same. For the owner's own commands: it takes as long as it takes.
    pub fn is_same(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

impl std::fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretValue(hidden)")
    }
}

/// A secret as the vault gives it.
#[derive(Debug, Clone)]
pub struct OpenSecret {
    /// Its value. Empty: the owner said that there is none to send.
    pub value: SecretValue,
    /// Grows with each new value.
    pub version: u64,
    /// The servers that it may go to, as `https://host`; empty is wherever a grant says.
    pub servers: Vec<String>,
}

/// Why a secret cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SecretFault {
    /// The owner did not set it.
    #[error("it is not set")]
    NotSet,
    /// The vault does not open it; the text says why and what to do.
    #[error("{0}")]
    Unusable(String),
}

/// Where the owner keeps secrets.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secret that this plugin's grant names, as it is set now.
    async fn open(&self, plugin: &PluginId, name: &str) -> Result<OpenSecret, SecretFault>;
}

/// No secrets at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

#[async_trait]
impl Secrets for NoSecrets {
    async fn open(&self, _: &PluginId, _: &str) -> Result<OpenSecret, SecretFault> {
        Err(SecretFault::NotSet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", SecretValue::new("hunter2".into())), "SecretValue(hidden)");
    }

    #[test]
    fn bytes_that_are_no_text_are_no_secret() {
        assert!(SecretValue::from_utf8(Zeroizing::new(vec![0xff])).is_none());
        assert_eq!(SecretValue::from_utf8(Zeroizing::new(b"abc".to_vec())).unwrap().expose(), "abc");
    }
}
