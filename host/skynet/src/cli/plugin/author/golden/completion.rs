//! `completions` in `calls.json`: what a provider's model is asked, and what should come of it,
//! with its server played back from `exchanges.json`.
//!
//! Compared is what a turn would have of it: text, reasoning, calls, why it stopped, and what
//! it cost; or every delta by itself, where an author names them.

use super::super::bed::Bed;
use super::came::Came;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skynet_core::completion::{
    Completion, CompletionItem, CompletionRequest, Delta, SystemBlock, ThinkingLevel, ToolChoice, ToolDefinition,
};
use skynet_core::message::{Message, Part, Role};
use skynet_core::ports::Registry as _;

/// One question and what should come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct GoldenCompletion {
    /// For the report.
    pub(in super::super) name: String,
    /// Milliseconds since the Unix epoch, as the plugin sees it.
    #[serde(default)]
    pub(in super::super) now_ms: Option<u64>,
    /// What its random numbers are made of.
    #[serde(default)]
    pub(in super::super) seed: u64,
    ask: Question,
    expect: Expected,
}

/// A request as its author writes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Question {
    /// The provider's own name of it; the first that it offers when absent.
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    system: Option<String>,
    messages: Vec<Said>,
    #[serde(default)]
    tools: Vec<Offered>,
    #[serde(default)]
    thinking: ThinkingLevel,
    #[serde(default)]
    max_output: Option<u32>,
    #[serde(default)]
    temperature: Option<f64>,
    #[serde(default)]
    stop: Vec<String>,
    #[serde(default)]
    options: Option<Value>,
}

/// A message: its text, or its parts as they are stored.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    role: Role,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Offered {
    name: String,
    #[serde(default)]
    description: String,
    parameters: Value,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<String>,
    /// Each with `name` and `arguments`, as data.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<Vec<Value>>,
    /// Such as end-turn or tool-use.
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
    /// Each piece as it came, with one key: text, thinking, call, arguments, call-end, usage, stop, notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    deltas: Option<Vec<Value>>,
    /// unauthorized, rate-limited, unavailable, invalid-request, context-overflow, refused, protocol, other, cancelled or denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Question {
    /// Somebody says this, and nothing else.
    pub(in super::super) fn saying(text: &str) -> Self {
        let said = Said { role: Role::User, text: Some(text.to_owned()), parts: Vec::new() };
        Self { messages: vec![said], ..Self::default() }
    }

    /// Of this model, which may be none of the provider's.
    pub(in super::super) fn of(self, model: &str) -> Self {
        Self { model: Some(model.to_owned()), ..self }
    }

    fn request(self, first: Option<String>) -> CompletionRequest {
        let message = |said: Said| {
            let text = said.text.map(|text| Part::Text { text });
            Message { role: said.role, parts: text.into_iter().chain(said.parts).collect() }
        };
        let tool = |tool: Offered| ToolDefinition { name: tool.name, description: tool.description, parameters: tool.parameters };
        CompletionRequest {
            model: self.model.or(first).unwrap_or_else(|| "test".into()),
            system: self.system.map(|text| SystemBlock { text, cache_anchor: false }).into_iter().collect(),
            messages: self.messages.into_iter().map(message).collect(),
            tools: self.tools.into_iter().map(tool).collect(),
            tool_choice: ToolChoice::Automatic,
            max_output: self.max_output,
            temperature: self.temperature,
            thinking: self.thinking,
            stop: self.stop,
            options: self.options.unwrap_or_else(|| json!({})),
        }
    }

    /// Asks the plugin of this host.
    pub(in super::super) async fn ask(self, bed: &Bed) -> Came {
        let Some(plugin) = bed.serving().await else { return Came::Fault(format!("{} does not serve", bed.id)) };
        let first = bed.models().into_iter().next();
        let mut stream = bed.host.snapshot().complete(&plugin, self.request(first), Bed::context());
        let mut answer = Answer::default();
        while let Some(item) = stream.next().await {
            match item {
                Ok(CompletionItem::Deltas(deltas)) => deltas.into_iter().for_each(|delta| answer.take(delta)),
                Ok(CompletionItem::End(end)) => return Came::Value(answer.shown(&end)),
                Err(error) => return Came::model_error(&error),
            }
        }
        Came::Fault("the answer has no end".into())
    }
}

