//! What goes into a guest, from plain types.

use super::v0::exports::skynet::plugin::provider;
use super::v0::skynet::plugin::types;
use skynet_core::ports::CallContext;
use skynet_core::{Blob, CompletionRequest, Message, Part, ResultPart, Role, ThinkingLevel, ToolChoice};
use std::time::Duration;

pub(crate) fn context(context: &CallContext, left: Duration) -> types::CallContext {
    types::CallContext {
        turn: context.turn.0.clone(),
        session: context.session.as_str().to_owned(),
        user: context.user.0.clone(),
        deadline_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
        time_zone: context.time_zone.clone(),
        extra: Vec::new(),
    }
}

fn blob(blob: Blob) -> types::Blob {
    types::Blob { mime: blob.mime, data: blob.data }
}

fn part(part: Part) -> types::Part {
    match part {
        Part::Text { text } => types::Part::Text(text),
        Part::Image { image } => types::Part::Image(blob(image)),
        Part::Thinking { thinking } => {
            types::Part::Thinking(types::Thinking { text: thinking.text, signature: thinking.signature, redacted: thinking.redacted })
        }
        Part::ToolCall { call } => types::Part::ToolCall(types::ToolCall { id: call.id, name: call.name, arguments: call.arguments }),
        Part::ToolResult { result } => {
            let content = result.content.into_iter().map(|part| match part {
                ResultPart::Text { text } => types::ResultPart::Text(text),
                ResultPart::Json { value } => types::ResultPart::Json(value.to_string()),
                ResultPart::Image { image } => types::ResultPart::Image(blob(image)),
            });
            types::Part::ToolResult(types::ToolResult {
                id: result.id,
                name: result.name,
                content: content.collect(),
                is_error: result.is_error,
            })
        }
        Part::Other { value } => types::Part::Other(value.to_string()),
    }
}

fn message(message: Message) -> types::Message {
    let role = match message.role {
        Role::User => types::Role::User,
        Role::Assistant => types::Role::Assistant,
        Role::Tool => types::Role::Tool,
    };
    types::Message { role, parts: message.parts.into_iter().map(part).collect(), extra: Vec::new() }
}

pub(crate) fn request(request: CompletionRequest, context: types::CallContext) -> provider::CompletionRequest {
    let system = request.system.into_iter().map(|block| provider::SystemBlock { text: block.text, cache_anchor: block.cache_anchor });
    let tools = request.tools.into_iter().map(|tool| provider::ToolDefinition {
        name: tool.name,
        description: tool.description,
        parameters: tool.parameters.to_string(),
    });
    provider::CompletionRequest {
        model: request.model,
        system: system.collect(),
        messages: request.messages.into_iter().map(message).collect(),
        tools: tools.collect(),
        tool_choice: match request.tool_choice {
            ToolChoice::Automatic => provider::ToolChoice::Automatic,
            ToolChoice::None => provider::ToolChoice::None,
            ToolChoice::Required => provider::ToolChoice::Required,
            ToolChoice::Named(name) => provider::ToolChoice::Named(name),
        },
        max_output: request.max_output,
        temperature: request.temperature,
        thinking: match request.thinking {
            ThinkingLevel::Off => provider::ThinkingLevel::Off,
            ThinkingLevel::Low => provider::ThinkingLevel::Low,
            ThinkingLevel::Medium => provider::ThinkingLevel::Medium,
            ThinkingLevel::High => provider::ThinkingLevel::High,
        },
        stop: request.stop,
        options: if request.options.is_object() { request.options.to_string() } else { "{}".into() },
        context,
        extra: Vec::new(),
    }
}
