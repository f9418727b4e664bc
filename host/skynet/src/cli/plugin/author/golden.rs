//! `calls.json`: what a plugin is asked, with what its author wants to come of it, and
//! `exchanges.json`: what servers answered when they were recorded.
//!
//! Calls of tools are here; what other kinds are asked is in a file each below this one.
//! Both are read whole before anything runs, and a key that is not known is refused: a
//! misspelt expectation must not pass.

pub(super) mod came;
mod channel;
pub(super) mod completion;
mod hook;

use super::bed::Bed;
use crate::cli::plugin::file;
use crate::exit::{Kind, fail};
use crate::plain::visible;
use anyhow::{Context as _, Result};
use came::Came;
use channel::GoldenEvent;
use completion::GoldenCompletion;
use hook::GoldenHook;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use skynet_core::{PluginError, ResultPart, ToolError, ToolOutcome};
use skynet_plugins::{Exchange, Settings};
use std::path::Path;

/// The time that calls see where they name none: 2026-01-01T00:00:00Z, in milliseconds.
pub(super) const NOON_OF_TESTS: u64 = 1_767_225_600_000;

/// The file of calls.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Golden {
    /// The owner's settings while the calls run.
    #[serde(default)]
    pub(super) settings: Settings,
    #[serde(default)]
    pub(super) calls: Vec<GoldenCall>,
    /// Of a hook.
    #[serde(default)]
    hooks: Vec<GoldenHook>,
    /// Of a channel.
    #[serde(default)]
    events: Vec<GoldenEvent>,
    /// Of a provider.
    #[serde(default)]
    completions: Vec<GoldenCompletion>,
    /// The models that a provider offers, in their order.
    #[serde(default)]
    models: Option<Vec<String>>,
}

/// A question to a plugin that is no tool's call.
pub(super) enum Question<'a> {
    Hook(&'a GoldenHook),
    Event(&'a GoldenEvent),
    Completion(&'a GoldenCompletion),
    Models(&'a [String]),
}

impl Golden {
    /// Whether nothing is asked.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.questions().next().is_none()
    }

    /// All but the calls of tools.
    pub(super) fn questions(&self) -> impl Iterator<Item = Question<'_>> {
        let (hooks, events) = (self.hooks.iter().map(Question::Hook), self.events.iter().map(Question::Event));
        let models = self.models.iter().map(|models| Question::Models(models));
        hooks.chain(events).chain(models).chain(self.completions.iter().map(Question::Completion))
    }
}

impl Question<'_> {
    /// For the report.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Hook(hook) => &hook.name,
            Self::Event(event) => &event.name,
            Self::Completion(completion) => &completion.name,
            Self::Models(_) => "the models on offer",
        }
    }

    /// The time and the seed that it wants.
    pub(super) fn stage(&self) -> (u64, u64) {
        match self {
            Self::Completion(asked) => (asked.now_ms.unwrap_or(NOON_OF_TESTS), asked.seed),
            Self::Hook(_) | Self::Event(_) | Self::Models(_) => (NOON_OF_TESTS, 0),
        }
    }

    pub(super) async fn ask(&self, bed: &Bed) -> Came {
        match self {
            Self::Hook(hook) => hook.ask(bed).await,
            Self::Event(event) => event.tell(bed).await,
            Self::Completion(completion) => completion.ask(bed).await,
            Self::Models(_) => Came::Value(serde_json::json!({ "models": bed.models() })),
        }
    }

    /// What differs, if anything does.
    pub(super) fn differs(&self, came: &Came) -> Option<String> {
        match self {
            Self::Hook(hook) => hook.differs(came),
            Self::Event(event) => event.differs(came),
            Self::Completion(completion) => completion.differs(came),
            Self::Models(wanted) => came.differs(&serde_json::json!({ "models": wanted })),
        }
    }
}

