//! Runs a script as a plugin, for people and models that have no toolchain.
//!
//! Owns: the exports, and the way from a call into the script and back. The script
//! lies in this component's own data (`room.rs`), put there by the host's builder
//! (`host/plugins/src/instant.rs`). Each call starts a new engine, as each call has
//! a new store. What a script does wrong becomes an error of the tool, not a trap.

mod engine;
mod limits;
mod powers;
mod reply;
mod room;

use engine::Engine;
use skynet_plugin_sdk::tool::{CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Description, Lifecycle, Tool, export_tool, log};

struct Runtime;

impl Lifecycle for Runtime {
    fn describe() -> Description {
        let payload = room::payload();
        match Engine::start(&payload).and_then(|mut engine| engine.describe()) {
            Ok(description) => description,
            Err(_) => Description::new(payload.name, payload.summary),
        }
    }

    /// The host asks this of a new script before it is shown to anybody, so a script
    /// that does not load is refused with the reason.
    fn configure(proposed: &str) -> Result<(), String> {
        let mut engine = Engine::start(&room::payload())?;
        engine.tools()?;
        engine.configure(proposed)
    }
}

impl Tool for Runtime {
    fn tools() -> Vec<ToolSpec> {
        Engine::start(&room::payload()).and_then(|mut engine| engine.tools()).unwrap_or_else(|reason| {
            log::error(format!("the script offers no tools: {reason}"));
            Vec::new()
        })
    }

    fn call(name: &str, arguments: &str, context: &CallContext) -> Result<Outcome, ToolError> {
        let mut engine = Engine::start(&room::payload()).map_err(ToolError::Failed)?;
        engine.call(name, arguments, context)
    }
}

export_tool!(Runtime);
