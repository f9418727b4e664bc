//! A completion request as the body of `POST …/chat/completions`.
//!
//! Only fields that are wanted are sent, because servers of this kind refuse
//! what they do not know. When one refuses a field by name, the request can be
//! adapted and sent again; the person is told what was dropped.

use crate::conversation;
use crate::error::does_not_take;
use crate::limits::STOP_TEXTS;
use crate::settings::Settings;
use serde_json::{Map, Value, json};
use skynet_plugin_sdk::provider::{CompletionRequest, ProviderError, ThinkingLevel, ToolChoice, ToolDefinition};

/// Options that are passed on as they are; all others are ignored.
const PASSED_OPTIONS: [&str; 14] = [
    "top_p",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "response_format",
    "parallel_tool_calls",
    "service_tier",
    "prompt_cache_key",
    "safety_identifier",
    "user",
    "verbosity",
    "chat_template_kwargs",
    "reasoning_effort",
];

/// A body ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The JSON body.
    pub body: Value,
    /// Sentences for the person about wishes that were dropped.
    pub notices: Vec<String>,
}

/// Builds the body.
pub fn prepare(request: &CompletionRequest, settings: &Settings) -> Result<Prepared, ProviderError> {
    let mut notices = Vec::new();
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| body.insert(key.to_owned(), value);
    set("model", json!(request.model));
    set("messages", Value::Array(conversation::messages(&request.system, &request.messages, settings)));
    set("stream", json!(true));
    if settings.include_usage {
        set("stream_options", json!({"include_usage": true}));
    }
    let tools = request.tools.iter().map(tool).collect::<Result<Vec<_>, _>>()?;
    if !tools.is_empty() {
        set("tools", Value::Array(tools));
        if let Some(choice) = tool_choice(&request.tool_choice) {
            set("tool_choice", choice);
        }
    }
    if let Some(limit) = request.max_output {
        set(settings.max_tokens_field, json!(limit));
    }
    if let Some(temperature) = request.temperature {
        set("temperature", json!(temperature));
    }
    if let Some(effort) = effort(request.thinking) {
        set("reasoning_effort", json!(effort));
    }
    if request.stop.len() > STOP_TEXTS {
        notices.push(format!("Only the first {STOP_TEXTS} stop texts were used; this kind of server takes no more."));
    }
    let stop: Vec<&String> = request.stop.iter().take(STOP_TEXTS).collect();
    if !stop.is_empty() {
        set("stop", json!(stop));
    }
    if let Ok(Value::Object(options)) = serde_json::from_str(&request.options) {
        for (key, value) in options {
            if PASSED_OPTIONS.contains(&key.as_str()) {
                set(&key, value);
            }
        }
    }
    Ok(Prepared { body: Value::Object(body), notices })
}

/// The same body without what the server refused by name; none when its
/// refusal has another cause.
pub fn adapt(prepared: &Prepared, refused: &ProviderError) -> Option<Prepared> {
    let mut next = prepared.clone();
    let body = next.body.as_object_mut()?;
    let limit = |body: &Map<String, Value>, key: &str| body.contains_key(key) && does_not_take(refused, key);
    // The longer name contains the shorter, and a refusal often names both.
    for (old, new) in [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")] {
        if limit(body, old)
            && let Some(value) = body.remove(old)
        {
            body.insert(new.to_owned(), value);
            return Some(next);
        }
    }
    let droppable = [
        ("reasoning_effort", "This model takes no thinking level; it was ignored."),
        ("temperature", "This model takes no temperature; it was ignored."),
        ("stream_options", ""),
        ("stop", "This model takes no stop texts; they were ignored."),
    ];
    let (key, notice) = droppable.into_iter().find(|(key, _)| limit(body, key))?;
    body.remove(key);
    if !notice.is_empty() {
        next.notices.push(notice.to_owned());
    }
    Some(next)
}

fn effort(level: ThinkingLevel) -> Option<&'static str> {
    match level {
        ThinkingLevel::Off => None,
        ThinkingLevel::Low => Some("low"),
        ThinkingLevel::Medium => Some("medium"),
        ThinkingLevel::High => Some("high"),
    }
}

fn tool(tool: &ToolDefinition) -> Result<Value, ProviderError> {
    let wrong = |why: &str| ProviderError::InvalidRequest(format!("the parameters of tool `{}` are {why}", tool.name));
    let mut schema: Value = serde_json::from_str(&tool.parameters).map_err(|error| wrong(&format!("not JSON: {error}")))?;
    let fields = schema.as_object_mut().ok_or_else(|| wrong("not an object"))?;
    fields.entry("type").or_insert_with(|| json!("object"));
    // An object without `properties` is refused by some servers.
    fields.entry("properties").or_insert_with(|| json!({}));
    Ok(json!({"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": schema}}))
}

fn tool_choice(choice: &ToolChoice) -> Option<Value> {
    match choice {
        ToolChoice::Automatic => None,
        ToolChoice::None => Some(json!("none")),
        ToolChoice::Required => Some(json!("required")),
        ToolChoice::Named(name) => Some(json!({"type": "function", "function": {"name": name}})),
    }
}
