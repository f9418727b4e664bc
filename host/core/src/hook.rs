//! A hook's word on something that is about to happen (`wit/hook.wit`).

use serde_json::Value;

/// What to do with it.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Go on.
    Allow,
    /// Stop, and tell why.
    Block(String),
    /// Go on with this payload.
    Modify(Value),
}
