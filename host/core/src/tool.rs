//! Tools as the turn loop sees them, and what a call of one may give.

use crate::message::ResultPart;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a tool says it does to the world. Claims for people, not limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Annotations {
    /// Changes nothing.
    pub read_only: bool,
    /// May destroy what was there.
    pub destructive: bool,
    /// A second call with the same arguments changes nothing more.
    pub idempotent: bool,
    /// Reaches outside the host.
    pub open_world: bool,
}

/// One tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// `[a-z][a-z0-9_]{0,47}`, unique within its plugin.
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of the arguments, an object.
    pub parameters: Value,
    /// JSON Schema of the structured outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Claims.
    #[serde(default)]
    pub annotations: Annotations,
}

/// What a tool gave.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ToolOutcome {
    /// For the model, in order.
    pub content: Vec<ResultPart>,
    /// The same as data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured: Option<Value>,
}

/// Why a tool itself gave no outcome. Not a fault: the guest ran and said so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// No tool of that name.
    #[error("unknown tool: {0}")]
    UnknownTool(String),
    /// Arguments that the schema or the tool refuses.
    #[error("invalid arguments: {0}")]
    InvalidArguments(String),
    /// Somebody refused an effect.
    #[error("denied: {0}")]
    Denied(String),
    /// It ran and did not work.
    #[error("{0}")]
    Failed(String),
    /// It may work later.
    #[error("unavailable for now: {0}")]
    Unavailable(String),
}
