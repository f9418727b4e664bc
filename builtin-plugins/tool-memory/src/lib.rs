//! Lets the model remember facts about a person, and look up and write articles.
//!
//! `facts.rs` and `articles.rs` hold one tool each way; `shelf.rs` is what they see of the
//! host, so that tests can stand in for it. Bounds and quotas are the host's.

mod articles;
mod facts;
mod shelf;

use shelf::Host;
use skynet_plugin_sdk::tool::{self, CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Description, Lifecycle, Tool, export_tool};

struct Memory;

impl Lifecycle for Memory {
    fn describe() -> Description {
        Description::new("Memory", "Remembers facts about you, and looks up articles that this host keeps.")
    }
}

impl Tool for Memory {
    fn tools() -> Vec<ToolSpec> {
        vec![facts::remember_spec(), facts::recall_spec(), facts::forget_spec(), articles::search_spec(), articles::write_spec()]
    }

    fn call(name: &str, arguments: &str, _: &CallContext) -> Result<Outcome, ToolError> {
        match name {
            "remember" => facts::remember(&Host, tool::arguments(arguments)?),
            "recall" => facts::recall(&Host, &tool::arguments(arguments)?),
            "forget" => facts::forget(&Host, &tool::arguments(arguments)?),
            "search_articles" => articles::search(&Host, &tool::arguments(arguments)?),
            "write_article" => articles::write(&Host, tool::arguments(arguments)?),
            other => Err(ToolError::UnknownTool(other.to_owned())),
        }
    }
}

export_tool!(Memory);
