//! The configuration that the owner gave this plugin.
//!
//! Values are JSON. A value of the wrong shape is an error with the key's name:
//! falling back to a default would hide the owner's mistake.

use serde::de::DeserializeOwned;

/// A value that is set, but is not what the plugin reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the setting `{key}` has the wrong form: {reason}")]
pub struct WrongForm {
    /// The key.
    pub key: String,
    /// What the parser says.
    pub reason: String,
}

/// One value as JSON text, if it is set.
pub fn raw(key: &str) -> Option<String> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::imports::skynet::plugin::config::get(key);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::with(|world| world.config.get(key).cloned())
}

/// One value, if it is set and not `null`.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>, WrongForm> {
    let Some(json) = raw(key) else { return Ok(None) };
    serde_json::from_str(&json).map_err(|error| WrongForm { key: key.to_owned(), reason: error.to_string() })
}

/// One value, or what is used when it is not set.
pub fn get_or<T: DeserializeOwned>(key: &str, otherwise: T) -> Result<T, WrongForm> {
    get(key).map(|value| value.unwrap_or(otherwise))
}
