//! A completion request as the body of `POST /api/chat`.
//!
//! The window is always named, because the server silently cuts a prompt that
//! is longer than its own small default; a prompt that cannot fit is refused
//! here. What this server has no word for is dropped with a notice.

use crate::conversation;
use crate::error::does_not_do;
use crate::limits::CHARS_PER_TOKEN;
use crate::settings::Settings;
use serde_json::{Map, Value, json};
use skynet_plugin_sdk::provider::{CompletionRequest, Part, ProviderError, ThinkingLevel, ToolChoice, ToolDefinition};

/// Names in the request's options that belong into the server's `options`.
const SAMPLING: [&str; 8] = ["top_k", "top_p", "min_p", "seed", "repeat_penalty", "repeat_last_n", "presence_penalty", "frequency_penalty"];

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
    let given: Map<String, Value> = match serde_json::from_str(&request.options) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let num_ctx = given.get("num_ctx").and_then(Value::as_u64).unwrap_or(settings.num_ctx);
    fits(request, num_ctx)?;
    let mut notices = Vec::new();
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| body.insert(key.to_owned(), value);
    set("model", json!(request.model));
    set("messages", Value::Array(conversation::messages(&request.system, &request.messages)));
    set("stream", json!(true));
    set("think", think(request));
    set("options", options(request, &given, num_ctx));
    let tools = tools(request, &mut notices)?;
    if !tools.is_empty() {
        set("tools", Value::Array(tools));
    }
    if let Some(format) = given.get("format") {
        set("format", format.clone());
    }
    if let Some(keep_alive) = given.get("keep_alive").or(settings.keep_alive.as_ref()) {
        set("keep_alive", keep_alive.clone());
    }
    Ok(Prepared { body: Value::Object(body), notices })
}

/// The same body without what the model does not do; none when the refusal has
/// another cause.
pub fn adapt(prepared: &Prepared, refused: &ProviderError) -> Option<Prepared> {
    let mut next = prepared.clone();
    let body = next.body.as_object_mut()?;
    if does_not_do(refused, "thinking") && body.get("think") != Some(&Value::Bool(false)) {
        body.insert("think".to_owned(), json!(false));
        next.notices.push("This model does not think; the thinking level was ignored.".to_owned());
    } else if does_not_do(refused, "tools") && body.remove("tools").is_some() {
        next.notices.push("This model cannot call tools; it answers without them.".to_owned());
    } else {
        return None;
    }
    Some(next)
}

/// Refuses what no tokenizer could fit: the server would cut it and say nothing.
fn fits(request: &CompletionRequest, num_ctx: u64) -> Result<(), ProviderError> {
    let of_part = |part: &Part| match part {
        Part::Text(text) => text.chars().count(),
        Part::ToolCall(call) => call.arguments.chars().count(),
        Part::ToolResult(result) => result.content.iter().map(result_chars).sum(),
        Part::Image(_) | Part::Thinking(_) | Part::Other(_) => 0,
    };
    let said: usize = request.messages.iter().flat_map(|message| &message.parts).map(of_part).sum();
    let system: usize = request.system.iter().map(|block| block.text.chars().count()).sum();
    let tools: usize = request.tools.iter().map(|tool| tool.description.chars().count() + tool.parameters.chars().count()).sum();
    let least = u64::try_from(said + system + tools).unwrap_or(u64::MAX) / CHARS_PER_TOKEN;
    if least <= num_ctx {
        return Ok(());
    }
    let why = format!("the conversation is at least {least} tokens long and the model's window has {num_ctx}; raise the setting `num_ctx`");
    Err(ProviderError::ContextOverflow(why))
}

fn result_chars(part: &skynet_plugin_sdk::provider::ResultPart) -> usize {
    use skynet_plugin_sdk::provider::ResultPart;
    match part {
        ResultPart::Text(text) | ResultPart::Json(text) => text.chars().count(),
        ResultPart::Image(_) => 0,
    }
}

/// One family reads levels and cannot stop thinking; the others read a flag,
/// and think unasked when it is missing.
fn think(request: &CompletionRequest) -> Value {
    let level = match request.thinking {
        ThinkingLevel::Off => return json!(false),
        ThinkingLevel::Low => "low",
        ThinkingLevel::Medium => "medium",
        ThinkingLevel::High => "high",
    };
    if request.model.contains("gpt-oss") { json!(level) } else { json!(true) }
}

fn options(request: &CompletionRequest, given: &Map<String, Value>, num_ctx: u64) -> Value {
    let mut options = Map::new();
    for key in SAMPLING {
        if let Some(value) = given.get(key) {
            options.insert(key.to_owned(), value.clone());
        }
    }
    options.insert("num_ctx".to_owned(), json!(num_ctx));
    if let Some(limit) = request.max_output {
        options.insert("num_predict".to_owned(), json!(limit));
    }
    if let Some(temperature) = request.temperature {
        options.insert("temperature".to_owned(), json!(temperature));
    }
    if !request.stop.is_empty() {
        options.insert("stop".to_owned(), json!(request.stop));
    }
    Value::Object(options)
}

fn tools(request: &CompletionRequest, notices: &mut Vec<String>) -> Result<Vec<Value>, ProviderError> {
    let offered: Vec<&ToolDefinition> = match &request.tool_choice {
        ToolChoice::None => Vec::new(),
        ToolChoice::Automatic | ToolChoice::Required => request.tools.iter().collect(),
        // The nearest that this server has to one tool that must be called.
        ToolChoice::Named(name) => request.tools.iter().filter(|tool| tool.name == *name).collect(),
    };
    if matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Named(_)) && !offered.is_empty() {
        notices.push("This server cannot be told that a tool must be called; the model decides.".to_owned());
    }
    offered.into_iter().map(tool).collect()
}

fn tool(tool: &ToolDefinition) -> Result<Value, ProviderError> {
    let wrong = |why: &str| ProviderError::InvalidRequest(format!("the parameters of tool `{}` are {why}", tool.name));
    let mut schema: Value = serde_json::from_str(&tool.parameters).map_err(|error| wrong(&format!("not JSON: {error}")))?;
    let fields = schema.as_object_mut().ok_or_else(|| wrong("not an object"))?;
    fields.entry("type").or_insert_with(|| json!("object"));
    fields.entry("properties").or_insert_with(|| json!({}));
    Ok(json!({"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": schema}}))
}
