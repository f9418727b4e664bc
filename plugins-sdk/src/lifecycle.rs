//! What every plugin says about itself.
//!
//! It owns the trait and the adapter to the exported interface. Both functions
//! run in a store that is granted nothing, so they must not reach out.

use crate::bindings::lifecycle::exports::skynet::plugin::lifecycle as wit;

pub use wit::Description;

/// Every plugin implements this once, beside its kinds.
pub trait Lifecycle {
    /// The name and the sentence that people see in lists.
    fn describe() -> Description;

    /// Looks at a configuration that an owner proposes; `proposed` is JSON. The
    /// error is one sentence for that person. The default accepts everything.
    fn configure(proposed: &str) -> Result<(), String> {
        let _ = proposed;
        Ok(())
    }
}

impl Description {
    /// A description without a configuration.
    pub fn new(name: impl Into<String>, summary: impl Into<String>) -> Self {
        Self { name: name.into(), summary: summary.into(), config_schema: None, extra: Vec::new() }
    }

    /// Adds the JSON Schema of the configuration.
    #[must_use]
    pub fn with_config_schema(mut self, schema: impl Into<String>) -> Self {
        self.config_schema = Some(schema.into());
        self
    }
}

/// Gives a plugin type the shape that the exported interface wants.
#[doc(hidden)]
pub struct Exported<T>(core::marker::PhantomData<T>);

impl<T: Lifecycle> wit::Guest for Exported<T> {
    fn describe() -> Description {
        T::describe()
    }

    fn configure(proposed: String) -> Result<(), String> {
        T::configure(&proposed)
    }
}
