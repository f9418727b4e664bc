//! Values that nobody may see, and where they come from.
//!
//! A secret's value goes from its source to the egress door and nowhere else.
//! Refuses to be printed, compared or serialized.

use crate::ids::PluginId;
use zeroize::Zeroizing;

/// A secret's bytes. Wiped from memory when dropped; `Debug` hides it.
#[derive(Clone)]
pub struct SecretValue(Zeroizing<String>);

impl SecretValue {
    /// Takes a value.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself. Every call of this is a place to audit.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretValue(hidden)")
    }
}

/// Where the owner keeps secrets.
pub trait Secrets: Send + Sync {
    /// The value of a secret that this plugin's grant names, if the owner set it.
    fn get(&self, plugin: &PluginId, name: &str) -> Option<SecretValue>;
}

/// No secrets at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn get(&self, _: &PluginId, _: &str) -> Option<SecretValue> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", SecretValue::new("hunter2".into())), "SecretValue(hidden)");
    }
}
