//! From the server's events to deltas, one event at a time.
//!
//! A state machine without any I/O: it is fed the data of each event in order
//! and asked for the outcome at the end. Unknown events, blocks and pieces are
//! passed over. A call whose block was not closed, or whose arguments were cut
//! by the output limit, is never ended, so nobody runs it.

use crate::error::{self, Failure};
use crate::usage::Tally;
use serde_json::{Value, json};
use skynet_plugin_sdk::provider::{Completion, Delta, ProviderError, StopReason, ToolCallArguments, ToolCallStart};
use std::collections::BTreeMap;

/// The `kind` of a block that is kept only to be handed back to this server.
pub const FOREIGN_KIND: &str = "anthropic-block";

/// Reads one answer.
#[derive(Debug, Default)]
pub struct Reader {
    blocks: BTreeMap<u64, Block>,
    tally: Tally,
    stop: Option<StopReason>,
    ended: bool,
    spoke: bool,
    /// Calls whose block closed on text that is no JSON object.
    broken: Vec<String>,
    calls: usize,
    /// The response's own id, for the texts of errors and for the record.
    request_id: Option<String>,
}

#[derive(Debug)]
enum Block {
    Text,
    Thinking { signature: String },
    Tool { id: String, whole: String, pieces: String },
    Foreign { block: Value, pieces: String },
}

impl Reader {
    /// A reader at the beginning of the response with that `request-id`.
    pub fn new(request_id: Option<&str>) -> Self {
        Self { request_id: request_id.map(str::to_owned), ..Self::default() }
    }

    /// Whether the server said that the answer is complete.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Takes one event's data. What was pushed before an error counts.
    pub fn event(&mut self, data: &str, out: &mut Vec<Delta>) -> Result<(), ProviderError> {
        let event: Value = serde_json::from_str(data)
            .map_err(|error| ProviderError::Protocol(format!("the Anthropic server sent an event that is not JSON: {error}")))?;
        match event.get("type").and_then(Value::as_str).unwrap_or_default() {
            "message_start" => {
                let usage = event.get("message").and_then(|message| message.get("usage"));
                self.count(usage, out);
            }
            "content_block_start" => self.start(&event, out),
            "content_block_delta" => self.piece(&event, out),
            "content_block_stop" => self.close(&event, out),
            "message_delta" => self.outcome(&event, out)?,
            "message_stop" => self.ended = true,
            "error" => return Err(self.failed(&event)),
            _ => {}
        }
        Ok(())
    }

    /// The end of the stream, however it came.
    pub fn finish(self) -> Result<Completion, ProviderError> {
        match self.stop {
            Some(stop) => {
                let id = self.request_id.map(|id| ("request_id".to_owned(), Value::String(id).to_string()));
                Ok(Completion { stop, usage: self.tally.usage(), extra: id.into_iter().collect() })
            }
            None => {
                let id = self.request_id.map(|id| format!(" [request {id}]")).unwrap_or_default();
                let why = "the Anthropic server broke off before the answer was complete; unfinished tool calls were dropped";
                Err(ProviderError::Protocol(format!("{why}{id}")))
            }
        }
    }

    fn failed(&self, event: &Value) -> ProviderError {
        let headers: Vec<_> = self.request_id.iter().map(|id| ("request-id".to_owned(), id.clone())).collect();
        error::from_value(Failure { status: None, headers: &headers }, event)
    }

    fn count(&mut self, usage: Option<&Value>, out: &mut Vec<Delta>) {
        if let Some(usage) = usage.filter(|usage| usage.is_object()) {
            self.tally.replace(usage);
            out.push(Delta::Usage(self.tally.usage()));
        }
    }

    fn start(&mut self, event: &Value, out: &mut Vec<Delta>) {
        let (Some(index), Some(block)) = (index(event), event.get("content_block")) else { return };
        let opened = match text(block, "type") {
            "text" => {
                self.say(text(block, "text"), out);
                Block::Text
            }
            "thinking" => {
                push_some(text(block, "thinking"), Delta::Thinking, out);
                Block::Thinking { signature: text(block, "signature").to_owned() }
            }
            "redacted_thinking" => {
                push_some(text(block, "data"), Delta::ThinkingRedacted, out);
                return;
            }
            "tool_use" => self.start_call(block, out),
            _ => Block::Foreign { block: block.clone(), pieces: String::new() },
        };
        self.blocks.insert(index, opened);
    }

