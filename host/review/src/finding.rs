//! One finding: which rule, how grave, where, why it matters and what to do.
//!
//! A finding accuses nobody. It says what is there, so that a person can look at the
//! very place; whether it keeps a plugin out is the policy's word.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Odd, and mostly honest.
    Low,
    /// A reviewer should ask.
    Medium,
    /// A reviewer should understand it before saying yes.
    High,
}

impl Severity {
    /// As reports write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// From its word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Info, Self::Low, Self::Medium, Self::High].into_iter().find(|severity| severity.as_str() == text)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that was found at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which rule; stable over versions.
    pub rule: String,
    /// How grave.
    pub severity: Severity,
    /// The policy keeps the plugin out for it.
    pub blocks: bool,
    /// `component`, `data`, the name of a file, `tool NAME`.
    pub place: String,
    /// Bytes from the start of the component or text, where there is such a place.
    pub offset: Option<u64>,
    /// What is there, harmless to show: hidden characters by their numbers, secrets cut.
    pub excerpt: String,
    /// Why a reader should care.
    pub why: String,
    /// What its author can do.
    pub fix: String,
}
