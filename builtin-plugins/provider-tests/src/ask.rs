//! Requests and messages, built in few words.

use skynet_plugin_sdk::provider::{
    Blob, CompletionRequest, Message, Part, ResultPart, Role, SystemBlock, Thinking, ThinkingLevel, ToolCall, ToolChoice, ToolDefinition,
    ToolResult,
};
use skynet_plugin_sdk::testing::context;

/// A request of one model with these messages and nothing else.
pub fn request(model: &str, messages: Vec<Message>) -> CompletionRequest {
    CompletionRequest {
        model: model.to_owned(),
        system: Vec::new(),
        messages,
        tools: Vec::new(),
        tool_choice: ToolChoice::Automatic,
        max_output: None,
        temperature: None,
        thinking: ThinkingLevel::Off,
        stop: Vec::new(),
        options: "{}".to_owned(),
        context: context(),
        extra: Vec::new(),
    }
}

/// A message of these parts.
pub fn message(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts, extra: Vec::new() }
}

/// A person's words.
pub fn user(text: &str) -> Message {
    message(Role::User, vec![Part::Text(text.to_owned())])
}

/// The model's words.
pub fn assistant(text: &str) -> Message {
    message(Role::Assistant, vec![Part::Text(text.to_owned())])
}

/// A call.
pub fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() })
}

/// A call's answer.
pub fn result(id: &str, name: &str, content: Vec<ResultPart>, is_error: bool) -> Part {
    Part::ToolResult(ToolResult { id: id.to_owned(), name: name.to_owned(), content, is_error })
}

/// An answer of text.
pub fn answered(id: &str, name: &str, text: &str) -> Part {
    result(id, name, vec![ResultPart::Text(text.to_owned())], false)
}

/// Sealed reasoning.
pub fn thought(text: &str, signature: &str) -> Part {
    Part::Thinking(Thinking { text: text.to_owned(), signature: Some(signature.to_owned()), redacted: None })
}

/// Hidden reasoning.
pub fn hidden(data: &str) -> Part {
    Part::Thinking(Thinking { text: String::new(), signature: None, redacted: Some(data.to_owned()) })
}

/// Bytes with a media type.
pub fn blob(mime: &str, data: &[u8]) -> Blob {
    Blob { mime: mime.to_owned(), data: data.to_vec() }
}

/// A block of system text.
pub fn system(text: &str, cache_anchor: bool) -> SystemBlock {
    SystemBlock { text: text.to_owned(), cache_anchor }
}

/// The tool of all examples.
pub fn weather() -> ToolDefinition {
    let parameters = r#"{"type":"object","properties":{"city":{"type":"string","description":"Where."}},"required":["city"],"additionalProperties":false}"#;
    tool("get_weather", "Tells the weather in a city.", parameters)
}

/// A tool.
pub fn tool(name: &str, description: &str, parameters: &str) -> ToolDefinition {
    ToolDefinition { name: name.to_owned(), description: description.to_owned(), parameters: parameters.to_owned() }
}
