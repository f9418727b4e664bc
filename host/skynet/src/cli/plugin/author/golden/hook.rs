//! `hooks` in `calls.json`: what a hook is asked before something happens, and its verdict.

use super::super::bed::Bed;
use super::came::Came;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skynet_core::hook::Verdict;

/// One question and the verdict that should come.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct GoldenHook {
    /// For the report.
    pub(in super::super) name: String,
    /// Such as `tool.call`.
    point: String,
    #[serde(default)]
    payload: Value,
    expect: Expected,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// allow, block or modify.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
    /// Of a block.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// The new one, of a modify.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl GoldenHook {
    pub(in super::super) async fn ask(&self, bed: &Bed) -> Came {
        let verdict = bed.host.before(&bed.id, &self.point, &self.payload).await;
        Came::of(verdict, |verdict| match verdict {
            Verdict::Allow => json!({ "verdict": "allow" }),
            Verdict::Block(why) => json!({ "verdict": "block", "why": why }),
            Verdict::Modify(payload) => json!({ "verdict": "modify", "payload": payload }),
        })
    }

    pub(in super::super) fn differs(&self, came: &Came) -> Option<String> {
        came.differs(&self.expect)
    }
}
