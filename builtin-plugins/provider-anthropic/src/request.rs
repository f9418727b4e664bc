//! A completion request as the body of `POST /v1/messages`.
//!
//! It owns the cache marks (tools, then system text, then the moving one on the
//! last message; never more than the server takes) and the sums of tokens. A
//! wish that the server cannot combine with another is dropped with a notice,
//! never silently.

use crate::conversation;
use crate::limits::{CACHE_MARKS, DEFAULT_MAX_OUTPUT, HIGH_BUDGET, LOW_BUDGET, MEDIUM_BUDGET};
use crate::settings::{Settings, ThinkingStyle};
use serde_json::{Map, Value, json};
use skynet_plugin_sdk::provider::{CompletionRequest, ProviderError, SystemBlock, ThinkingLevel, ToolChoice, ToolDefinition};

/// Options that are passed on as they are; all others are ignored.
const PASSED_OPTIONS: [&str; 7] = ["top_p", "top_k", "metadata", "service_tier", "container", "context_management", "mcp_servers"];

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
    let options = options(&request.options);
    let mut notices = Vec::new();
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(request.model));
    body.insert("stream".to_owned(), json!(true));
    for key in PASSED_OPTIONS {
        if let Some(value) = options.get(key) {
            body.insert(key.to_owned(), value.clone());
        }
    }
    let tools = tools(request, &options, settings)?;
    let spare = CACHE_MARKS.saturating_sub(1).saturating_sub(usize::from(!tools.is_empty()));
    let system = system(&request.system, settings, spare);
    if !system.is_empty() {
        body.insert("system".to_owned(), Value::Array(system));
    }
    if !tools.is_empty() {
        body.insert("tools".to_owned(), Value::Array(tools));
        if let Some(choice) = tool_choice(&request.tool_choice) {
            body.insert("tool_choice".to_owned(), choice);
        }
    }
    let mut messages = conversation::messages(&request.messages);
    if settings.cache {
        conversation::mark_last(&mut messages);
    }
    body.insert("messages".to_owned(), Value::Array(messages));
    let answer = request.max_output.or(settings.max_output).unwrap_or(DEFAULT_MAX_OUTPUT);
    body.insert("max_tokens".to_owned(), json!(answer));
    let thinks = think(request, settings, answer, &mut body, &mut notices);
    if thinks && body.remove("top_k").is_some() {
        notices.push("`top_k` was ignored: this server does not take it together with thinking.".to_owned());
    }
    warmth(request, thinks, &mut body, &mut notices);
    // The server refuses stop texts of white space.
    let stop: Vec<&String> = request.stop.iter().filter(|text| !text.trim().is_empty()).collect();
    if !stop.is_empty() {
        body.insert("stop_sequences".to_owned(), json!(stop));
    }
    Ok(Prepared { body: Value::Object(body), notices })
}

/// The same body without what the server refused by name; none when its
/// refusal has another cause.
pub fn adapt(prepared: &Prepared, refused: &ProviderError, level: ThinkingLevel) -> Option<Prepared> {
    use crate::error::does_not_take;
    let mut next = prepared.clone();
    let body = next.body.as_object_mut()?;
    let style = body.get("thinking").and_then(|thinking| thinking.get("type")).and_then(Value::as_str);
    if style == Some("enabled") && does_not_take(refused, "adaptive") {
        adaptive(level, body);
    } else if style.is_some() && does_not_take(refused, "thinking") {
        body.remove("thinking");
        body.remove("output_config");
        next.notices.push("This model does not think; the thinking level was ignored.".to_owned());
    } else if does_not_take(refused, "temperature") && body.remove("temperature").is_some() {
        next.notices.push("This model takes no temperature; it was ignored.".to_owned());
    } else {
        return None;
    }
    Some(next)
}

fn options(text: &str) -> Map<String, Value> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn mark(settings: &Settings) -> Value {
    if settings.long_cache { json!({"type": "ephemeral", "ttl": "1h"}) } else { json!({"type": "ephemeral"}) }
}

