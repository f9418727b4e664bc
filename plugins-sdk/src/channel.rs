//! Plugins that speak a chat system's language.
//!
//! A channel is pure: it turns what happened into what to do. The host owns the
//! sockets, the timers and the reconnects, and keeps the channel's state text.

use crate::Lifecycle;
use crate::bindings::channel::exports::skynet::plugin::channel as wit;

pub use crate::bindings::imports::skynet::plugin::types::Blob;
pub use wit::{Action, Event, Frame, HttpRequest, Incoming, Reply};

/// A plugin with a channel.
pub trait Channel: Lifecycle {
    /// What to do about one event. The error is one sentence for the log.
    fn handle(event: Event) -> Result<Vec<Action>, String>;
}

/// Gives a plugin type the shape that the exported interface wants.
#[doc(hidden)]
pub struct Exported<T>(core::marker::PhantomData<T>);

impl<T: Channel> wit::Guest for Exported<T> {
    fn handle(event: Event) -> Result<Vec<Action>, String> {
        T::handle(event)
    }
}
