//! The models on the server: `/api/tags` names them, `/api/show` describes one.
//!
//! A model's window is what the server is told to make, at most what the model
//! was made for. Models that only make vectors are left out.

use serde_json::Value;
use skynet_plugin_sdk::provider::ModelInfo;

/// What is assumed of a model that its server does not describe.
const USUAL_ABILITIES: [&str; 2] = ["tools", "json"];

/// The names in the answer of `/api/tags`; none when it is no such list.
pub fn names(body: &[u8]) -> Option<Vec<String>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let list = body.get("models")?.as_array()?;
    let name = |model: &Value| ["model", "name"].iter().find_map(|key| model.get(key)?.as_str()).map(str::to_owned);
    let mut names: Vec<String> = list.iter().filter_map(name).collect();
    names.sort();
    Some(names)
}

/// A model that nobody described.
pub fn undescribed(name: &str, num_ctx: u64) -> ModelInfo {
    let mut model = ModelInfo::new(name, name);
    model.context_window = Some(num_ctx);
    model.abilities = USUAL_ABILITIES.map(str::to_owned).to_vec();
    model
}

/// A model by the answer of `/api/show`; none when it does not chat.
pub fn described(name: &str, num_ctx: u64, body: &[u8]) -> Option<ModelInfo> {
    let mut model = undescribed(name, num_ctx);
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Some(model) };
    let made_for = body.get("model_info").and_then(Value::as_object).and_then(|info| {
        let mut lengths = info.iter().filter(|(key, _)| key.ends_with(".context_length"));
        lengths.find_map(|(_, length)| length.as_u64())
    });
    model.context_window = Some(made_for.map_or(num_ctx, |length| length.min(num_ctx)));
    if let Some(capabilities) = body.get("capabilities").and_then(Value::as_array) {
        let can = |word: &str| capabilities.iter().any(|known| known.as_str() == Some(word));
        if !can("completion") && can("embedding") {
            return None;
        }
        let all = [("tools", can("tools")), ("images", can("vision")), ("thinking", can("thinking")), ("json", true)];
        model.abilities = all.iter().filter(|(_, has)| *has).map(|(name, _)| (*name).to_owned()).collect();
    }
    Some(model)
}
