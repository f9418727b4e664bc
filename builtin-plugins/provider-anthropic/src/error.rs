//! From what the server said to the case that the router decides by.
//!
//! The server's own kind counts for more than the HTTP status, because the
//! same kinds also arrive inside a stream that began with 200. The request id
//! goes into every text: it is the first thing the vendor asks for.

use serde_json::Value;
use skynet_plugin_sdk::http;
use skynet_plugin_sdk::provider::{ProviderError, Throttle};

/// What is known of a failed response besides its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Failure<'a> {
    /// The HTTP status; none for an error inside a stream.
    pub status: Option<u16>,
    /// The response's headers.
    pub headers: &'a [(String, String)],
}

/// The error of a response whose status is not a success.
pub fn from_body(failure: Failure<'_>, body: &str) -> ProviderError {
    match serde_json::from_str::<Value>(body) {
        Ok(value) => from_value(failure, &value),
        Err(_) => build(failure, None, "", body),
    }
}

/// The error object that a response or an `error` event carries.
pub fn from_value(failure: Failure<'_>, value: &Value) -> ProviderError {
    let error = value.get("error").unwrap_or(value);
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
    let message = error.as_str().unwrap_or_else(|| text("message"));
    build(failure, value.get("request_id").and_then(Value::as_str), text("type"), message)
}

/// Milliseconds that `retry-after` asks for. A date is measured against the
/// server's own `date`: no clock of ours has a say.
pub fn retry_after_ms(headers: &[(String, String)]) -> Option<u64> {
    http::retry_after_ms(headers).or_else(|| {
        let date = |name| http::header(headers, name).and_then(|value| httpdate::parse_http_date(value.trim()).ok());
        let wait = date("retry-after")?.duration_since(date("date")?).unwrap_or_default();
        u64::try_from(wait.as_millis()).ok()
    })
}

/// Whether the server refused the request because it does not know this setting.
/// A value that is merely too large must not count: the wish would be lost.
pub fn does_not_take(error: &ProviderError, setting: &str) -> bool {
    let ProviderError::InvalidRequest(text) = error else { return false };
    let text = text.to_lowercase();
    let unknown = ["not support", "unsupported", "unrecognized", "unknown", "unexpected", "not permitted", "not allowed", "extra inputs"];
    text.contains(setting) && unknown.iter().any(|words| text.contains(words))
}

fn build(failure: Failure<'_>, request_id: Option<&str>, kind: &str, message: &str) -> ProviderError {
    let request_id = http::header(failure.headers, "request-id").or(request_id);
    let text = sentence(failure.status, request_id, kind, message);
    let throttle = |message| Throttle { message, retry_after_ms: retry_after_ms(failure.headers) };
    match class(failure.status, kind, message) {
        Class::Credential => ProviderError::Unauthorized(text),
        Class::Limit => ProviderError::RateLimited(throttle(text)),
        Class::Load => ProviderError::Unavailable(throttle(text)),
        Class::Overflow => ProviderError::ContextOverflow(text),
        Class::Request => ProviderError::InvalidRequest(text),
        Class::Strange => ProviderError::Protocol(text),
    }
}

enum Class {
    Credential,
    Limit,
    Load,
    Overflow,
    Request,
    Strange,
}

fn class(status: Option<u16>, kind: &str, message: &str) -> Class {
    let lower = message.to_lowercase();
    match kind {
        "authentication_error" | "permission_error" | "billing_error" => return Class::Credential,
        "rate_limit_error" => return Class::Limit,
        "overloaded_error" | "api_error" | "timeout_error" => return Class::Load,
        "request_too_large" => return Class::Overflow,
        "not_found_error" => return Class::Request,
        _ => {}
    }
    // The server has no kinds for these two; its wording is all there is.
    if lower.contains("prompt is too long") || lower.contains("exceed context limit") {
        return Class::Overflow;
    }
    if lower.contains("credit balance is too low") {
        return Class::Credential;
    }
    match status {
        Some(401..=403) => Class::Credential,
        Some(429) => Class::Limit,
        Some(408 | 409 | 500..=599) => Class::Load,
        Some(413) => Class::Overflow,
        Some(400..=499) => Class::Request,
        None if kind == "invalid_request_error" => Class::Request,
        _ => Class::Strange,
    }
}

fn sentence(status: Option<u16>, request_id: Option<&str>, kind: &str, message: &str) -> String {
    let mut text = match status {
        Some(status) => format!("the Anthropic server answered {status}"),
        None => "the Anthropic server broke off with an error".to_owned(),
    };
    if !kind.is_empty() {
        text.push_str(&format!(" ({kind})"));
    }
    let words = http::short(message);
    if !words.is_empty() {
        text.push_str(": ");
        text.push_str(&words);
    }
    match class(status, kind, message) {
        Class::Credential => text.push_str("; check the secret `anthropic_api_key` and the account's credit"),
        Class::Strange => text.push_str("; check that `base_url` names an Anthropic server"),
        _ => {}
    }
    if let Some(id) = request_id.filter(|id| !id.is_empty()) {
        text.push_str(&format!(" [request {id}]"));
    }
    text
}
