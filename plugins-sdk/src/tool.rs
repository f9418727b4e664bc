//! Plugins that offer tools to the model.
//!
//! It owns the trait, builders for specs and outcomes, and the mapping of HTTP
//! errors to tool errors. The host has checked the arguments against the schema
//! before `call`, so a plugin only refuses what a schema cannot say.

use crate::bindings::tool::exports::skynet::plugin::tool as wit;
use crate::{Lifecycle, http};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::bindings::imports::skynet::plugin::types::{Blob, CallContext, ResultPart};
pub use wit::{Annotations, Outcome, ToolError, ToolSpec};

/// A plugin with tools.
pub trait Tool: Lifecycle {
    /// The same list each time, in the same order.
    fn tools() -> Vec<ToolSpec>;

    /// Runs one tool; `arguments` is a JSON object.
    fn call(name: &str, arguments: &str, context: &CallContext) -> Result<Outcome, ToolError>;
}

/// Reads the arguments of a call into a type of the plugin's own.
pub fn arguments<T: DeserializeOwned>(json: &str) -> Result<T, ToolError> {
    serde_json::from_str(json).map_err(|error| ToolError::InvalidArguments(error.to_string()))
}

impl ToolSpec {
    /// A tool that claims nothing: it may change things, each time anew, and may reach
    /// outside; claim more with the methods below. `parameters` is the JSON Schema of an object.
    pub fn new(name: impl Into<String>, description: impl Into<String>, parameters: impl Into<String>) -> Self {
        let annotations = Annotations { read_only: false, destructive: false, idempotent: false, open_world: true };
        Self {
            name: name.into(),
            description: description.into(),
            parameters: parameters.into(),
            output: None,
            annotations,
            extra: Vec::new(),
        }
    }

    /// It changes nothing.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.annotations.read_only = true;
        self.annotations.destructive = false;
        self
    }

    /// A second call with the same arguments changes no more than the first.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.annotations.idempotent = true;
        self
    }

    /// It stays inside of the host: no networks, people or devices.
    #[must_use]
    pub fn closed_world(mut self) -> Self {
        self.annotations.open_world = false;
        self
    }

    /// It changes something, as is taken of a tool that claims nothing.
    #[must_use]
    pub fn writes(mut self) -> Self {
        self.annotations.read_only = false;
        self
    }

    /// It may destroy what was there.
    #[must_use]
    pub fn destructive(mut self) -> Self {
        self.annotations.read_only = false;
        self.annotations.destructive = true;
        self
    }

    /// A second call with the same arguments changes more, as is taken of a tool that claims nothing.
    #[must_use]
    pub fn not_idempotent(mut self) -> Self {
        self.annotations.idempotent = false;
        self
    }

    /// It reaches outside the host (networks, people, devices), as is taken of a tool that claims nothing.
    #[must_use]
    pub fn open_world(mut self) -> Self {
        self.annotations.open_world = true;
        self
    }

    /// The JSON Schema of the structured outcome.
    #[must_use]
    pub fn with_output(mut self, schema: impl Into<String>) -> Self {
        self.output = Some(schema.into());
        self
    }
}

impl Outcome {
    /// One text for the model.
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: vec![ResultPart::Text(text.into())], structured: None, extra: Vec::new() }
    }

    /// Adds the same as data. A value that is no JSON is left out.
    #[must_use]
    pub fn with_structured(mut self, value: &impl Serialize) -> Self {
        self.structured = serde_json::to_string(value).ok();
        self
    }
}

/// Gives a plugin type the shape that the exported interface wants.
#[doc(hidden)]
pub struct Exported<T>(core::marker::PhantomData<T>);

impl<T: Tool> wit::Guest for Exported<T> {
    fn tools() -> Vec<ToolSpec> {
        T::tools()
    }

    fn call(name: String, arguments: String, context: CallContext) -> Result<Outcome, ToolError> {
        T::call(&name, &arguments, &context)
    }
}

impl From<http::Error> for ToolError {
    fn from(error: http::Error) -> Self {
        match error {
            http::Error::Denied(text) => Self::Denied(text),
            http::Error::InvalidRequest(text) => Self::InvalidArguments(text),
            http::Error::Network(_) | http::Error::Timeout(_) => Self::Unavailable(error.to_string()),
            http::Error::TooLarge(_) | http::Error::Protocol(_) => Self::Failed(error.to_string()),
        }
    }
}
