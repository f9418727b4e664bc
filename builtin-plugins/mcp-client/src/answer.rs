//! What a call gave, from the protocol's parts to ours.
//!
//! Text stays text, pictures stay pictures; of sounds and files only their kind is told.

use crate::session::cut;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use skynet_plugin_sdk::tool::{Blob, Outcome, ResultPart, ToolError};

/// The outcome, or the server's own word that it failed.
pub fn outcome(result: Value) -> Result<Outcome, ToolError> {
    let content: Vec<ResultPart> = result.get("content").and_then(Value::as_array).into_iter().flatten().map(part).collect();
    if result.get("isError").and_then(Value::as_bool).unwrap_or(false) {
        let texts: Vec<&str> =
            content.iter().filter_map(|part| if let ResultPart::Text(text) = part { Some(text.as_str()) } else { None }).collect();
        let words = if texts.is_empty() { "the tool failed and gave no reason".to_owned() } else { cut(&texts.join("\n")) };
        return Err(ToolError::Failed(words));
    }
    let structured = result.get("structuredContent").filter(|value| value.is_object()).map(Value::to_string);
    Ok(Outcome { content, structured, extra: Vec::new() })
}

fn part(block: &Value) -> ResultPart {
    let text = |key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "text" => ResultPart::Text(text("text").to_owned()),
        "image" => match STANDARD.decode(text("data")) {
            Ok(data) => ResultPart::Image(Blob { mime: text("mimeType").to_ascii_lowercase(), data }),
            Err(_) => ResultPart::Text("(a picture that cannot be read)".into()),
        },
        "resource" => {
            let inside = |key: &str| block.get("resource").and_then(|resource| resource.get(key)).and_then(Value::as_str);
            match inside("text") {
                Some(text) => ResultPart::Text(text.to_owned()),
                None => ResultPart::Text(format!("(a file that is not shown: {})", cut(inside("uri").unwrap_or("without a name")))),
            }
        }
        "resource_link" => ResultPart::Text(format!("(a link: {} {})", cut(text("name")), cut(text("uri")))),
        other => ResultPart::Text(format!("(a part of kind `{}` that is not shown)", cut(other))),
    }
}
