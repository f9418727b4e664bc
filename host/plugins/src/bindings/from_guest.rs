//! What comes out of a guest, made plain. Total functions: nothing a guest says
//! can make them fail; text that should be JSON and is not becomes a JSON string.

use super::v0::exports::skynet::plugin::{provider, tool};
use super::v0::skynet::plugin::{delta_sink, types};
use crate::limits::NOTICE_CHARS;
use serde_json::Value;
use skynet_core::{
    Annotations, Blob, Completion, Delta, ModelError, ModelInfo, ResultPart, StopReason, ToolError, ToolOutcome, ToolSpec, Usage,
};
use skynet_policy::naming;

/// JSON text, or the text itself as a JSON string.
fn json(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

pub(crate) fn usage(usage: types::Usage) -> Usage {
    let types::Usage { input, output, cache_read, cache_write, reasoning, extra: _ } = usage;
    Usage { input, output, cache_read, cache_write, reasoning }
}

pub(crate) fn stop(reason: delta_sink::StopReason) -> StopReason {
    match reason {
        delta_sink::StopReason::EndTurn => StopReason::EndTurn,
        delta_sink::StopReason::ToolUse => StopReason::ToolUse,
        delta_sink::StopReason::MaxTokens => StopReason::MaxTokens,
        delta_sink::StopReason::StopSequence => StopReason::StopSequence,
        delta_sink::StopReason::Refusal => StopReason::Refusal,
        delta_sink::StopReason::Pause => StopReason::Pause,
        delta_sink::StopReason::Other(word) => StopReason::Other(word),
    }
}

/// How much a delta weighs against the limit of one `emit`.
pub(crate) fn delta_bytes(delta: &delta_sink::Delta) -> usize {
    use delta_sink::Delta as D;
    match delta {
        D::Text(text) | D::Thinking(text) | D::ThinkingSignature(text) | D::ThinkingRedacted(text) | D::Notice(text) | D::Other(text) => {
            text.len()
        }
        D::ToolCallStart(start) => start.id.len() + start.name.len(),
        D::ToolCallArguments(more) => more.id.len() + more.fragment.len(),
        D::ToolCallEnd(id) => id.len(),
        D::Usage(_) | D::Stop(_) => 64,
    }
}

pub(crate) fn delta(delta: delta_sink::Delta) -> Delta {
    use delta_sink::Delta as D;
    match delta {
        D::Text(text) => Delta::Text(text),
        D::Thinking(text) => Delta::Thinking(text),
        D::ThinkingSignature(seal) => Delta::ThinkingSignature(seal),
        D::ThinkingRedacted(block) => Delta::ThinkingRedacted(block),
        D::ToolCallStart(start) => Delta::ToolCallStart { id: start.id, name: start.name },
        D::ToolCallArguments(more) => Delta::ToolCallArguments { id: more.id, fragment: more.fragment },
        D::ToolCallEnd(id) => Delta::ToolCallEnd { id },
        D::Usage(counted) => Delta::Usage(usage(counted)),
        D::Stop(reason) => Delta::Stop(stop(reason)),
        // People read it beside what the host itself says: one line, in which nothing hides.
        D::Notice(text) => Delta::Notice(naming::plain_line(&text, NOTICE_CHARS)),
        D::Other(text) => Delta::Other(json(text)),
    }
}

pub(crate) fn completion(end: provider::Completion) -> Completion {
    Completion { stop: stop(end.stop), usage: usage(end.usage) }
}

pub(crate) fn provider_error(error: provider::ProviderError) -> ModelError {
    use provider::ProviderError as E;
    match error {
        E::Unauthorized(text) => ModelError::Unauthorized(text),
        E::RateLimited(throttle) => ModelError::RateLimited { message: throttle.message, retry_after_ms: throttle.retry_after_ms },
        E::Unavailable(throttle) => ModelError::Unavailable { message: throttle.message, retry_after_ms: throttle.retry_after_ms },
        E::InvalidRequest(text) => ModelError::InvalidRequest(text),
        E::ContextOverflow(text) => ModelError::ContextOverflow(text),
        E::Refused(text) => ModelError::Refused(text),
        E::Denied(text) => ModelError::Other(format!("the host denied the connection: {text}")),
        E::Protocol(text) => ModelError::Protocol(text),
        E::Cancelled => ModelError::Plugin(skynet_core::PluginError::Cancelled),
        E::Other((kind, text)) => ModelError::Other(format!("{kind}: {text}")),
    }
}

pub(crate) fn model(info: provider::ModelInfo) -> ModelInfo {
    let provider::ModelInfo { id, name, context_window, max_output, abilities, extra: _ } = info;
    ModelInfo { id, name, context_window, max_output, abilities }
}

pub(crate) fn tool_spec(spec: tool::ToolSpec) -> ToolSpec {
    let annotations = Annotations {
        read_only: spec.annotations.read_only,
        destructive: spec.annotations.destructive,
        idempotent: spec.annotations.idempotent,
        open_world: spec.annotations.open_world,
    };
    ToolSpec {
        name: spec.name,
        description: spec.description,
        parameters: json(spec.parameters),
        output: spec.output.map(json),
        annotations,
    }
}

fn blob(blob: types::Blob) -> Blob {
    Blob { mime: blob.mime, data: blob.data }
}

pub(crate) fn outcome(outcome: tool::Outcome) -> ToolOutcome {
    let content = outcome.content.into_iter().map(|part| match part {
        types::ResultPart::Text(text) => ResultPart::Text { text },
        types::ResultPart::Json(text) => ResultPart::Json { value: json(text) },
        types::ResultPart::Image(image) => ResultPart::Image { image: blob(image) },
    });
    ToolOutcome { content: content.collect(), structured: outcome.structured.map(json) }
}

pub(crate) fn tool_error(error: tool::ToolError) -> ToolError {
    match error {
        tool::ToolError::UnknownTool(text) => ToolError::UnknownTool(text),
        tool::ToolError::InvalidArguments(text) => ToolError::InvalidArguments(text),
        tool::ToolError::Denied(text) => ToolError::Denied(text),
        tool::ToolError::Failed(text) => ToolError::Failed(text),
        tool::ToolError::Unavailable(text) => ToolError::Unavailable(text),
        tool::ToolError::Other((kind, text)) => ToolError::Failed(format!("{kind}: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_one_line_in_which_nothing_hides() {
        let notice = delta_sink::Delta::Notice("cut\u{202e} off\n[skynet] all is\u{200b} well".into());
        assert!(matches!(delta(notice), Delta::Notice(text) if text == "cut off [skynet] all is well"));
    }
}
