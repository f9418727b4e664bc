//! Why a request was not done, as a client reads it.
//!
//! Owns the closed set of error codes. Refuses: internals in messages; the log has those.

use serde::Serialize;
use serde_json::Value;
use skynet_agent::SubmitError;
use skynet_core::StoreError;
use skynet_core::admin::AdminError;

/// The codes of the protocol, and one of our own methods. There is no code for an unknown method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Code {
    #[serde(rename = "INVALID_REQUEST")]
    InvalidRequest,
    #[serde(rename = "NOT_PAIRED")]
    NotPaired,
    #[serde(rename = "UNAVAILABLE")]
    Unavailable,
    /// Of `memory.*` and `knowledge.*`, whose clients know it.
    #[serde(rename = "NOT_FOUND")]
    NotFound,
}

/// The `error` of a response.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) details: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retryable: Option<bool>,
    #[serde(rename = "retryAfterMs", skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_ms: Option<u64>,
}

impl Refusal {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None, retryable: None, retry_after_ms: None }
    }

    /// The client asked for what cannot be.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    /// What is named is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message).with(serde_json::json!({"reason": "not-found"}))
    }

    /// The device is not approved for this.
    pub(crate) fn not_paired(message: impl Into<String>) -> Self {
        Self::new(Code::NotPaired, message)
    }

    /// It failed here.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// It may work later.
    pub(crate) fn later(message: impl Into<String>, after_ms: u64) -> Self {
        let mut refusal = Self::new(Code::Unavailable, message);
        refusal.retryable = Some(true);
        refusal.retry_after_ms = Some(after_ms);
        refusal
    }

    /// Asked too often.
    pub(crate) fn too_often(what: &str, after_ms: u64) -> Self {
        let message = format!("too many {what} (retry in {} s)", after_ms.div_ceil(1000));
        Self::later(message, after_ms).with(serde_json::json!({"code": "RATE_LIMITED"}))
    }

    /// May be tried again after this time.
    pub(crate) fn after(mut self, after_ms: u64) -> Self {
        self.retryable = Some(true);
        self.retry_after_ms = Some(after_ms);
        self
    }

    pub(crate) fn with(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        if let StoreError::Quota(_) = error {
            return Self::invalid(error.to_string()).with(serde_json::json!({"reason": "quota"}));
        }
        tracing::warn!(%error, "the store refused");
        Self::unavailable(error.to_string())
    }
}

impl From<SubmitError> for Refusal {
    fn from(error: SubmitError) -> Self {
        let message = error.to_string();
        match error {
            SubmitError::QueueFull { .. } | SubmitError::Draining => Self::later(message, 1_000),
            SubmitError::Store(_) => Self::unavailable(message),
            _ => Self::invalid(message),
        }
    }
}

impl From<AdminError> for Refusal {
    fn from(error: AdminError) -> Self {
        let message = error.to_string();
        match error {
            AdminError::NotFound(_) => Self::not_found(message),
            AdminError::Refused(_) => Self::invalid(message),
            AdminError::Store(_) | AdminError::Unfinished(_) | AdminError::Bug(_) => Self::unavailable(message),
        }
    }
}
