//! Answers of the completions endpoint in the OpenAI shape: errors, usage, why it ended.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};
use skynet_agent::SubmitError;
use skynet_core::event::TurnEnd;
use skynet_core::{StopReason, ToolCall, Usage};

/// An error that goes out as `{"error": …}`.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    kind: &'static str,
    message: String,
    code: Option<&'static str>,
    retry_after_s: Option<u64>,
}

impl Fault {
    pub(super) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), code: None, retry_after_s: None }
    }

    /// Asked too often.
    pub(super) fn too_often(what: &str, after_ms: u64) -> Self {
        let after_s = after_ms.div_ceil(1000);
        let message = format!("too many {what} (retry in {after_s} s)");
        Self { retry_after_s: Some(after_s), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message) }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized")
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(super) fn json(&self) -> Value {
        let mut error = json!({"message": self.message, "type": self.kind});
        if let (Some(code), Some(error)) = (self.code, error.as_object_mut()) {
            error.insert("code".into(), code.into());
        }
        json!({"error": error})
    }

    /// The end of a turn that gave no answer; `None` of one that did.
    pub(super) fn of_end(end: &TurnEnd) -> Option<Self> {
        match end {
            TurnEnd::Done { .. } => None,
            TurnEnd::Aborted { reason, .. } if reason == "timeout" => {
                Some(Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "the turn took longer than its limit"))
            }
            TurnEnd::Aborted { reason, .. } => {
                Some(Self::new(StatusCode::SERVICE_UNAVAILABLE, "aborted", format!("the turn was stopped ({reason})")))
            }
            TurnEnd::Failed { message, class } => Some(match *class {
                "rate_limit" => Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message),
                "context_length" => Self::invalid(message).code("context_length_exceeded"),
                "timeout" => Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message),
                "refusal" => Self::invalid(message).code("content_filter"),
                _ => Self::new(StatusCode::BAD_GATEWAY, "api_error", message),
            }),
        }
    }
}

impl From<SubmitError> for Fault {
    fn from(error: SubmitError) -> Self {
        let message = error.to_string();
        match error {
            SubmitError::QueueFull { .. } => Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message),
            SubmitError::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", message),
            SubmitError::Draining => Self::new(StatusCode::SERVICE_UNAVAILABLE, "api_error", message),
            SubmitError::Store(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", message),
            SubmitError::UnknownModel(_) => Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message).code("model_not_found"),
            SubmitError::DuplicateTurn(_) => Self::new(StatusCode::CONFLICT, "invalid_request_error", message),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.json())).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Token counts.
pub(super) fn usage(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.input, "completion_tokens": usage.output,
        "total_tokens": usage.input.saturating_add(usage.output),
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    })
}

/// Why it ended.
pub(super) fn finish_reason(stop: &StopReason, calls: &[ToolCall]) -> &'static str {
    match stop {
        _ if !calls.is_empty() => "tool_calls",
        StopReason::MaxTokens => "length",
        StopReason::Refusal => "content_filter",
        _ => "stop",
    }
}

/// Calls that the client is to run; `numbered` as pieces of a stream.
pub(super) fn tool_calls(calls: &[ToolCall], numbered: bool) -> Value {
    let call = |(index, call): (usize, &ToolCall)| {
        let mut row = json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}});
        if let (true, Some(row)) = (numbered, row.as_object_mut()) {
            row.insert("index".into(), index.into());
        }
        row
    };
    calls.iter().enumerate().map(call).collect()
}
