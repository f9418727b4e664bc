//! From what the server said to the case that the router decides by.
//!
//! The server's errors are one sentence each, with an HTTP status before an
//! answer and without one inside a stream, so the words count where they tell
//! more than the status.

use serde_json::Value;
use skynet_plugin_sdk::http;
use skynet_plugin_sdk::provider::{ProviderError, Throttle};

/// The error of a response whose status is not a success.
pub fn from_body(status: u16, headers: &[(String, String)], body: &str) -> ProviderError {
    let said = serde_json::from_str::<Value>(body).ok().and_then(|value| said(&value)).unwrap_or_else(|| body.trim().to_owned());
    let text = sentence(&format!("the Ollama server answered {status}"), &said);
    let throttle = |message| Throttle { message, retry_after_ms: http::retry_after_ms(headers) };
    match status {
        _ if is_overflow(&said) => ProviderError::ContextOverflow(text),
        401..=403 => ProviderError::Unauthorized(text),
        404 if said.contains("not found") => ProviderError::InvalidRequest(format!("{text}; pull the model on the server first")),
        413 => ProviderError::ContextOverflow(text),
        429 => ProviderError::RateLimited(throttle(text)),
        408 | 500..=599 => ProviderError::Unavailable(throttle(text)),
        400..=499 => ProviderError::InvalidRequest(text),
        _ => ProviderError::Protocol(format!("{text}; check that `base_url` names an Ollama server")),
    }
}

/// The error line of a stream that began with success.
pub fn in_stream(said: &str) -> ProviderError {
    let text = sentence("the Ollama server broke off with an error", said);
    if is_overflow(said) {
        return ProviderError::ContextOverflow(text);
    }
    ProviderError::Unavailable(Throttle { message: text, retry_after_ms: None })
}

/// The sentence of an error object, if it is one.
pub fn said(value: &Value) -> Option<String> {
    let error = value.get("error").filter(|error| !error.is_null())?;
    let inner = error.get("message").and_then(Value::as_str);
    Some(error.as_str().or(inner).map_or_else(|| error.to_string(), str::to_owned))
}

/// Whether the model does not do what the request asked: `thinking`, `tools`.
pub fn does_not_do(error: &ProviderError, ability: &str) -> bool {
    matches!(error, ProviderError::InvalidRequest(text) if text.contains(&format!("does not support {ability}")))
}

fn is_overflow(said: &str) -> bool {
    let said = said.to_lowercase();
    ["context length", "context size", "context window"].iter().any(|words| said.contains(words))
}

fn sentence(what: &str, said: &str) -> String {
    if said.is_empty() { what.to_owned() } else { format!("{what}: {}", http::short(said)) }
}
