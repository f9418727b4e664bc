//! The conversation as the Messages API wants it.
//!
//! Turns alternate; all results of one round stand first in one user message;
//! thinking goes back byte for byte or not at all. What the server could only
//! refuse (empty text, thinking without a seal, odd characters in ids) is left
//! out or rewritten the same way each time, so that the cached prefix stays.

use crate::limits::IMAGE_TYPES;
use crate::stream::FOREIGN_KIND;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use skynet_plugin_sdk::provider::{Blob, Message, Part, ResultPart, Role, Thinking, ToolCall, ToolResult};

/// The `messages` of a request.
pub fn messages(conversation: &[Message]) -> Vec<Value> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in conversation {
        let role = if message.role == Role::Assistant { "assistant" } else { "user" };
        let blocks: Vec<Value> = message.parts.iter().filter_map(block).collect();
        match turns.last_mut() {
            Some((last, kept)) if *last == role => kept.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    let turns = turns.into_iter().filter(|(_, blocks)| !blocks.is_empty());
    turns.map(|(role, blocks)| json!({"role": role, "content": results_first(blocks)})).collect()
}

/// Whether the round that is going on can be continued with thinking: the server
/// wants each of its calls to come with the thinking that led to it, which a
/// round begun without thinking, or by another provider, does not have.
pub fn can_think(conversation: &[Message]) -> bool {
    let asked =
        |message: &Message| message.role == Role::User && message.parts.iter().any(|part| matches!(part, Part::Text(_) | Part::Image(_)));
    let round = conversation.iter().rev().take_while(|message| !asked(message));
    let mut calls = round.filter(|message| message.parts.iter().any(|part| matches!(part, Part::ToolCall(_))));
    calls.all(|message| message.parts.iter().any(|part| matches!(part, Part::Thinking(thinking) if thinking_block(thinking).is_some())))
}

/// Puts the moving cache mark on the last block that can bear one.
pub fn mark_last(messages: &mut [Value]) {
    let content = messages.last_mut().and_then(|message| message.get_mut("content")).and_then(Value::as_array_mut);
    let bearable = |block: &&mut Value| !matches!(block.get("type").and_then(Value::as_str), Some("thinking" | "redacted_thinking"));
    if let Some(Value::Object(block)) = content.and_then(|blocks| blocks.iter_mut().rev().find(bearable)) {
        block.insert("cache_control".to_owned(), json!({"type": "ephemeral"}));
    }
}

fn results_first(blocks: Vec<Value>) -> Vec<Value> {
    let is_result = |block: &Value| block.get("type").and_then(Value::as_str) == Some("tool_result");
    let (mut results, rest): (Vec<Value>, Vec<Value>) = blocks.into_iter().partition(is_result);
    results.extend(rest);
    results
}

fn block(part: &Part) -> Option<Value> {
    match part {
        Part::Text(text) => (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text})),
        Part::Image(blob) => Some(media(blob)),
        Part::Thinking(thinking) => thinking_block(thinking),
        Part::ToolCall(call) => Some(tool_use(call)),
        Part::ToolResult(result) => Some(tool_result(result)),
        Part::Other(json) => foreign(json),
    }
}

fn thinking_block(thinking: &Thinking) -> Option<Value> {
    if let Some(data) = thinking.redacted.as_ref().filter(|data| !data.is_empty()) {
        return Some(json!({"type": "redacted_thinking", "data": data}));
    }
    let signature = thinking.signature.as_ref().filter(|signature| !signature.is_empty())?;
    Some(json!({"type": "thinking", "thinking": thinking.text, "signature": signature}))
}

fn media(blob: &Blob) -> Value {
    let kind = match blob.mime.as_str() {
        "application/pdf" => "document",
        mime if IMAGE_TYPES.contains(&mime) => "image",
        mime => return json!({"type": "text", "text": format!("[{} bytes of {mime}, which this model cannot read]", blob.data.len())}),
    };
    json!({"type": kind, "source": {"type": "base64", "media_type": blob.mime, "data": STANDARD.encode(&blob.data)}})
}

fn tool_use(call: &ToolCall) -> Value {
    json!({"type": "tool_use", "id": wire_id(&call.id), "name": call.name, "input": object(&call.arguments)})
}

fn tool_result(result: &ToolResult) -> Value {
    let mut block = Map::new();
    block.insert("type".to_owned(), json!("tool_result"));
    block.insert("tool_use_id".to_owned(), json!(wire_id(&result.id)));
    let content: Vec<Value> = result.content.iter().filter_map(result_part).collect();
    if !content.is_empty() {
        block.insert("content".to_owned(), Value::Array(content));
    }
    if result.is_error {
        block.insert("is_error".to_owned(), json!(true));
    }
    Value::Object(block)
}

fn result_part(part: &ResultPart) -> Option<Value> {
    match part {
        ResultPart::Text(text) | ResultPart::Json(text) => (!text.is_empty()).then(|| json!({"type": "text", "text": text})),
        ResultPart::Image(blob) => Some(media(blob)),
    }
}

/// A block that this server sent and nobody else understands.
fn foreign(json: &str) -> Option<Value> {
    let mut value: Value = serde_json::from_str(json).ok()?;
    let ours = value.get("kind").and_then(Value::as_str) == Some(FOREIGN_KIND);
    ours.then(|| value.get_mut("block").map(Value::take)).flatten().filter(Value::is_object)
}

/// The arguments as the object that the server wants, even where a model's text
/// was none: the broken text then stays visible to it.
fn object(arguments: &str) -> Value {
    match serde_json::from_str::<Value>(arguments) {
        Ok(Value::Object(map)) => Value::Object(map),
        _ if arguments.trim().is_empty() => json!({}),
        _ => json!({"unreadable_arguments": arguments}),
    }
}

/// Ids of other providers may hold characters that this server refuses.
fn wire_id(id: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    id.chars().map(|c| if allowed(c) { c } else { '_' }).collect()
}
