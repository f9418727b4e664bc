//! The conversation as `/api/chat` wants it.
//!
//! Results name the tool they come from; arguments are objects; images are bare
//! base64 beside the text. Thinking goes back only within the round it belongs
//! to, which is all that the server's templates look at.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use skynet_plugin_sdk::provider::{Blob, Message, Part, ResultPart, Role, SystemBlock, ToolCall, ToolResult};

/// The `messages` of a request, system text first.
pub fn messages(system: &[SystemBlock], conversation: &[Message]) -> Vec<Value> {
    let mut list = Vec::new();
    let texts: Vec<&str> = system.iter().map(|block| block.text.trim_end()).filter(|text| !text.is_empty()).collect();
    if !texts.is_empty() {
        list.push(json!({"role": "system", "content": texts.join("\n\n")}));
    }
    let round = conversation.iter().rposition(|message| message.role == Role::User).unwrap_or(0);
    for (position, message) in conversation.iter().enumerate() {
        list.extend(message.parts.iter().filter_map(|part| if let Part::ToolResult(result) = part { Some(tool(result)) } else { None }));
        list.extend(spoken(message, position >= round));
    }
    list
}

/// How many calls the conversation holds, so that new numbers are new ids.
pub fn calls(conversation: &[Message]) -> usize {
    let parts = conversation.iter().flat_map(|message| &message.parts);
    parts.filter(|part| matches!(part, Part::ToolCall(_))).count()
}

fn spoken(message: &Message, thinks: bool) -> Option<Value> {
    let (mut texts, mut images, mut calls, mut thoughts) = (Vec::new(), Vec::new(), Vec::new(), String::new());
    for part in &message.parts {
        match part {
            Part::Text(text) if !text.is_empty() => texts.push(text.clone()),
            Part::Image(blob) if is_image(blob) => images.push(json!(STANDARD.encode(&blob.data))),
            Part::Image(blob) => texts.push(unreadable(blob)),
            Part::ToolCall(call) => calls.push(tool_call(call)),
            Part::Thinking(thinking) if thinks => thoughts.push_str(&thinking.text),
            _ => {}
        }
    }
    if texts.is_empty() && images.is_empty() && calls.is_empty() {
        return None;
    }
    let mut value = Map::new();
    value.insert("role".to_owned(), json!(if message.role == Role::Assistant { "assistant" } else { "user" }));
    value.insert("content".to_owned(), json!(texts.join("\n")));
    for (key, list) in [("images", images), ("tool_calls", calls)] {
        if !list.is_empty() {
            value.insert(key.to_owned(), Value::Array(list));
        }
    }
    if !thoughts.is_empty() {
        value.insert("thinking".to_owned(), Value::String(thoughts));
    }
    Some(Value::Object(value))
}

fn tool_call(call: &ToolCall) -> Value {
    let arguments = match serde_json::from_str::<Value>(&call.arguments) {
        Ok(Value::Object(map)) => Value::Object(map),
        _ if call.arguments.trim().is_empty() => json!({}),
        // The server takes objects only; the model still sees what it wrote.
        _ => json!({"unreadable_arguments": call.arguments}),
    };
    json!({"id": call.id, "function": {"name": call.name, "arguments": arguments}})
}

fn tool(result: &ToolResult) -> Value {
    let mut images = Vec::new();
    let pieces: Vec<String> = result
        .content
        .iter()
        .filter_map(|part| match part {
            ResultPart::Text(text) | ResultPart::Json(text) => Some(text.clone()),
            ResultPart::Image(blob) if is_image(blob) => {
                images.push(json!(STANDARD.encode(&blob.data)));
                None
            }
            ResultPart::Image(blob) => Some(unreadable(blob)),
        })
        .collect();
    let error = if result.is_error { "Error: " } else { "" };
    let content = format!("{error}{}", pieces.join("\n"));
    let mut value = json!({"role": "tool", "tool_name": result.name, "tool_call_id": result.id, "content": content});
    if let Some(fields) = value.as_object_mut().filter(|_| !images.is_empty()) {
        fields.insert("images".to_owned(), Value::Array(images));
    }
    value
}

fn is_image(blob: &Blob) -> bool {
    blob.mime.starts_with("image/")
}

fn unreadable(blob: &Blob) -> String {
    format!("[{} bytes of {}, which this model cannot read]", blob.data.len(), blob.mime)
}
