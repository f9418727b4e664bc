//! Write SmartopolAI plugins in Rust.
//!
//! A plugin is a type that implements [`Lifecycle`] and one or more kinds
//! ([`Tool`], [`Provider`], [`Channel`], [`Hook`], [`Migrate`]) and is handed to
//! an `export_…!` macro. The same source compiles for the machine it is written
//! on: what the host gives (configuration, HTTP, key-value store, clock) is then
//! served by the fakes in [`testing`], so `cargo test` needs no host.
//!
//! The crate refuses to hide denials: a request that the host's policy stopped
//! is an error of its own, never "network trouble".

extern crate self as skynet_plugin_sdk;

pub mod arguments;
#[doc(hidden)]
pub mod bindings;
pub mod channel;
pub mod clock;
pub mod config;
mod export;
pub mod files;
pub mod hook;
pub mod http;
pub mod kv;
pub mod lifecycle;
pub mod limits;
mod lines;
pub mod log;
pub mod migrate;
pub mod ndjson;
pub mod provider;
pub mod room;
pub mod secrets;
pub mod services;
pub mod sse;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod tool;

/// What the generated bindings link against.
#[doc(hidden)]
pub mod runtime {
    pub use wit_bindgen::rt::*;
}

/// Writes [`arguments::Arguments`] from a type's fields and comments.
pub use skynet_plugin_derive::Arguments;

pub use channel::Channel;
pub use hook::Hook;
pub use lifecycle::{Description, Lifecycle};
pub use migrate::Migrate;
pub use provider::Provider;
pub use tool::Tool;

pub use serde_json;

/// Native stand-ins for the exports: they compile only for a complete plugin.
#[doc(hidden)]
pub mod __checks {
    use crate::bindings;
    pub fn lifecycle<T: bindings::lifecycle::exports::skynet::plugin::lifecycle::Guest>() {}
    pub fn tool<T: bindings::tool::exports::skynet::plugin::tool::Guest>() {}
    pub fn provider<T: bindings::provider::exports::skynet::plugin::provider::Guest>() {}
    pub fn channel<T: bindings::channel::exports::skynet::plugin::channel::Guest>() {}
    pub fn hook<T: bindings::hook::exports::skynet::plugin::hook::Guest>() {}
    pub fn migrate<T: bindings::migrate::exports::skynet::plugin::migrate::Guest>() {}
}

/// The README's code is compiled with the documentation's tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
