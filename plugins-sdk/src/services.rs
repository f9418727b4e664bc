//! The host's larger services, as generated: each needs its own permission.
//!
//! They have no native fakes. Keep a trait of your own between them and your
//! logic if you want to test it on your machine.

pub use crate::bindings::imports::skynet::plugin::{
    agent, knowledge, memory, messages, propose, schedule, script, secret_reveal, terminal,
};
