//! Fetches a web page or a text and gives its text.
//!
//! `get.rs` asks and follows redirects, `body.rs` decides what a body is and
//! makes text of it, `page.rs` turns HTML into text that keeps its links,
//! with `open.rs` and `layout.rs`.

mod body;
mod get;
mod layout;
mod limits;
mod open;
mod page;

use skynet_plugin_sdk::http::Client;
use skynet_plugin_sdk::tool::{self, CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Description, Lifecycle, Tool, export_tool};

struct Fetch;

impl Lifecycle for Fetch {
    fn describe() -> Description {
        Description::new("Fetch", "Fetches a web page or a text from a public address and gives its text.")
    }
}

impl Tool for Fetch {
    fn tools() -> Vec<ToolSpec> {
        vec![get::spec()]
    }

    fn call(name: &str, arguments: &str, _: &CallContext) -> Result<Outcome, ToolError> {
        match name {
            "get" => get::call(&mut Client::new(), &tool::arguments(arguments)?).map(Outcome::text),
            other => Err(ToolError::UnknownTool(other.to_owned())),
        }
    }
}

export_tool!(Fetch);
