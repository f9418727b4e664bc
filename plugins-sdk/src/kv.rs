//! A small key-value store of the plugin's own. Permission: `kv`.
//!
//! It lives as long as the plugin is installed; quotas are the host's. The typed
//! functions keep JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(target_family = "wasm")]
use crate::bindings::imports::skynet::plugin::kv as backend;
#[cfg(not(target_family = "wasm"))]
use crate::testing::kv as backend;

pub use crate::bindings::imports::skynet::plugin::kv::KvError;

/// The bytes under a key.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, KvError> {
    backend::get(key)
}

/// Sets the bytes under a key.
pub fn set(key: &str, value: &[u8]) -> Result<(), KvError> {
    backend::set(key, value)
}

/// Removes a key; one that is not there is no error.
pub fn delete(key: &str) -> Result<(), KvError> {
    backend::delete(key)
}

/// Keys with a prefix, sorted, after `after`; at most `limit`.
pub fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, KvError> {
    backend::keys(prefix, after, limit)
}

/// The value under a key, read as JSON.
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, KvError> {
    let Some(bytes) = get(key)? else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| KvError::Unavailable(format!("the value under `{key}` is not as expected: {error}")))
}

/// Sets a value as JSON.
pub fn set_json(key: &str, value: &impl Serialize) -> Result<(), KvError> {
    let bytes = serde_json::to_vec(value).map_err(|error| KvError::Unavailable(format!("the value for `{key}` is no JSON: {error}")))?;
    set(key, &bytes)
}