    fn start_call(&mut self, block: &Value, out: &mut Vec<Delta>) -> Block {
        self.spoke = true;
        self.calls += 1;
        let id = match text(block, "id") {
            "" => format!("call_{}", self.calls),
            id => id.to_owned(),
        };
        out.push(Delta::ToolCallStart(ToolCallStart { id: id.clone(), name: text(block, "name").to_owned() }));
        // Servers that do not stream arguments put them here whole.
        let whole = block.get("input").filter(|input| input.as_object().is_some_and(|map| !map.is_empty()));
        Block::Tool { id, whole: whole.map_or_else(|| "{}".to_owned(), Value::to_string), pieces: String::new() }
    }

    fn piece(&mut self, event: &Value, out: &mut Vec<Delta>) {
        let (Some(index), Some(delta)) = (index(event), event.get("delta")) else { return };
        let Some(block) = self.blocks.get_mut(&index) else { return };
        match (text(delta, "type"), block) {
            ("text_delta", Block::Text) => self.say(text(delta, "text"), out),
            ("thinking_delta", Block::Thinking { .. }) => push_some(text(delta, "thinking"), Delta::Thinking, out),
            ("signature_delta", Block::Thinking { signature }) => *signature = text(delta, "signature").to_owned(),
            ("input_json_delta", Block::Tool { id, pieces, .. }) => {
                let fragment = text(delta, "partial_json");
                if !fragment.is_empty() {
                    pieces.push_str(fragment);
                    out.push(arguments(id, fragment));
                }
            }
            ("input_json_delta", Block::Foreign { pieces, .. }) => pieces.push_str(text(delta, "partial_json")),
            _ => {}
        }
    }

    fn close(&mut self, event: &Value, out: &mut Vec<Delta>) {
        let Some(block) = index(event).and_then(|index| self.blocks.remove(&index)) else { return };
        match block {
            Block::Text => {}
            Block::Thinking { signature } => push_some(&signature, Delta::ThinkingSignature, out),
            Block::Tool { id, whole, pieces } => {
                if pieces.is_empty() {
                    out.push(arguments(&id, &whole));
                }
                if pieces.is_empty() || serde_json::from_str::<Value>(&pieces).is_ok_and(|value| value.is_object()) {
                    out.push(Delta::ToolCallEnd(id));
                } else {
                    self.broken.push(id);
                }
            }
            Block::Foreign { mut block, pieces } => {
                if let (Some(map), Ok(input)) = (block.as_object_mut(), serde_json::from_str::<Value>(&pieces)) {
                    map.insert("input".to_owned(), input);
                }
                out.push(Delta::Other(json!({"kind": FOREIGN_KIND, "block": block}).to_string()));
            }
        }
    }

    fn outcome(&mut self, event: &Value, out: &mut Vec<Delta>) -> Result<(), ProviderError> {
        self.count(event.get("usage"), out);
        let Some(delta) = event.get("delta") else { return Ok(()) };
        let stop = match text(delta, "stop_reason") {
            "" => return Ok(()),
            "end_turn" => StopReason::EndTurn,
            "tool_use" => StopReason::ToolUse,
            "max_tokens" => StopReason::MaxTokens,
            "stop_sequence" => StopReason::StopSequence,
            "pause_turn" => StopReason::Pause,
            "refusal" => {
                let why = delta.get("stop_details").map_or("", |details| text(details, "explanation"));
                push_some(why, Delta::Notice, out);
                StopReason::Refusal
            }
            "model_context_window_exceeded" => self.window_full(out)?,
            other => StopReason::Other(other.to_owned()),
        };
        if stop != StopReason::MaxTokens {
            // Broken, but the model's own last word: the loop tells it so.
            out.extend(self.broken.drain(..).map(Delta::ToolCallEnd));
        }
        out.push(Delta::Stop(stop.clone()));
        self.stop = Some(stop);
        Ok(())
    }

    /// Nothing said yet: the input alone is too large, and less of it may work.
    fn window_full(&self, out: &mut Vec<Delta>) -> Result<StopReason, ProviderError> {
        if !self.spoke {
            let text = "the input leaves no room for an answer in the model's context window (model_context_window_exceeded)";
            return Err(ProviderError::ContextOverflow(text.to_owned()));
        }
        out.push(Delta::Notice("The answer was cut because the model's context window is full.".to_owned()));
        Ok(StopReason::MaxTokens)
    }

    fn say(&mut self, text: &str, out: &mut Vec<Delta>) {
        self.spoke |= !text.is_empty();
        push_some(text, Delta::Text, out);
    }
}

fn index(event: &Value) -> Option<u64> {
    event.get("index").and_then(Value::as_u64)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn push_some(text: &str, delta: fn(String) -> Delta, out: &mut Vec<Delta>) {
    if !text.is_empty() {
        out.push(delta(text.to_owned()));
    }
}

fn arguments(id: &str, fragment: &str) -> Delta {
    Delta::ToolCallArguments(ToolCallArguments { id: id.to_owned(), fragment: fragment.to_owned() })
}
