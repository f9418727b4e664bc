//! One question to a model and its answer in pieces.

use crate::message::Message;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Tokens counted by a provider. `input` is all input, cached parts included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// All input tokens.
    pub input: u64,
    /// All output tokens.
    pub output: u64,
    /// Part of `input` read from the provider's cache.
    pub cache_read: u64,
    /// Part of `input` written to the provider's cache.
    pub cache_write: u64,
    /// Part of `output` spent on reasoning.
    pub reasoning: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
    }
}

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// It was done.
    EndTurn,
    /// It wants tools called.
    ToolUse,
    /// The output limit cut it off.
    MaxTokens,
    /// It wrote a stop text.
    StopSequence,
    /// It would not answer.
    Refusal,
    /// Hand the answer back unchanged and let it go on.
    Pause,
    /// The provider's own word.
    Other(String),
}

/// How much a model may reason first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThinkingLevel {
    /// Not at all.
    #[default]
    Off,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// A lot.
    High,
}

/// One block of the system text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemBlock {
    /// The text.
    pub text: String,
    /// This block and all before it stay the same over many requests.
    pub cache_anchor: bool,
}

/// A tool as the model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolDefinition {
    /// `[a-zA-Z0-9_-]{1,64}`.
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: Value,
}

/// Whether tools may, must or must not be called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Automatic,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// One question to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionRequest {
    /// The provider's own name of the model.
    pub model: String,
    /// The system text.
    pub system: Vec<SystemBlock>,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// What it may call.
    pub tools: Vec<ToolDefinition>,
    /// Whether it may call.
    pub tool_choice: ToolChoice,
    /// Output limit, tokens.
    pub max_output: Option<u32>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// Reasoning.
    pub thinking: ThinkingLevel,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// Provider-specific settings, an object.
    pub options: Value,
}

/// A piece of an answer, in the order the model made it.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// More text.
    Text(String),
    /// More reasoning.
    Thinking(String),
    /// The seal over the reasoning so far.
    ThinkingSignature(String),
    /// A whole hidden reasoning block.
    ThinkingRedacted(String),
    /// A call begins.
    ToolCallStart {
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
    },
    /// More of a call's JSON text.
    ToolCallArguments {
        /// The call's id.
        id: String,
        /// The piece.
        fragment: String,
    },
    /// A call is complete.
    ToolCallEnd {
        /// The call's id.
        id: String,
    },
    /// Totals so far; replaces what was said before.
    Usage(Usage),
    /// Why it stops.
    Stop(StopReason),
    /// A sentence for the person.
    Notice(String),
    /// The provider's own.
    Other(Value),
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Why.
    pub stop: StopReason,
    /// Totals of this one request.
    pub usage: Usage,
}

/// An item of a completion's stream: deltas, then exactly one end.
#[derive(Debug, Clone, PartialEq)]
pub enum CompletionItem {
    /// What came in one go.
    Deltas(Vec<Delta>),
    /// The end; nothing follows.
    End(Completion),
}

/// The ability by which a provider says that it only stands in for a real model.
pub const LAST_RESORT: &str = "last-resort";

/// A model on offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The provider's own name of it.
    pub id: String,
    /// For people.
    pub name: String,
    /// Tokens of input and output together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// Tokens of output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
    /// Some of `tools`, `images`, `thinking`, `cache`, `json`, `last-resort`.
    #[serde(default)]
    pub abilities: Vec<String>,
}

impl ModelInfo {
    /// Whether it says that it can do this.
    pub fn can(&self, ability: &str) -> bool {
        self.abilities.iter().any(|known| known == ability)
    }
}