fn tools(request: &CompletionRequest, options: &Map<String, Value>, settings: &Settings) -> Result<Vec<Value>, ProviderError> {
    let mut tools = request.tools.iter().map(tool).collect::<Result<Vec<_>, _>>()?;
    // Tools that the server itself runs.
    let servers = options.get("server_tools").and_then(Value::as_array);
    tools.extend(servers.into_iter().flatten().filter(|tool| tool.is_object()).cloned());
    if settings.cache
        && let Some(Value::Object(last)) = tools.last_mut()
    {
        last.insert("cache_control".to_owned(), mark(settings));
    }
    Ok(tools)
}

fn tool(tool: &ToolDefinition) -> Result<Value, ProviderError> {
    let wrong = |why: &str| ProviderError::InvalidRequest(format!("the parameters of tool `{}` are {why}", tool.name));
    let mut schema: Value = serde_json::from_str(&tool.parameters).map_err(|error| wrong(&format!("not JSON: {error}")))?;
    let fields = schema.as_object_mut().ok_or_else(|| wrong("not an object"))?;
    fields.entry("type").or_insert_with(|| json!("object"));
    Ok(json!({"name": tool.name, "description": tool.description, "input_schema": schema}))
}

/// The last `spare` anchors get a mark: a later mark covers all before it.
fn system(blocks: &[SystemBlock], settings: &Settings, spare: usize) -> Vec<Value> {
    let blocks: Vec<&SystemBlock> = blocks.iter().filter(|block| !block.text.trim().is_empty()).collect();
    let anchors = blocks.iter().filter(|block| block.cache_anchor).count();
    let mut skip = anchors.saturating_sub(spare);
    let build = |block: &&SystemBlock| {
        let mut value = json!({"type": "text", "text": block.text});
        if block.cache_anchor && settings.cache {
            if skip > 0 {
                skip -= 1;
            } else if let Some(fields) = value.as_object_mut() {
                fields.insert("cache_control".to_owned(), mark(settings));
            }
        }
        value
    };
    blocks.iter().map(build).collect()
}

fn tool_choice(choice: &ToolChoice) -> Option<Value> {
    match choice {
        ToolChoice::Automatic => None,
        ToolChoice::None => Some(json!({"type": "none"})),
        ToolChoice::Required => Some(json!({"type": "any"})),
        ToolChoice::Named(name) => Some(json!({"type": "tool", "name": name})),
    }
}

fn think(request: &CompletionRequest, settings: &Settings, answer: u32, body: &mut Map<String, Value>, notices: &mut Vec<String>) -> bool {
    let budget = match request.thinking {
        ThinkingLevel::Off => return false,
        ThinkingLevel::Low => LOW_BUDGET,
        ThinkingLevel::Medium => MEDIUM_BUDGET,
        ThinkingLevel::High => HIGH_BUDGET,
    };
    if body.contains_key("tools") && matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Named(_)) {
        notices.push("The thinking level was ignored: this server does not think before a call that it is told to make.".to_owned());
        return false;
    }
    if !conversation::can_think(&request.messages) {
        notices.push("The thinking level was ignored until the next question: this round of tool calls began without thinking.".to_owned());
        return false;
    }
    match settings.thinking_style {
        ThinkingStyle::Adaptive => adaptive(request.thinking, body),
        ThinkingStyle::Budget => {
            body.insert("thinking".to_owned(), json!({"type": "enabled", "budget_tokens": budget}));
        }
    }
    // The server counts thinking as output: the answer comes on top.
    body.insert("max_tokens".to_owned(), json!(budget.saturating_add(answer)));
    true
}

fn adaptive(level: ThinkingLevel, body: &mut Map<String, Value>) {
    let effort = match level {
        ThinkingLevel::Off | ThinkingLevel::Low => "low",
        ThinkingLevel::Medium => "medium",
        ThinkingLevel::High => "high",
    };
    body.insert("thinking".to_owned(), json!({"type": "adaptive"}));
    body.insert("output_config".to_owned(), json!({"effort": effort}));
}

fn warmth(request: &CompletionRequest, thinks: bool, body: &mut Map<String, Value>, notices: &mut Vec<String>) {
    let Some(temperature) = request.temperature else { return };
    if thinks {
        notices.push("The temperature was ignored: this server does not take one together with thinking.".to_owned());
        return;
    }
    if temperature > 1.0 {
        notices.push("The temperature was lowered to 1, the most that this server takes.".to_owned());
    }
    body.insert("temperature".to_owned(), json!(temperature.clamp(0.0, 1.0)));
}
