//! The list of models, as the server gives it.
//!
//! Retired models are left out: a request that names one fails. What the list
//! does not say is assumed as every current model has it.

use serde_json::Value;
use skynet_plugin_sdk::provider::ModelInfo;

/// What a model can do when the server does not say.
pub const USUAL_ABILITIES: [&str; 5] = ["tools", "images", "thinking", "cache", "json"];

/// One page of the list.
#[derive(Debug, PartialEq)]
pub struct Page {
    /// The models of this page.
    pub models: Vec<ModelInfo>,
    /// What to ask for next, if there is more.
    pub after: Option<String>,
}

/// Reads one page; none when it is no such list.
pub fn page(body: &[u8]) -> Option<Page> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let list = body.get("data")?.as_array()?;
    let more = body.get("has_more").and_then(Value::as_bool).unwrap_or(false);
    let last = body.get("last_id").and_then(Value::as_str).filter(|_| more);
    Some(Page { models: list.iter().filter_map(model).collect(), after: last.map(str::to_owned) })
}

fn model(value: &Value) -> Option<ModelInfo> {
    if value.get("lifecycle").and_then(Value::as_str) == Some("retired") {
        return None;
    }
    let id = value.get("id").and_then(Value::as_str)?;
    let number = |key: &str| value.get(key).and_then(Value::as_u64);
    Some(ModelInfo {
        id: id.to_owned(),
        name: value.get("display_name").and_then(Value::as_str).unwrap_or(id).to_owned(),
        context_window: number("max_input_tokens"),
        max_output: number("max_tokens"),
        abilities: abilities(value.get("capabilities")),
        extra: Vec::new(),
    })
}

fn abilities(capabilities: Option<&Value>) -> Vec<String> {
    let says = |key: &str| {
        let supported = capabilities.and_then(|all| all.get(key)).and_then(|one| one.get("supported"));
        supported.and_then(Value::as_bool).unwrap_or(true)
    };
    let all = [("tools", true), ("images", says("image_input")), ("thinking", says("thinking")), ("cache", true), ("json", true)];
    all.iter().filter(|(_, has)| *has).map(|(name, _)| (*name).to_owned()).collect()
}
