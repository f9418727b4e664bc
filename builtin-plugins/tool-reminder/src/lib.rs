//! Lets the model plan later work. `plan.rs` adds, lists and removes; `time.rs` reads when.
//!
//! The host keeps the jobs, checks calendars and bounds, and runs them.

mod plan;
mod time;

use plan::Host;
use skynet_plugin_sdk::tool::{self, CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Description, Lifecycle, Tool, clock, export_tool};

struct Reminder;

impl Lifecycle for Reminder {
    fn describe() -> Description {
        Description::new("Reminder", "Plans reminders and recurring work for you.")
    }
}

impl Tool for Reminder {
    fn tools() -> Vec<ToolSpec> {
        vec![plan::add_spec(), plan::list_spec(), plan::remove_spec()]
    }

    fn call(name: &str, arguments: &str, _: &CallContext) -> Result<Outcome, ToolError> {
        match name {
            "add" => plan::add(&Host, tool::arguments(arguments)?, clock::now_ms()),
            "list" => plan::list(&Host),
            "remove" => plan::remove(&Host, &tool::arguments(arguments)?),
            other => Err(ToolError::UnknownTool(other.to_owned())),
        }
    }
}

export_tool!(Reminder);