/// One call and what should come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GoldenCall {
    /// For the report.
    pub(super) name: String,
    pub(super) tool: String,
    #[serde(default)]
    pub(super) arguments: Value,
    /// Milliseconds since the Unix epoch, as the plugin sees it.
    #[serde(default)]
    pub(super) now_ms: Option<u64>,
    /// What its random numbers are made of.
    #[serde(default)]
    pub(super) seed: u64,
    pub(super) expect: Expected,
}

/// What should come of a call; what is not named may be anything.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    /// All texts of the outcome, one after the other, a line each.
    text: Option<String>,
    /// The outcome as data.
    structured: Option<Value>,
    /// unknown-tool, invalid-arguments, denied, failed or unavailable.
    error: Option<String>,
}

/// How a call ended, as tests compare it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ended {
    Outcome {
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        structured: Option<Value>,
    },
    Error {
        case: &'static str,
        text: String,
    },
    /// A trap, a limit, a time-out: never right.
    Fault(String),
}

impl Ended {
    pub(super) fn of(result: Result<ToolOutcome, PluginError>) -> Self {
        let error = match result {
            Ok(outcome) => {
                let parts = outcome.content.iter().map(|part| match part {
                    ResultPart::Text { text } => text.clone(),
                    other => serde_json::to_string(other).unwrap_or_default(),
                });
                return Self::Outcome { text: parts.collect::<Vec<_>>().join("\n"), structured: outcome.structured };
            }
            Err(error) => error,
        };
        let case = match &error {
            PluginError::Tool(ToolError::UnknownTool(_)) => "unknown-tool",
            PluginError::Tool(ToolError::InvalidArguments(_)) => "invalid-arguments",
            PluginError::Tool(ToolError::Denied(_)) | PluginError::Denied(_) => "denied",
            PluginError::Tool(ToolError::Failed(_)) => "failed",
            PluginError::Tool(ToolError::Unavailable(_)) => "unavailable",
            _ => return Self::Fault(error.to_string()),
        };
        Self::Error { case, text: error.to_string() }
    }

    /// One line for reports. What a plugin says is a stranger's at times: it moves no cursor, and begins no line.
    pub(super) fn told(&self) -> String {
        visible(&match self {
            Self::Outcome { text, structured } => {
                format!("{text:?}{}", structured.as_ref().map(|value| format!(" and {value}")).unwrap_or_default())
            }
            Self::Error { case, text } => format!("the error {case}: {text}"),
            Self::Fault(text) => format!("a fault: {text}"),
        })
    }
}

impl Expected {
    /// Whether the call came to nothing that its author has in mind: an answer is one, whatever it says, and so is
    /// the very error that is expected.
    pub(super) fn is_failure(&self, ended: &Ended) -> bool {
        !matches!(ended, Ended::Outcome { .. }) && self.differs(ended).is_some()
    }

    /// What differs, if anything does.
    pub(super) fn differs(&self, ended: &Ended) -> Option<String> {
        let fits = match ended {
            Ended::Outcome { text, structured } => {
                self.error.is_none()
                    && self.text.as_ref().is_none_or(|wanted| wanted == text)
                    && self.structured.as_ref().is_none_or(|wanted| Some(wanted) == structured.as_ref())
            }
            Ended::Error { case, .. } => self.error.as_deref() == Some(case),
            Ended::Fault(_) => false,
        };
        let wanted = || match self {
            Self { error: Some(case), .. } => format!("the error {case}"),
            Self { text, structured, .. } => {
                let parts = [text.as_ref().map(|text| format!("{text:?}")), structured.as_ref().map(Value::to_string)];
                let parts: Vec<String> = parts.into_iter().flatten().collect();
                if parts.is_empty() { "an outcome".to_owned() } else { parts.join(" and ") }
            }
        };
        (!fits).then(|| format!("wanted {}, got {}", visible(&wanted()), ended.told()))
    }
}

/// Reads a file of the project; the default where there is none.
pub(super) fn read<T: Default + serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    parse(&path.display().to_string(), bytes(path)?.as_deref())
}

