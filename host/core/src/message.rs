//! What people, models and tools say to each other.
//!
//! The shapes follow `wit/types.wit`, but are ours: no WIT type leaves the plugin
//! host. Serialized as they stand in the history table, so a change here is a
//! change of a stored format.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A person, or a program in a person's place.
    User,
    /// The model.
    Assistant,
    /// Results of the tool calls of the message before.
    Tool,
}

/// Bytes with a media type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// IANA media type, lower case.
    pub mime: String,
    /// The bytes; base64 in stored and sent JSON.
    #[serde(with = "base64_text")]
    pub data: Vec<u8>,
}

/// A model's reasoning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Thinking {
    /// Empty when the provider hides it.
    pub text: String,
    /// The provider's seal; never shown, never logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The provider's encrypted form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<String>,
}

/// A tool call that a model asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Unique within one completion.
    pub id: String,
    /// The name as the model saw it.
    pub name: String,
    /// The JSON text as the model wrote it; it may be broken.
    pub arguments: String,
}

/// One piece of what a tool answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ResultPart {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// Data.
    Json {
        /// The value.
        value: Value,
    },
    /// An image.
    Image {
        /// Its bytes.
        image: Blob,
    },
}

impl ResultPart {
    /// A text part.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }
}

/// The answer to one tool call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The call's id.
    pub id: String,
    /// The call's tool name.
    pub name: String,
    /// What the model reads.
    pub content: Vec<ResultPart>,
    /// Whether the content tells of a failure.
    pub is_error: bool,
}

impl ToolResult {
    /// The text and JSON parts as one text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for part in &self.content {
            if !text.is_empty() {
                text.push('\n');
            }
            match part {
                ResultPart::Text { text: piece } => text.push_str(piece),
                ResultPart::Json { value } => text.push_str(&value.to_string()),
                ResultPart::Image { image } => text.push_str(&format!("[image {}, {} bytes]", image.mime, image.data.len())),
            }
        }
        text
    }
}

/// One piece of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Part {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// An image.
    Image {
        /// Its bytes.
        image: Blob,
    },
    /// Reasoning.
    Thinking {
        /// The block.
        thinking: Thinking,
    },
    /// A call.
    ToolCall {
        /// The call.
        call: ToolCall,
    },
    /// An answer to a call.
    ToolResult {
        /// The answer.
        result: ToolResult,
    },
    /// A provider's own kind, handed back to it unchanged.
    Other {
        /// The block.
        value: Value,
    },
}

impl Part {
    /// A text part.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who wrote it.
    pub role: Role,
    /// In order.
    pub parts: Vec<Part>,
}

impl Message {
    /// A message of one text part.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::text(text)] }
    }

    /// All text parts, joined without a separator.
    pub fn to_text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// The calls in it.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolCall { call } => Some(call),
            _ => None,
        })
    }
}

mod base64_text {
    //! Standard base64 with padding (RFC 4648 §4).
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(data))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_stored_form() {
        let message = Message {
            role: Role::Assistant,
            parts: vec![
                Part::text("é"),
                Part::Image { image: Blob { mime: "image/png".into(), data: vec![0, 255, 7] } },
                Part::Thinking { thinking: Thinking { text: "hm".into(), signature: Some("s".into()), redacted: None } },
                Part::ToolCall { call: ToolCall { id: "1".into(), name: "t".into(), arguments: "{broken".into() } },
            ],
        };
        let stored = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<Message>(&stored).unwrap(), message);
        assert_eq!(message.to_text(), "é");
        assert_eq!(message.tool_calls().count(), 1);
    }
}
