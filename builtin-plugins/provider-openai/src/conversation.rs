//! The conversation as Chat Completions wants it.
//!
//! Each tool result is a message of its own, directly after the calls; images
//! in results follow in a user message, because a tool message takes text only.
//! Thinking and other providers' blocks stay out unless the owner wants the
//! round's reasoning text handed back.

use crate::settings::Settings;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use skynet_plugin_sdk::provider::{Blob, Message, Part, ResultPart, Role, SystemBlock, ToolCall, ToolResult};

/// The `messages` of a request, system text first.
pub fn messages(system: &[SystemBlock], conversation: &[Message], settings: &Settings) -> Vec<Value> {
    let mut list = Vec::new();
    let texts: Vec<&str> = system.iter().map(|block| block.text.trim_end()).filter(|text| !text.is_empty()).collect();
    if !texts.is_empty() {
        list.push(json!({"role": settings.system_role, "content": texts.join("\n\n")}));
    }
    let round = conversation.iter().rposition(|message| message.role == Role::User).unwrap_or(0);
    let mut pictures = Vec::new();
    for (position, message) in conversation.iter().enumerate() {
        list.extend(results(message, &mut pictures));
        if message.role == Role::Tool {
            continue;
        }
        flush(&mut pictures, &mut list);
        let reasons = settings.return_reasoning && position >= round;
        match message.role {
            Role::Assistant => list.extend(assistant(message, reasons)),
            Role::User | Role::Tool => list.extend(user(message)),
        }
    }
    flush(&mut pictures, &mut list);
    list
}

fn results(message: &Message, pictures: &mut Vec<Value>) -> Vec<Value> {
    let results = message.parts.iter().filter_map(|part| match part {
        Part::ToolResult(result) => Some(result),
        _ => None,
    });
    results.map(|result| tool(result, pictures)).collect()
}

fn tool(result: &ToolResult, pictures: &mut Vec<Value>) -> Value {
    let mut text = if result.is_error { "Error: ".to_owned() } else { String::new() };
    let mut first = true;
    for part in &result.content {
        let piece = match part {
            ResultPart::Text(text) | ResultPart::Json(text) => text.as_str(),
            ResultPart::Image(blob) => {
                pictures.push(json!({"type": "text", "text": format!("Image from the result of {} ({}):", result.name, result.id)}));
                pictures.push(media(blob));
                "[the image follows]"
            }
        };
        if !first {
            text.push('\n');
        }
        first = false;
        text.push_str(piece);
    }
    json!({"role": "tool", "tool_call_id": result.id, "content": text})
}

fn flush(pictures: &mut Vec<Value>, list: &mut Vec<Value>) {
    if !pictures.is_empty() {
        list.push(json!({"role": "user", "content": std::mem::take(pictures)}));
    }
}

fn user(message: &Message) -> Option<Value> {
    let pieces: Vec<Value> = message.parts.iter().filter_map(piece).collect();
    let text = plain(message);
    // Plain text goes as a string: not every server reads lists.
    let only_text = pieces.iter().all(|piece| piece.get("type").and_then(Value::as_str) == Some("text"));
    match (pieces.is_empty(), only_text) {
        (true, _) => None,
        (false, true) => Some(json!({"role": "user", "content": text})),
        (false, false) => Some(json!({"role": "user", "content": pieces})),
    }
}

fn piece(part: &Part) -> Option<Value> {
    match part {
        Part::Text(text) if !text.is_empty() => Some(json!({"type": "text", "text": text})),
        Part::Image(blob) => Some(media(blob)),
        _ => None,
    }
}

fn plain(message: &Message) -> String {
    let texts = message.parts.iter().filter_map(|part| match part {
        Part::Text(text) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn assistant(message: &Message, reasons: bool) -> Option<Value> {
    let text = plain(message);
    let calls: Vec<Value> =
        message.parts.iter().filter_map(|part| if let Part::ToolCall(call) = part { Some(tool_call(call)) } else { None }).collect();
    if text.is_empty() && calls.is_empty() {
        return None;
    }
    let mut value = Map::new();
    value.insert("role".to_owned(), json!("assistant"));
    value.insert("content".to_owned(), if text.is_empty() { Value::Null } else { Value::String(text) });
    if !calls.is_empty() {
        value.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    if reasons {
        let thoughts =
            message.parts.iter().filter_map(|part| if let Part::Thinking(thinking) = part { Some(thinking.text.as_str()) } else { None });
        let thoughts: String = thoughts.collect();
        if !thoughts.is_empty() {
            value.insert("reasoning_content".to_owned(), Value::String(thoughts));
        }
    }
    Some(Value::Object(value))
}

fn tool_call(call: &ToolCall) -> Value {
    let whole = serde_json::from_str::<Value>(&call.arguments).is_ok_and(|value| value.is_object());
    let arguments = if whole {
        call.arguments.clone()
    } else if call.arguments.trim().is_empty() {
        "{}".to_owned()
    } else {
        // Servers parse this text and fail on a broken one; the model still sees what it wrote.
        json!({"unreadable_arguments": call.arguments}).to_string()
    };
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn media(blob: &Blob) -> Value {
    if blob.mime.starts_with("image/") {
        let url = format!("data:{};base64,{}", blob.mime, STANDARD.encode(&blob.data));
        json!({"type": "image_url", "image_url": {"url": url}})
    } else {
        json!({"type": "text", "text": format!("[{} bytes of {}, which this model cannot read]", blob.data.len(), blob.mime)})
    }
}
