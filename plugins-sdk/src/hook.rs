//! Plugins that watch or change what passes through the host.
//!
//! A hook that traps or is late counts as a block at points that guard, so it
//! should answer quickly and keep to what it was asked.

use crate::Lifecycle;
use crate::bindings::hook::exports::skynet::plugin::hook as wit;

pub use wit::Verdict;

/// A plugin with hooks.
pub trait Hook: Lifecycle {
    /// The points it wants, such as `tool.call` or `message.received`.
    fn points() -> Vec<String>;

    /// Before something happens; `payload` is JSON.
    fn before(point: &str, payload: &str) -> Verdict;

    /// After it happened. The default ignores it.
    fn after(point: &str, payload: &str) {
        let _ = (point, payload);
    }
}

/// Gives a plugin type the shape that the exported interface wants.
#[doc(hidden)]
pub struct Exported<T>(core::marker::PhantomData<T>);

impl<T: Hook> wit::Guest for Exported<T> {
    fn points() -> Vec<String> {
        T::points()
    }

    fn before(point: String, payload: String) -> Verdict {
        T::before(&point, &payload)
    }

    fn after(point: String, payload: String) {
        T::after(&point, &payload);
    }
}
