//! What came of a question to a plugin that is no tool's call: data, an error of its own, or a
//! fault; and how that is held against what its author wants.

use crate::plain::visible;
use serde::Serialize;
use serde_json::{Value, json};
use skynet_core::{ModelError, PluginError, ToolError};

/// How a question ended.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Came {
    Value(Value),
    Error {
        case: &'static str,
        text: String,
    },
    /// A trap, a limit, a time-out: never right.
    Fault(String),
}

impl Came {
    pub(in super::super) fn of<T>(result: Result<T, PluginError>, show: impl FnOnce(T) -> Value) -> Self {
        match result {
            Ok(value) => Self::Value(show(value)),
            Err(error) => Self::error(&error),
        }
    }

    pub(in super::super) fn error(error: &PluginError) -> Self {
        let case = match error {
            PluginError::Tool(ToolError::Unavailable(_)) => "unavailable",
            PluginError::Tool(_) => "failed",
            PluginError::Denied(_) => "denied",
            PluginError::Cancelled => "cancelled",
            _ => return Self::Fault(error.to_string()),
        };
        Self::Error { case, text: error.to_string() }
    }

    /// How a completion failed, by the cases of the contract.
    pub(in super::super) fn model_error(error: &ModelError) -> Self {
        let case = match error {
            ModelError::Unauthorized(_) => "unauthorized",
            ModelError::RateLimited { .. } => "rate-limited",
            ModelError::Unavailable { .. } => "unavailable",
            ModelError::InvalidRequest(_) => "invalid-request",
            ModelError::ContextOverflow(_) => "context-overflow",
            ModelError::Refused(_) => "refused",
            ModelError::Protocol(_) => "protocol",
            ModelError::Other(_) => "other",
            ModelError::Plugin(error) => return Self::error(error),
        };
        Self::Error { case, text: error.to_string() }
    }

    /// Why it is a fault, if it is.
    pub(in super::super) fn fault(&self) -> Option<String> {
        if let Self::Fault(why) = self { Some(visible(why)) } else { None }
    }

    /// Whether there is nothing to show for it.
    pub(in super::super) fn is_refusal(&self) -> bool {
        !matches!(self, Self::Value(_))
    }

    /// One line for reports, in which nothing moves a cursor.
    pub(in super::super) fn told(&self) -> String {
        visible(&match self {
            Self::Value(value) => value.to_string(),
            Self::Error { case, text } => format!("the error {case}: {text}"),
            Self::Fault(text) => format!("a fault: {text}"),
        })
    }

    /// What differs from what was wanted, if anything does. `error` is a case; what is not
    /// named may be anything, but an error that nobody expects is none of it.
    pub(in super::super) fn differs(&self, wanted: &impl Serialize) -> Option<String> {
        let wanted = serde_json::to_value(wanted).unwrap_or_default();
        let fits = match self {
            Self::Value(value) => within(&wanted, value),
            Self::Error { case, .. } => wanted["error"] == json!(case),
            Self::Fault(_) => false,
        };
        (!fits).then(|| format!("wanted {}, got {}", visible(&wanted.to_string()), self.told()))
    }
}

/// Whether all that is wanted is there, in objects however deep.
fn within(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            wanted.iter().all(|(key, value)| got.get(key).is_some_and(|found| within(value, found)))
        }
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.len() == got.len() && wanted.iter().zip(got).all(|(wanted, got)| within(wanted, got))
        }
        _ => wanted == got,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_must_be_there_and_more_may_be() {
        let came = Came::Value(json!({ "a": 1, "b": { "c": 2, "d": 3 }, "l": [{ "x": 1, "y": 2 }] }));
        for wanted in [json!({}), json!({ "a": 1 }), json!({ "b": { "c": 2 } }), json!({ "l": [{ "y": 2 }] })] {
            assert_eq!(came.differs(&wanted), None);
        }
        for wanted in
            [json!({ "a": 2 }), json!({ "e": null }), json!({ "b": { "e": 1 } }), json!({ "l": [] }), json!({ "error": "failed" })]
        {
            assert!(came.differs(&wanted).is_some(), "{wanted}");
        }
        let error = Came::Error { case: "denied", text: "no".into() };
        assert_eq!(error.differs(&json!({ "error": "denied" })), None);
        assert!(error.differs(&json!({})).is_some(), "an error nobody expects is no success");
        assert!(Came::Fault("trap".into()).differs(&json!({ "error": "denied" })).is_some());
    }
}
