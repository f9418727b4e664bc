//! The host's side of each interface that a plugin may import, one file each.
//!
//! `link` decides which of them a generation gets: what was not granted is not
//! there, so a component that imports it fails at admission, by name.

mod agent;
pub(crate) mod config;
pub(crate) mod delta_sink;
pub(crate) mod door;
mod folders;
mod knowledge;
pub(crate) mod kv;
pub(crate) mod log;
mod memory;
mod messages;
pub(crate) mod post;
mod propose;
mod schedule;
mod script;
pub(crate) mod secret_reveal;
pub(crate) mod secrets;
mod terminal;

use crate::bindings::v0::skynet::plugin as host;
use crate::store::CallState;
use skynet_policy::permission::Permissions;
use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

/// Makes the linker of one generation.
pub(crate) fn link(engine: &Engine, permissions: &Permissions) -> wasmtime::Result<Linker<CallState>> {
    let mut linker: Linker<CallState> = Linker::new(engine);
    // Guest languages import far more of WASI than they use; all of it is there,
    // over a context that holds nothing but what was granted.
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    host::types::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    host::log::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    host::config::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    host::secrets::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    host::delta_sink::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    if !permissions.reveal.is_empty() {
        host::secret_reveal::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    }
    if permissions.kv.is_some() {
        host::kv::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    }
    if !permissions.fs.is_empty() {
        folders::link(&mut linker)?;
    }
    if permissions.memory.is_some() {
        host::memory::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
        host::knowledge::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    }
    if permissions.schedule {
        host::schedule::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    }
    if permissions.agent.is_some() {
        host::agent::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    }
    if !permissions.messages.is_empty() {
        host::messages::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    }
    if !permissions.script.is_empty() {
        host::script::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    }
    if permissions.propose {
        host::propose::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    }
    if permissions.terminal {
        host::terminal::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    }
    Ok(linker)
}

impl host::types::Host for CallState {}
