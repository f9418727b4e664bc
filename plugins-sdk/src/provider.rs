//! Plugins that answer as a model.
//!
//! An adapter reads the request, talks to its server through a
//! [`Transport`](http::Transport), and pushes deltas into an [`Emit`]. In the
//! host these are [`http::Client`] and [`Sink`]; in tests the fakes. It owns the
//! mapping of HTTP failures to the cases that the host's router decides by.

use crate::bindings::imports::skynet::plugin::delta_sink::DeltaSink;
use crate::bindings::provider::exports::skynet::plugin::provider as wit;
use crate::{Lifecycle, http};

pub use crate::bindings::imports::skynet::plugin::delta_sink::{Delta, EmitError, StopReason, ToolCallArguments, ToolCallStart};
pub use crate::bindings::imports::skynet::plugin::types::{
    Blob, CallContext, Extra, Message, Part, ResultPart, Role, Thinking, ToolCall, ToolResult, Usage,
};
pub use wit::{Completion, CompletionRequest, ModelInfo, ProviderError, SystemBlock, ThinkingLevel, Throttle, ToolChoice, ToolDefinition};

/// A plugin with models.
pub trait Provider: Lifecycle {
    /// The models on offer. May ask the server.
    fn models() -> Result<Vec<ModelInfo>, ProviderError>;

    /// Answers one request, pushing deltas while they come. The result repeats
    /// the last stop reason and usage.
    fn complete(request: CompletionRequest, sink: &Sink<'_>) -> Result<Completion, ProviderError>;
}

/// Where deltas go. Logic takes `&dyn Emit`, so that a test can collect them.
pub trait Emit {
    /// Hands over deltas in order; best called once per network read. After an
    /// error nobody wants the rest: return at once (`?` gives the right case).
    fn emit(&self, deltas: Vec<Delta>) -> Result<(), EmitError>;
}

/// The host's sink, lent for one completion.
pub struct Sink<'a>(&'a DeltaSink);

impl Sink<'_> {
    /// See [`Emit::emit`].
    pub fn emit(&self, deltas: Vec<Delta>) -> Result<(), EmitError> {
        // An empty list would be a crossing for nothing.
        if deltas.is_empty() { Ok(()) } else { self.0.emit(&deltas) }
    }
}

impl Emit for Sink<'_> {
    fn emit(&self, deltas: Vec<Delta>) -> Result<(), EmitError> {
        Sink::emit(self, deltas)
    }
}

impl From<EmitError> for ProviderError {
    fn from(error: EmitError) -> Self {
        match error {
            EmitError::Cancelled => Self::Cancelled,
            EmitError::TooLarge(text) => Self::Protocol(format!("the answer is larger than the host takes: {text}")),
        }
    }
}

impl From<http::Error> for ProviderError {
    fn from(error: http::Error) -> Self {
        match error {
            http::Error::Denied(text) => Self::Denied(text),
            http::Error::InvalidRequest(text) => Self::InvalidRequest(text),
            http::Error::Network(_) | http::Error::Timeout(_) => {
                Self::Unavailable(Throttle { message: error.to_string(), retry_after_ms: None })
            }
            http::Error::TooLarge(_) | http::Error::Protocol(_) => Self::Protocol(error.to_string()),
        }
    }
}

impl ProviderError {
    /// The case for an answer that is not a success. `message` is the server's
    /// own sentence if there is one; callers handle what their server words
    /// specially (an overflow, say) before they come here.
    pub fn from_status(status: u16, headers: &[(String, String)], message: &str) -> Self {
        let message = if message.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {message}") };
        let throttle = |message| Throttle { message, retry_after_ms: http::retry_after_ms(headers) };
        match status {
            401..=403 => Self::Unauthorized(message),
            429 => Self::RateLimited(throttle(message)),
            408 | 425 | 500..=599 => Self::Unavailable(throttle(message)),
            400..=499 => Self::InvalidRequest(message),
            _ => Self::Protocol(message),
        }
    }
}

impl ModelInfo {
    /// A model that only answers text; the fields are public.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), context_window: None, max_output: None, abilities: Vec::new(), extra: Vec::new() }
    }
}

impl Usage {
    /// Nothing used yet.
    pub fn zero() -> Self {
        Self { input: 0, output: 0, cache_read: 0, cache_write: 0, reasoning: 0, extra: Vec::new() }
    }
}

/// Gives a plugin type the shape that the exported interface wants.
#[doc(hidden)]
pub struct Exported<T>(core::marker::PhantomData<T>);

impl<T: Provider> wit::Guest for Exported<T> {
    fn models() -> Result<Vec<ModelInfo>, ProviderError> {
        T::models()
    }

    fn complete(request: CompletionRequest, sink: &DeltaSink) -> Result<Completion, ProviderError> {
        T::complete(request, &Sink(sink))
    }
}
