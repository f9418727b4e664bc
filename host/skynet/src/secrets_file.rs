//! `secrets.toml`: one `name = "value"` a line, readable by its owner alone.
//!
//! Read once at start and kept in memory that is wiped; only the egress door asks.

use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use anyhow::Result;
use skynet_core::PluginId;
use skynet_core::secret::{SecretValue, Secrets};
use std::collections::BTreeMap;

/// The owner's secrets by name.
pub(crate) struct FileSecrets(BTreeMap<String, SecretValue>);

impl FileSecrets {
    /// Reads the file; none there is no secrets, a bad one is an error.
    pub(crate) fn load(home: &Home) -> Result<Self> {
        let path = home.secrets();
        if !path.exists() {
            return Ok(Self(BTreeMap::new()));
        }
        let text = home::read_private(&path)?;
        // The parser's own message would quote the line, and with it a secret.
        let broken = |at: &str| fail(Kind::BadConfig, format!("{}: {at}; write lines like name = \"value\"", path.display()));
        let table: toml::Table = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
            broken(&format!("it is no TOML near line {line}"))
        })?;
        let mut secrets = BTreeMap::new();
        for (name, value) in table {
            let toml::Value::String(value) = value else { return Err(broken(&format!("`{name}` is no text"))) };
            secrets.insert(name, SecretValue::new(value));
        }
        Ok(Self(secrets))
    }

    /// Names, for `doctor`.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

impl Secrets for FileSecrets {
    fn get(&self, _: &PluginId, name: &str) -> Option<SecretValue> {
        self.0.get(name).filter(|value| !value.expose().is_empty()).cloned()
    }
}
