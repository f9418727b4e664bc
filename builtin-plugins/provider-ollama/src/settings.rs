//! What the owner can set, and the checks on it.
//!
//! Read anew for each call; nothing is kept. The address has no default here,
//! because the grant follows the setting: an address that only this plugin
//! knew could not be dialled.

use crate::limits::DEFAULT_NUM_CTX;
use serde_json::Value;
use skynet_plugin_sdk::provider::ProviderError;

/// The configuration schema, with the defaults that a set-up offers.
pub const SCHEMA: &str = include_str!("../config.schema.json");

/// The settings in force for one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Without a slash at the end and without `/api`.
    pub base_url: String,
    /// Tokens of the window that the server is told to make.
    pub num_ctx: u64,
    /// How long the model stays loaded, as the server reads it.
    pub keep_alive: Option<Value>,
}

/// Looks at a proposed configuration.
pub fn check(proposed: &str) -> Result<(), String> {
    let value: Value = serde_json::from_str(proposed).map_err(|error| format!("the settings are not JSON: {error}"))?;
    let Value::Object(map) = value else { return Err("the settings must be an object".to_owned()) };
    Settings::read(&|key| map.get(key).cloned()).map(|_| ())
}

/// The error for settings that cannot be used.
pub fn unusable(sentence: String) -> ProviderError {
    ProviderError::Other(("not-configured".to_owned(), sentence))
}

impl Settings {
    /// Reads them one by one.
    pub fn read(get: &dyn Fn(&str) -> Option<Value>) -> Result<Self, String> {
        let num_ctx = match get("num_ctx") {
            None => DEFAULT_NUM_CTX,
            Some(value) => value.as_u64().filter(|tokens| *tokens > 0).ok_or("`num_ctx` must be a number of tokens above 0")?,
        };
        let keep_alive = get("keep_alive");
        if keep_alive.as_ref().is_some_and(|value| !value.is_string() && !value.is_number()) {
            return Err("`keep_alive` must be a number of seconds or a text such as \"10m\"".to_owned());
        }
        Ok(Self { base_url: base_url(get("base_url"))?, num_ctx, keep_alive })
    }
}

fn base_url(value: Option<Value>) -> Result<String, String> {
    let example = "such as \"http://127.0.0.1:11434\"";
    let Some(value) = value else {
        return Err(format!("settings.\"skynet/provider-ollama\".base_url must be set, {example}"));
    };
    let text = value.as_str().unwrap_or_default().trim_end_matches('/');
    let text = text.strip_suffix("/api").unwrap_or(text);
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(host) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("settings.\"skynet/provider-ollama\".base_url must be an http or https URL, {example}")),
    }
}
