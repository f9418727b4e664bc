//! Lets the model run commands in a shell in the sandbox, one for each user and session.
//!
//! `run`, `input`, `output`, `resize`, `kill`. The host keeps the shell,
//! knows whose it is and confines it; this only words what is asked and what came of it.

mod keys;
mod shell;

use shell::Host;
use skynet_plugin_sdk::tool::{self, CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Description, Lifecycle, Tool, export_tool};

struct Terminal;

impl Lifecycle for Terminal {
    fn describe() -> Description {
        Description::new("Terminal", "Runs commands in a shell in the sandbox.")
    }
}

impl Tool for Terminal {
    fn tools() -> Vec<ToolSpec> {
        shell::specs()
    }

    fn call(name: &str, arguments: &str, _: &CallContext) -> Result<Outcome, ToolError> {
        match name {
            "run" => shell::run(&Host, &tool::arguments(arguments)?),
            "input" => shell::input(&Host, &tool::arguments(arguments)?),
            "output" => shell::read(&Host, &tool::arguments(arguments)?),
            "resize" => shell::resize(&Host, &tool::arguments(arguments)?),
            "kill" => shell::kill(&Host),
            other => Err(ToolError::UnknownTool(other.to_owned())),
        }
    }
}

export_tool!(Terminal);