/// What a file holds that need not be there.
pub(super) fn bytes(path: &Path) -> Result<Option<Vec<u8>>> {
    if !path.exists() {
        return Ok(None);
    }
    std::fs::read(path).map(Some).with_context(|| format!("{} cannot be read", path.display()))
}

/// The same for what was read already; none is what no file says.
pub(super) fn parse<T: Default + serde::de::DeserializeOwned>(name: &str, text: Option<&[u8]>) -> Result<T> {
    let Some(text) = text else { return Ok(T::default()) };
    serde_json::from_slice(text).map_err(|error| fail(Kind::Refused, format!("{name}: {error}")))
}

/// Writes what servers answered.
pub(super) fn write_tape(path: &Path, tape: &[Exchange]) -> Result<()> {
    let text = serde_json::to_string_pretty(tape)?;
    // Replaced as a whole: a link at its place leads to somebody's other file.
    file::write(path, format!("{text}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn differs(expected: Value, ended: &Ended) -> bool {
        serde_json::from_value::<Expected>(expected).unwrap().differs(ended).is_some()
    }

    #[test]
    fn what_is_expected_is_compared_and_what_is_not_named_is_free() {
        let good = Ended::Outcome { text: "a".into(), structured: Some(json!({ "n": 1 })) };
        assert!(
            !differs(json!({}), &good) && !differs(json!({ "text": "a" }), &good) && !differs(json!({ "structured": { "n": 1 } }), &good)
        );
        assert!(differs(json!({ "text": "b" }), &good) && differs(json!({ "error": "failed" }), &good));
        let error = Ended::Error { case: "denied", text: "no".into() };
        assert!(!differs(json!({ "error": "denied" }), &error));
        assert!(differs(json!({}), &error), "an error nobody expects is no success");
        assert!(differs(json!({ "error": "denied" }), &Ended::Fault("trap".into())));
    }

    #[test]
    fn only_an_answer_or_the_error_that_is_wanted_is_worth_recording() {
        let failure = |expected: Value, ended: &Ended| serde_json::from_value::<Expected>(expected).unwrap().is_failure(ended);
        let denied = Ended::Error { case: "denied", text: "no".into() };
        assert!(!failure(json!({ "text": "b" }), &Ended::Outcome { text: "a".into(), structured: None }));
        assert!(!failure(json!({ "error": "denied" }), &denied));
        assert!(failure(json!({ "text": "a" }), &denied) && failure(json!({ "error": "denied" }), &Ended::Fault("trap".into())));
    }

    #[test]
    fn what_a_plugin_says_is_one_line_that_moves_no_cursor() {
        let hostile = "no\n::error::yes\u{1b}[2J\u{202e}";
        for ended in [
            Ended::Error { case: "failed", text: hostile.into() },
            Ended::Fault(hostile.into()),
            Ended::Outcome { text: hostile.into(), structured: Some(json!({ "\u{9b}2J": 1 })) },
        ] {
            let told = ended.told();
            assert!(!told.contains(['\n', '\u{1b}', '\u{9b}', '\u{202e}']) && told.contains("::error::yes"), "{told}");
        }
    }

    #[test]
    fn a_recording_takes_the_place_of_a_link_and_not_of_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let (other, tape) = (folder.path().join("other"), folder.path().join("exchanges.json"));
        std::fs::write(&other, "mine").unwrap();
        std::os::unix::fs::symlink(&other, &tape).unwrap();
        write_tape(&tape, &[]).unwrap();
        assert_eq!((std::fs::read_to_string(&other).unwrap().as_str(), std::fs::read_to_string(&tape).unwrap().trim()), ("mine", "[]"));
    }

    #[test]
    fn a_misspelt_expectation_is_refused() {
        assert!(serde_json::from_value::<Expected>(json!({ "txt": "a" })).is_err());
    }
}
