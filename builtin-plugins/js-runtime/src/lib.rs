//! Runs a script as a plugin, for people and models that have no toolchain.
//!
//! Owns: the exports, and the way from a call into the script and back. The script
//! lies in this component's own data (`room.rs`), put there by the host's builder
//! (`host/plugins/src/instant.rs`). Each call starts a new engine, as each call has
//! a new store. What a script does wrong becomes an error of the tool, not a trap.

mod engine;
mod json;
mod limits;
mod powers;
mod reply;
mod room;
#[cfg(test)]
mod tests;

use engine::Engine;
use skynet_plugin_sdk::tool::{CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Description, Lifecycle, Tool, export_tool};

struct Runtime;

impl Lifecycle for Runtime {
    fn describe() -> Description {
        let payload = room::payload();
        let described = Engine::start(&payload).and_then(|mut engine| engine.describe());
        described.unwrap_or_else(|_| Description::new(payload.name, payload.summary))
    }

    /// Says also why a script does not load, for those who want to know without a trap.
    fn configure(proposed: &str) -> Result<(), String> {
        let mut engine = Engine::start(&room::payload())?;
        engine.tools()?;
        engine.configure(proposed)
    }
}

impl Tool for Runtime {
    fn tools() -> Vec<ToolSpec> {
        Engine::start(&room::payload()).and_then(|mut engine| engine.tools()).unwrap_or_else(|reason| {
            // The list has no place for an error. Admission refuses a component that ends
            // here, with the last line that it printed: nothing is installed that offers nothing.
            eprintln!("{reason}");
            std::process::abort()
        })
    }

    fn call(name: &str, arguments: &str, context: &CallContext) -> Result<Outcome, ToolError> {
        let mut engine = Engine::start(&room::payload()).map_err(ToolError::Failed)?;
        engine.call(name, arguments, context)
    }
}

export_tool!(Runtime);
