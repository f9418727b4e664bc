//! From what the server said to the case that the router decides by.
//!
//! Servers of this kind agree on the HTTP status and on little else, so the
//! status leads and the body's `code`, `type` and words refine it: a spent
//! quota is a matter of the credential although it comes as 429, an overflow
//! is one although it comes as 400.

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
        Err(_) => build(failure, &Words { message: body.trim().to_owned(), ..Words::default() }),
    }
}

/// The error object that a response or a chunk carries.
pub fn from_value(failure: Failure<'_>, value: &Value) -> ProviderError {
    build(failure, &Words::read(value))
}

/// Whether a chunk tells of an error instead of carrying a piece.
pub fn is_error(chunk: &Value) -> bool {
    chunk.get("error").is_some_and(|error| !error.is_null()) || chunk.get("object").and_then(Value::as_str) == Some("error")
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

/// The parts of an error body, wherever a server puts them.
#[derive(Debug, Default)]
struct Words {
    message: String,
    kind: String,
    code: String,
    param: String,
}

impl Words {
    fn read(value: &Value) -> Self {
        // Some servers wrap the object in a list.
        let value = value.get(0).unwrap_or(value);
        let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
        let text = |key: &str| match error.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let message = match error {
            Value::String(text) => text.clone(),
            _ => ["message", "detail"].map(text).into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
        };
        Self { message, kind: text("type"), code: text("code"), param: text("param") }
    }
}

enum Class {
    Credential,
    Limit,
    Load,
    Overflow,
    Refused,
    Request,
    Strange,
}

fn build(failure: Failure<'_>, words: &Words) -> ProviderError {
    let class = class(failure.status, words);
    let text = sentence(failure, words, &class);
    let throttle = |message| Throttle { message, retry_after_ms: retry_after_ms(failure.headers) };
    match class {
        Class::Credential => ProviderError::Unauthorized(text),
        Class::Limit => ProviderError::RateLimited(throttle(text)),
        Class::Load => ProviderError::Unavailable(throttle(text)),
        Class::Overflow => ProviderError::ContextOverflow(text),
        Class::Refused => ProviderError::Refused(text),
        Class::Request => ProviderError::InvalidRequest(text),
        Class::Strange => ProviderError::Protocol(text),
    }
}

fn class(status: Option<u16>, words: &Words) -> Class {
    let lower = words.message.to_lowercase();
    let is = |name: &str| words.code == name || words.kind == name;
    let says = |piece: &str| lower.contains(piece);
    if is("context_length_exceeded") || says("maximum context length") || says("context window") || says("exceed_context_size") {
        return Class::Overflow;
    }
    if is("insufficient_quota") || is("invalid_api_key") || is("authentication_error") || is("permission_error") {
        return Class::Credential;
    }
    if is("content_filter") || is("content_policy_violation") {
        return Class::Refused;
    }
    // An error inside a stream has its status, if any, in the code.
    match status.or_else(|| words.code.parse().ok()) {
        Some(401..=403) => Class::Credential,
        Some(429) => Class::Limit,
        Some(408 | 409 | 425 | 500..=599) => Class::Load,
        Some(413) => Class::Overflow,
        Some(400..=499) => Class::Request,
        _ if is("rate_limit_error") || is("rate_limit_exceeded") => Class::Limit,
        _ if is("invalid_request_error") => Class::Request,
        _ if is("server_error") || is("overloaded_error") || is("api_error") || is("internal_error") => Class::Load,
        _ => Class::Strange,
    }
}

fn sentence(failure: Failure<'_>, words: &Words, class: &Class) -> String {
    let mut text = match failure.status {
        Some(status) => format!("the model server answered {status}"),
        None => "the model server broke off with an error".to_owned(),
    };
    let labels: Vec<&str> =
        [&words.kind, &words.code, &words.param].map(String::as_str).into_iter().filter(|label| !label.is_empty()).collect();
    if !labels.is_empty() {
        text.push_str(&format!(" ({})", http::short(&labels.join(", "))));
    }
    if !words.message.is_empty() {
        text.push_str(": ");
        text.push_str(&http::short(&words.message));
    }
    match class {
        Class::Credential => text.push_str("; check the secret `openai_api_key` and the account's quota"),
        Class::Strange => text.push_str("; check that `base_url` names an OpenAI-compatible server"),
        _ => {}
    }
    if let Some(id) = http::header(failure.headers, "x-request-id").filter(|id| !id.is_empty()) {
        text.push_str(&format!(" [request {id}]"));
    }
    text
}
