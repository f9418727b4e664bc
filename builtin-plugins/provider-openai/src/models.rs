//! The list of models, as far as servers of this kind describe them.
//!
//! The list of the format's inventor is names only, of models of every sort;
//! others add sizes and abilities under names of their own. What is not said is
//! assumed; what plainly does not chat is left out.

use serde_json::Value;
use skynet_plugin_sdk::provider::ModelInfo;

/// Parts of names of models that do something other than answer in text.
const OTHER_SORTS: [&str; 12] =
    ["embedding", "embed-", "whisper", "tts", "dall-e", "moderation", "transcribe", "realtime", "gpt-image", "gpt-audio", "sora", "rerank"];

/// What a model can do when nobody says.
pub fn usual_abilities() -> Vec<String> {
    ["tools", "images", "thinking", "json"].map(str::to_owned).to_vec()
}

/// Reads the list; none when it is no such list.
pub fn list(body: &[u8]) -> Option<Vec<ModelInfo>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    // One vendor sends the bare list.
    let list = body.get("data").unwrap_or(&body).as_array()?;
    let mut models: Vec<ModelInfo> = list.iter().filter_map(model).collect();
    models.sort_by(|a, b| a.id.cmp(&b.id));
    Some(models)
}

fn model(value: &Value) -> Option<ModelInfo> {
    let id = value.get("id").and_then(Value::as_str)?;
    let kind = value.get("type").and_then(Value::as_str).unwrap_or("chat");
    if OTHER_SORTS.iter().any(|sort| id.contains(sort)) || ["embedding", "image", "audio", "rerank", "moderation"].contains(&kind) {
        return None;
    }
    let number = |names: &[&str]| names.iter().find_map(|name| value.get(name).and_then(Value::as_u64));
    let top = value.get("top_provider");
    let top_output = || top.and_then(|top| top.get("max_completion_tokens")).and_then(Value::as_u64);
    Some(ModelInfo {
        id: id.to_owned(),
        name: value.get("name").or_else(|| value.get("display_name")).and_then(Value::as_str).unwrap_or(id).to_owned(),
        context_window: number(&["context_length", "context_window", "max_context_length", "max_model_len"]),
        max_output: number(&["max_completion_tokens", "max_output_tokens"]).or_else(top_output),
        abilities: abilities(value),
        extra: Vec::new(),
    })
}

fn abilities(value: &Value) -> Vec<String> {
    let mut abilities = usual_abilities();
    let mut deny = |ability: &str| abilities.retain(|known| known != ability);
    let listed = |list: &Value, word: &str| list.as_array().is_some_and(|list| list.iter().any(|item| item.as_str() == Some(word)));
    if let Some(known) = value.get("supported_parameters").filter(|known| known.is_array()) {
        for (word, ability) in [("tools", "tools"), ("reasoning", "thinking"), ("response_format", "json")] {
            if !listed(known, word) {
                deny(ability);
            }
        }
    }
    let modalities = value.get("architecture").and_then(|architecture| architecture.get("input_modalities"));
    if modalities.is_some_and(|list| list.is_array() && !listed(list, "image")) {
        deny("images");
    }
    let says_no = |word: &str| value.get("capabilities").and_then(|all| all.get(word)).and_then(Value::as_bool) == Some(false);
    for (word, ability) in [("function_calling", "tools"), ("vision", "images")] {
        if says_no(word) {
            deny(ability);
        }
    }
    abilities
}
