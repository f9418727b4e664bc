//! Reads, writes, lists, searches and patches files in granted folders.
//!
//! One file per tool; `place.rs` says which folder a path means, `trouble.rs`
//! puts a failure into words, `text.rs` reads and cuts, `replace.rs` writes
//! without ever leaving half a file.

mod limits;
mod list;
mod patch;
mod place;
mod read;
mod replace;
mod search;
#[cfg(test)]
mod testbed;
mod text;
mod trouble;
mod write;

use skynet_plugin_sdk::tool::{self, CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Description, Lifecycle, Tool, export_tool, files};

struct Files;

impl Lifecycle for Files {
    fn describe() -> Description {
        Description::new("Files", "Reads, writes, lists, searches and patches files in the folders its owner granted.")
    }
}

impl Tool for Files {
    fn tools() -> Vec<ToolSpec> {
        vec![read::spec(), write::spec(), list::spec(), search::spec(), patch::spec()]
    }

    fn call(name: &str, arguments: &str, _: &CallContext) -> Result<Outcome, ToolError> {
        let roots = files::roots();
        let text = match name {
            "read" => read::call(&roots, &tool::arguments(arguments)?),
            "write" => write::call(&roots, &tool::arguments(arguments)?),
            "list" => list::call(&roots, &tool::arguments(arguments)?),
            "search" => search::call(&roots, &tool::arguments(arguments)?),
            "patch" => patch::call(&roots, &tool::arguments(arguments)?),
            other => Err(ToolError::UnknownTool(other.to_owned())),
        }?;
        Ok(Outcome::text(text))
    }
}

export_tool!(Files);
