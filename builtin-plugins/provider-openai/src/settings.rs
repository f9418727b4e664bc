//! What the owner can set, and the checks on it.
//!
//! Read anew for each call; nothing is kept. The address has no default here,
//! because the grant follows the setting: an address that only this plugin
//! knew could not be dialled. The key is no setting: the host injects it.

use serde_json::{Map, Value};
use skynet_plugin_sdk::provider::{ModelInfo, ProviderError};

/// The configuration schema, with the defaults that a set-up offers.
pub const SCHEMA: &str = include_str!("../config.schema.json");

/// The settings in force for one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Without a slash at the end; `/chat/completions` is added to it.
    pub base_url: String,
    /// The models on offer, instead of asking the server.
    pub models: Option<Vec<ModelInfo>>,
    /// The name of the output limit: `max_tokens` or `max_completion_tokens`.
    pub max_tokens_field: &'static str,
    /// The role that carries the system text.
    pub system_role: &'static str,
    /// Whether the server is asked for counts in the stream.
    pub include_usage: bool,
    /// Whether a round's reasoning text is handed back, as some servers demand.
    pub return_reasoning: bool,
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
        let base_url = base_url(get("base_url"))?;
        let flag = |key: &str, usual: bool| match get(key) {
            None => Ok(usual),
            Some(value) => value.as_bool().ok_or_else(|| format!("`{key}` must be true or false")),
        };
        Ok(Self {
            models: get("models").map(models).transpose()?,
            max_tokens_field: match get("max_tokens_field").as_ref().map(Value::as_str) {
                Some(Some("max_tokens")) => "max_tokens",
                Some(Some("max_completion_tokens")) => "max_completion_tokens",
                Some(_) => return Err("`max_tokens_field` must be \"max_tokens\" or \"max_completion_tokens\"".to_owned()),
                // The newer name is the vendor's own; most others know only the older.
                None if base_url.contains("//api.openai.com/") => "max_completion_tokens",
                None => "max_tokens",
            },
            system_role: match get("system_role").as_ref().map(Value::as_str) {
                None | Some(Some("system")) => "system",
                Some(Some("developer")) => "developer",
                Some(_) => return Err("`system_role` must be \"system\" or \"developer\"".to_owned()),
            },
            include_usage: flag("include_usage", true)?,
            return_reasoning: flag("return_reasoning", false)?,
            base_url,
        })
    }
}

fn base_url(value: Option<Value>) -> Result<String, String> {
    let example = "such as \"https://api.openai.com/v1\"";
    let Some(value) = value else {
        return Err(format!("settings.\"skynet/provider-openai\".base_url must be set, {example}"));
    };
    let text = value.as_str().unwrap_or_default().trim_end_matches('/');
    let text = text.strip_suffix("/chat/completions").unwrap_or(text);
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(host) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("settings.\"skynet/provider-openai\".base_url must be an http or https URL, {example}")),
    }
}

fn models(value: Value) -> Result<Vec<ModelInfo>, String> {
    let list = value.as_array().ok_or("`models` must be a list of names or objects with `id`")?;
    list.iter().map(model).collect()
}

fn model(value: &Value) -> Result<ModelInfo, String> {
    let empty = Map::new();
    let fields = value.as_object().unwrap_or(&empty);
    let id = value.as_str().or_else(|| fields.get("id").and_then(Value::as_str)).filter(|id| !id.is_empty());
    let id = id.ok_or("each of `models` must be a name or an object with `id`")?;
    let abilities = fields.get("abilities").and_then(Value::as_array);
    Ok(ModelInfo {
        id: id.to_owned(),
        name: fields.get("name").and_then(Value::as_str).unwrap_or(id).to_owned(),
        context_window: fields.get("context_window").and_then(Value::as_u64),
        max_output: fields.get("max_output").and_then(Value::as_u64),
        abilities: match abilities {
            Some(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            None => crate::models::usual_abilities(),
        },
        extra: Vec::new(),
    })
}
