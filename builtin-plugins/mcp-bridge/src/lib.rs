//! The tools of one MCP server over HTTP, as they were when the owner saw them.
//!
//! `room.rs` holds the address and the approved tools, `http.rs` is the way to the server; what
//! is said there is `mcp-client`'s. Each call is a session of its own: nothing is kept.

mod http;
mod limits;
mod room;

use http::Http;
use room::Place;
use skynet_plugin_sdk::http::{Client, Transport};
use skynet_plugin_sdk::tool::{CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Description, Lifecycle, Tool, export_tool};

struct Bridge;

impl Lifecycle for Bridge {
    fn describe() -> Description {
        match room::place() {
            Some(place) => Description::new(place.server.name, format!("Tools of the MCP server {}.", place.url)),
            None => Description::new("MCP bridge", "What `skynet plugin add-mcp` makes plugins of; by itself it offers nothing."),
        }
    }
}

impl Tool for Bridge {
    fn tools() -> Vec<ToolSpec> {
        room::place().map(|place| mcp_client::offered(&place.server)).unwrap_or_default()
    }

    fn call(name: &str, arguments: &str, _: &CallContext) -> Result<Outcome, ToolError> {
        let place = room::place().ok_or_else(|| ToolError::Unavailable("this bridge has no server".into()))?;
        call(&mut Client::new(), &place, name, arguments)
    }
}

fn call(transport: &mut dyn Transport, place: &Place, name: &str, arguments: &str) -> Result<Outcome, ToolError> {
    mcp_client::call(|| Ok(Http::new(transport, &place.url)), &place.server, name, arguments)
}

export_tool!(Bridge);

#[cfg(test)]
mod tests;