impl GoldenCompletion {
    pub(in super::super) async fn ask(&self, bed: &Bed) -> Came {
        self.ask.clone().ask(bed).await
    }

    pub(in super::super) fn differs(&self, came: &Came) -> Option<String> {
        came.differs(&self.expect)
    }
}

/// An answer as it comes.
#[derive(Debug, Default)]
struct Answer {
    text: String,
    thinking: String,
    /// Id, name and arguments.
    calls: Vec<(String, String, String)>,
    deltas: Vec<Value>,
}

impl Answer {
    fn take(&mut self, delta: Delta) {
        let shown = match delta {
            Delta::Text(text) => {
                self.text.push_str(&text);
                json!({ "text": text })
            }
            Delta::Thinking(text) => {
                self.thinking.push_str(&text);
                json!({ "thinking": text })
            }
            Delta::ThinkingSignature(seal) => json!({ "signature": seal }),
            Delta::ThinkingRedacted(block) => json!({ "redacted": block }),
            Delta::ToolCallStart { id, name } => {
                let shown = json!({ "call": name, "id": id });
                self.calls.push((id, name, String::new()));
                shown
            }
            Delta::ToolCallArguments { id, fragment } => {
                if let Some((_, _, arguments)) = self.calls.iter_mut().find(|(known, ..)| *known == id) {
                    arguments.push_str(&fragment);
                }
                json!({ "arguments": fragment, "id": id })
            }
            Delta::ToolCallEnd { id } => json!({ "call-end": id }),
            Delta::Usage(usage) => json!({ "usage": usage }),
            Delta::Stop(stop) => json!({ "stop": stop }),
            Delta::Notice(text) => json!({ "notice": text }),
            Delta::Other(value) => json!({ "other": value }),
        };
        self.deltas.push(shown);
    }

    fn shown(self, end: &Completion) -> Value {
        let call = |(_, name, arguments): &(String, String, String)| {
            // Broken JSON is what the model wrote; it is compared as the text that it is.
            let arguments = serde_json::from_str(arguments).unwrap_or_else(|_| json!(arguments));
            json!({ "name": name, "arguments": arguments })
        };
        json!({
            "text": self.text, "thinking": self.thinking, "calls": self.calls.iter().map(call).collect::<Vec<_>>(),
            "stop": end.stop, "usage": end.usage, "deltas": self.deltas,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_core::completion::{StopReason, Usage};

    #[test]
    fn pieces_become_the_answer_that_a_turn_would_have() {
        let mut answer = Answer::default();
        for delta in [
            Delta::Thinking("hm".into()),
            Delta::Text("a".into()),
            Delta::Text("b".into()),
            Delta::ToolCallStart { id: "1".into(), name: "greet".into() },
            Delta::ToolCallArguments { id: "1".into(), fragment: "{\"n\"".into() },
            Delta::ToolCallArguments { id: "1".into(), fragment: ":1}".into() },
            Delta::ToolCallEnd { id: "1".into() },
        ] {
            answer.take(delta);
        }
        let shown = answer.shown(&Completion { stop: StopReason::ToolUse, usage: Usage { input: 7, ..Usage::default() } });
        let wanted = json!({
            "text": "ab", "thinking": "hm", "calls": [{ "name": "greet", "arguments": { "n": 1 } }], "stop": "tool-use", "usage": { "input": 7 },
            "deltas": [{ "thinking": "hm" }, { "text": "a" }, { "text": "b" }, { "call": "greet" }, { "arguments": "{\"n\"" }, { "arguments": ":1}" }, { "call-end": "1" }],
        });
        assert_eq!(Came::Value(shown).differs(&wanted), None);
    }

    #[test]
    fn a_question_and_what_is_expected_are_read_whole_or_refused() {
        let read = |value: Value| serde_json::from_value::<GoldenCompletion>(value);
        let good = json!({ "name": "n", "ask": { "messages": [{ "role": "user", "text": "hi" }] }, "expect": { "text": "x" } });
        assert!(read(good.clone()).is_ok());
        for (at, key) in [("/expect", "txt"), ("/ask/messages/0", "txet"), ("/ask", "mesages"), ("", "asks")] {
            let mut wrong = good.clone();
            wrong.pointer_mut(at).unwrap()[key] = json!("x");
            assert!(read(wrong).is_err(), "{at}/{key}");
        }
    }
}
