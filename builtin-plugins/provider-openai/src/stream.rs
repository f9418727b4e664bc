//! From the server's chunks to deltas, one chunk at a time.
//!
//! A state machine without any I/O that reads liberally, because servers of
//! this kind agree on little: calls are joined by `index`, yet a new name under
//! an old index is a new call; arguments come in pieces, whole, or as an
//! object. A call that was not finished is never ended, so nobody runs it.

use crate::calls::Calls;
use crate::error::{self, Failure};
use crate::usage;
use serde_json::Value;
use skynet_plugin_sdk::provider::{Completion, Delta, ProviderError, StopReason, Usage};

/// Reads one answer.
#[derive(Debug, Default)]
pub struct Reader {
    calls: Calls,
    usage: Option<Usage>,
    stop: Option<StopReason>,
    refused: bool,
    done: bool,
}

impl Reader {
    /// Whether the server said that nothing follows.
    pub fn ended(&self) -> bool {
        self.done
    }

    /// Takes one event's data. What was pushed before an error counts.
    pub fn event(&mut self, data: &str, out: &mut Vec<Delta>) -> Result<(), ProviderError> {
        match data.trim() {
            "" => return Ok(()),
            "[DONE]" => {
                self.done = true;
                return Ok(());
            }
            _ => {}
        }
        let chunk: Value = serde_json::from_str(data)
            .map_err(|error| ProviderError::Protocol(format!("the model server sent a chunk that is not JSON: {error}")))?;
        if error::is_error(&chunk) {
            return Err(error::from_value(Failure::default(), &chunk));
        }
        if let Some(choice) = first_choice(&chunk) {
            self.choice(choice, out)?;
        }
        if let Some(usage) = usage::read(&chunk).filter(|usage| self.usage.as_ref() != Some(usage)) {
            out.push(Delta::Usage(usage.clone()));
            self.usage = Some(usage);
        }
        Ok(())
    }

    /// The end of the stream, however it came.
    pub fn finish(mut self, out: &mut Vec<Delta>) -> Result<Completion, ProviderError> {
        if self.stop.is_none() {
            let cut = "the model server broke off before the answer was complete; unfinished tool calls were dropped";
            if !self.done || !self.calls.all_whole() {
                return Err(ProviderError::Protocol(cut.to_owned()));
            }
            self.end(StopReason::EndTurn, out);
        }
        let stop = self.stop.unwrap_or(StopReason::EndTurn);
        Ok(Completion { stop, usage: self.usage.unwrap_or_else(Usage::zero), extra: Vec::new() })
    }

    fn choice(&mut self, choice: &Value, out: &mut Vec<Delta>) -> Result<(), ProviderError> {
        // A server that does not stream sends the same fields as `message`.
        let piece = [choice.get("delta"), choice.get("message")].into_iter().flatten().find(|piece| piece.is_object());
        if let Some(piece) = piece {
            think(piece, out);
            content(piece.get("content"), out);
            if let Some(words) = piece.get("refusal").and_then(Value::as_str).filter(|words| !words.is_empty()) {
                self.refused = true;
                out.push(Delta::Text(words.to_owned()));
            }
            self.calls.piece(piece, out);
        }
        let reason = choice.get("finish_reason").and_then(Value::as_str).filter(|reason| !reason.is_empty());
        let Some(reason) = reason.filter(|_| self.stop.is_none()) else { return Ok(()) };
        let stop = match reason {
            "stop" | "eos" | "end_turn" | "tool_calls" | "function_call" => StopReason::EndTurn,
            "length" | "max_tokens" | "model_length" => StopReason::MaxTokens,
            "stop_sequence" => StopReason::StopSequence,
            "content_filter" | "refusal" => StopReason::Refusal,
            "error" | "insufficient_system_resource" => {
                let value = choice.get("error").cloned().unwrap_or_else(|| serde_json::json!({"code": "server_error", "message": reason}));
                return Err(error::from_value(Failure::default(), &value));
            }
            other => StopReason::Other(other.to_owned()),
        };
        self.end(stop, out);
        Ok(())
    }

    fn end(&mut self, stop: StopReason, out: &mut Vec<Delta>) {
        // Cut by the limit: what is not whole stays open. Otherwise broken
        // arguments are the model's own last word, and the loop tells it so.
        let ended = self.calls.end(stop == StopReason::MaxTokens, out);
        let stop = match stop {
            StopReason::EndTurn if self.refused => StopReason::Refusal,
            // Many servers say `stop` beside calls, and some the reverse.
            StopReason::EndTurn if ended > 0 => StopReason::ToolUse,
            stop => stop,
        };
        out.push(Delta::Stop(stop.clone()));
        self.stop = Some(stop);
    }
}

fn first_choice(chunk: &Value) -> Option<&Value> {
    let choices = chunk.get("choices")?.as_array()?;
    choices.iter().find(|choice| choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0)
}

fn think(piece: &Value, out: &mut Vec<Delta>) {
    // The same text may come under both names.
    let names = ["reasoning_content", "reasoning"];
    let words = names.iter().find_map(|name| piece.get(name).and_then(Value::as_str).filter(|words| !words.is_empty()));
    out.extend(words.map(|words| Delta::Thinking(words.to_owned())));
}

fn content(content: Option<&Value>, out: &mut Vec<Delta>) {
    match content {
        Some(Value::String(text)) if !text.is_empty() => out.push(Delta::Text(text.clone())),
        Some(Value::Array(parts)) => parts.iter().for_each(|part| content_part(part, out)),
        _ => {}
    }
}

/// One vendor sends lists, thinking among them.
fn content_part(part: &Value, out: &mut Vec<Delta>) {
    if let Some(text) = part.get("text").and_then(Value::as_str).filter(|text| !text.is_empty()) {
        out.push(Delta::Text(text.to_owned()));
    }
    for thought in part.get("thinking").and_then(Value::as_array).into_iter().flatten() {
        if let Some(text) = thought.get("text").and_then(Value::as_str).filter(|text| !text.is_empty()) {
            out.push(Delta::Thinking(text.to_owned()));
        }
    }
}
