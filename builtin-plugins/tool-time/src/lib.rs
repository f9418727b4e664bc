//! Tells the model what time it is. See `now.rs`.

mod now;

use skynet_plugin_sdk::tool::{self, CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Description, Lifecycle, Tool, clock, export_tool};

struct Time;

impl Lifecycle for Time {
    fn describe() -> Description {
        Description::new("Time", "Tells the date, the time and the weekday in any time zone.")
    }
}

impl Tool for Time {
    fn tools() -> Vec<ToolSpec> {
        vec![now::spec()]
    }

    fn call(name: &str, arguments: &str, context: &CallContext) -> Result<Outcome, ToolError> {
        match name {
            "now" => now::call(&tool::arguments(arguments)?, context, clock::now_ms()),
            other => Err(ToolError::UnknownTool(other.to_owned())),
        }
    }
}

export_tool!(Time);
