//! Deltas and outcomes as lines of text, one per delta.

use skynet_plugin_sdk::provider::{Completion, Delta, ProviderError, Usage};

/// All deltas and how it ended.
pub fn answer(deltas: &[Delta], outcome: &Result<Completion, ProviderError>) -> String {
    let mut text: String = deltas.iter().map(|delta| line(delta) + "\n").collect();
    match outcome {
        Ok(completion) => text.push_str(&format!("= {:?}, {}", completion.stop, usage(&completion.usage))),
        Err(error) => text.push_str(&format!("! {}", failure(error))),
    }
    text.push('\n');
    text
}

/// The case and its text.
pub fn failure(error: &ProviderError) -> String {
    match error {
        ProviderError::Unauthorized(text) => format!("unauthorized: {text}"),
        ProviderError::RateLimited(throttle) => format!("rate-limited{}: {}", wait(throttle.retry_after_ms), throttle.message),
        ProviderError::Unavailable(throttle) => format!("unavailable{}: {}", wait(throttle.retry_after_ms), throttle.message),
        ProviderError::InvalidRequest(text) => format!("invalid-request: {text}"),
        ProviderError::ContextOverflow(text) => format!("context-overflow: {text}"),
        ProviderError::Refused(text) => format!("refused: {text}"),
        ProviderError::Denied(text) => format!("denied: {text}"),
        ProviderError::Protocol(text) => format!("protocol: {text}"),
        ProviderError::Cancelled => "cancelled".to_owned(),
        ProviderError::Other((name, text)) => format!("{name}: {text}"),
    }
}

fn wait(retry_after_ms: Option<u64>) -> String {
    retry_after_ms.map_or_else(String::new, |ms| format!(" ({ms} ms)"))
}

fn line(delta: &Delta) -> String {
    match delta {
        Delta::Text(text) => format!("text {text:?}"),
        Delta::Thinking(text) => format!("thinking {text:?}"),
        Delta::ThinkingSignature(text) => format!("signature {text:?}"),
        Delta::ThinkingRedacted(text) => format!("redacted {text:?}"),
        Delta::ToolCallStart(call) => format!("call {} {}", call.id, call.name),
        Delta::ToolCallArguments(piece) => format!("arguments {} {}", piece.id, piece.fragment),
        Delta::ToolCallEnd(id) => format!("end {id}"),
        Delta::Usage(counts) => usage(counts),
        Delta::Stop(reason) => format!("stop {reason:?}"),
        Delta::Notice(text) => format!("notice {text:?}"),
        Delta::Other(json) => format!("other {json}"),
    }
}

fn usage(usage: &Usage) -> String {
    let Usage { input, output, cache_read, cache_write, reasoning, .. } = usage;
    format!("usage input {input} (read {cache_read}, write {cache_write}), output {output} (reasoning {reasoning})")
}
