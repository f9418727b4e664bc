//! From the server's lines to deltas, one line at a time.
//!
//! A state machine without any I/O. Calls arrive whole, usually without an id:
//! they are numbered on from the conversation's. An error may come as a line
//! after a good beginning, and a stream without its last line is broken.

use crate::error;
use serde_json::Value;
use skynet_plugin_sdk::provider::{Completion, Delta, ProviderError, StopReason, ToolCallArguments, ToolCallStart, Usage};
use std::collections::BTreeSet;

/// Reads one answer.
#[derive(Debug)]
pub struct Reader {
    number: usize,
    ids: BTreeSet<String>,
    outcome: Option<Completion>,
}

impl Reader {
    /// A reader for a conversation that holds so many calls already.
    pub fn new(calls_before: usize) -> Self {
        Self { number: calls_before, ids: BTreeSet::new(), outcome: None }
    }

    /// Whether the last line came.
    pub fn ended(&self) -> bool {
        self.outcome.is_some()
    }

    /// Takes one line. What was pushed before an error counts.
    pub fn line(&mut self, line: &str, out: &mut Vec<Delta>) -> Result<(), ProviderError> {
        let line: Value = serde_json::from_str(line)
            .map_err(|error| ProviderError::Protocol(format!("the Ollama server sent a line that is not JSON: {error}")))?;
        if let Some(said) = error::said(&line) {
            return Err(error::in_stream(&said));
        }
        if let Some(message) = line.get("message") {
            push_some(message, "thinking", Delta::Thinking, out);
            push_some(message, "content", Delta::Text, out);
            for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
                self.call(call, out);
            }
        }
        if line.get("done").and_then(Value::as_bool) == Some(true) {
            self.end(&line, out);
        }
        Ok(())
    }

    /// The end of the stream, however it came.
    pub fn finish(self) -> Result<Completion, ProviderError> {
        self.outcome.ok_or_else(|| ProviderError::Protocol("the Ollama server broke off before the answer was complete".to_owned()))
    }

    fn call(&mut self, call: &Value, out: &mut Vec<Delta>) {
        let function = call.get("function").unwrap_or(&Value::Null);
        let Some(name) = function.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) else { return };
        let fragment = match function.get("arguments") {
            Some(Value::String(text)) if !text.trim().is_empty() => text.clone(),
            Some(whole @ Value::Object(_)) => whole.to_string(),
            _ => "{}".to_owned(),
        };
        self.number = self.number.saturating_add(1);
        let named = call.get("id").and_then(Value::as_str).filter(|id| !id.is_empty() && !self.ids.contains(*id));
        let id = named.map_or_else(|| format!("call_{}", self.number), str::to_owned);
        self.ids.insert(id.clone());
        out.push(Delta::ToolCallStart(ToolCallStart { id: id.clone(), name: name.to_owned() }));
        out.push(Delta::ToolCallArguments(ToolCallArguments { id: id.clone(), fragment }));
        out.push(Delta::ToolCallEnd(id));
    }

    fn end(&mut self, line: &Value, out: &mut Vec<Delta>) {
        let count = |key: &str| line.get(key).and_then(Value::as_u64).unwrap_or(0);
        let usage = Usage { input: count("prompt_eval_count"), output: count("eval_count"), ..Usage::zero() };
        let stop = match line.get("done_reason").and_then(Value::as_str).unwrap_or("stop") {
            "length" => StopReason::MaxTokens,
            _ if !self.ids.is_empty() => StopReason::ToolUse,
            "stop" | "" => StopReason::EndTurn,
            other => StopReason::Other(other.to_owned()),
        };
        out.push(Delta::Usage(usage.clone()));
        out.push(Delta::Stop(stop.clone()));
        self.outcome = Some(Completion { stop, usage, extra: Vec::new() });
    }
}

fn push_some(message: &Value, key: &str, delta: fn(String) -> Delta, out: &mut Vec<Delta>) {
    if let Some(text) = message.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()) {
        out.push(delta(text.to_owned()));
    }
}
