//! What the owner can set, and the checks on it.
//!
//! Read anew for each call; nothing is kept. The address has no default here,
//! because the grant follows the setting: an address that only this plugin
//! knew could not be dialled. The key is no setting: the host injects it.

use serde_json::{Map, Value};
use skynet_plugin_sdk::provider::{ModelInfo, ProviderError};

/// The configuration schema, with the defaults that a set-up offers.
pub const SCHEMA: &str = include_str!("../config.schema.json");

/// How thinking is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingStyle {
    /// A number of tokens: `thinking.budget_tokens`.
    Budget,
    /// The model decides; an effort level guides it.
    Adaptive,
}

/// The settings in force for one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Without a slash at the end and without `/v1`.
    pub base_url: String,
    /// The models on offer, instead of asking the server.
    pub models: Option<Vec<ModelInfo>>,
    /// Output tokens when the request names none.
    pub max_output: Option<u32>,
    /// How thinking is asked for.
    pub thinking_style: ThinkingStyle,
    /// Whether cache marks are placed.
    pub cache: bool,
    /// Whether tools and system text are cached for an hour, not five minutes.
    pub long_cache: bool,
    /// Values of the `anthropic-beta` header.
    pub betas: Vec<String>,
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
        Ok(Self {
            base_url: base_url(get("base_url"))?,
            models: get("models").map(models).transpose()?,
            max_output: get("max_output").map(max_output).transpose()?,
            thinking_style: match get("thinking_style").as_ref().map(Value::as_str) {
                None | Some(Some("budget")) => ThinkingStyle::Budget,
                Some(Some("adaptive")) => ThinkingStyle::Adaptive,
                Some(_) => return Err("`thinking_style` must be \"budget\" or \"adaptive\"".to_owned()),
            },
            cache: match get("cache") {
                None => true,
                Some(value) => value.as_bool().ok_or("`cache` must be true or false")?,
            },
            long_cache: match get("cache_ttl").as_ref().map(Value::as_str) {
                None | Some(Some("5m")) => false,
                Some(Some("1h")) => true,
                Some(_) => return Err("`cache_ttl` must be \"5m\" or \"1h\"".to_owned()),
            },
            betas: get("betas").map(betas).transpose()?.unwrap_or_default(),
        })
    }
}

fn base_url(value: Option<Value>) -> Result<String, String> {
    let example = "such as \"https://api.anthropic.com\"";
    let Some(value) = value else {
        return Err(format!("settings.\"skynet/provider-anthropic\".base_url must be set, {example}"));
    };
    let text = value.as_str().unwrap_or_default().trim_end_matches('/');
    let text = text.strip_suffix("/v1").unwrap_or(text);
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(host) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("settings.\"skynet/provider-anthropic\".base_url must be an http or https URL, {example}")),
    }
}

fn max_output(value: Value) -> Result<u32, String> {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
    number.ok_or_else(|| "`max_output` must be a number of tokens above 0".to_owned())
}

fn betas(value: Value) -> Result<Vec<String>, String> {
    let wrong = || "`betas` must be a list of header values".to_owned();
    let list = value.as_array().ok_or_else(wrong)?;
    let well_formed = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    list.iter().map(|item| item.as_str().filter(well_formed).map(str::to_owned).ok_or_else(wrong)).collect()
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
            None => crate::models::USUAL_ABILITIES.iter().map(|ability| (*ability).to_owned()).collect(),
        },
        extra: Vec::new(),
    })
}
