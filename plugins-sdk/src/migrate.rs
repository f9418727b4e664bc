//! The optional step of a plugin that keeps state in `kv` when a new version
//! takes over. It runs in one transaction, which an error undoes.

use crate::bindings::migrate::exports::skynet::plugin::migrate as wit;

/// A plugin whose stored state changes shape between versions.
pub trait Migrate {
    /// Called once before this version serves; `previous` is a semantic version.
    fn migrate(previous: &str) -> Result<(), String>;
}

/// Gives a plugin type the shape that the exported interface wants.
#[doc(hidden)]
pub struct Exported<T>(core::marker::PhantomData<T>);

impl<T: Migrate> wit::Guest for Exported<T> {
    fn migrate(previous: String) -> Result<(), String> {
        T::migrate(&previous)
    }
}
