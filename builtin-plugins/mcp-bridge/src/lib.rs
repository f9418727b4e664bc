//! The tools of one MCP server over HTTP, as they were when the owner saw them.
//!
//! `room.rs` holds the address and the approved tools, `session.rs` speaks to the server,
//! `tools.rs` compares and translates, `answer.rs` is what a call gave. Each call is a
//! session of its own: nothing is kept. A tool that is not as it was approved is refused.

mod answer;
mod limits;
mod room;
mod session;
mod tools;

use room::Server;
use session::Session;
use skynet_plugin_sdk::http::{Client, Transport};
use skynet_plugin_sdk::tool::{self, CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Description, Lifecycle, Tool, export_tool};

struct Bridge;

impl Lifecycle for Bridge {
    fn describe() -> Description {
        match room::server() {
            Some(server) => Description::new(server.name.clone(), format!("Tools of the MCP server {}.", server.url)),
            None => Description::new("MCP bridge", "What `skynet plugin add-mcp` makes plugins of; by itself it offers nothing."),
        }
    }
}

impl Tool for Bridge {
    fn tools() -> Vec<ToolSpec> {
        let Some(server) = room::server() else { return Vec::new() };
        let look = server.look.then(tools::look);
        server.tools.iter().map(tools::spec).chain(look).collect()
    }

    fn call(name: &str, arguments: &str, _: &CallContext) -> Result<Outcome, ToolError> {
        let server = room::server().ok_or_else(|| ToolError::Unavailable("this bridge has no server".into()))?;
        call(&mut Client::new(), &server, name, arguments)
    }
}

fn call(transport: &mut dyn Transport, server: &Server, name: &str, arguments: &str) -> Result<Outcome, ToolError> {
    let arguments: serde_json::Map<_, _> = tool::arguments(arguments)?;
    let pinned = server.tools.iter().find(|pinned| pinned.name == name);
    if pinned.is_none() && !(server.look && name == tools::LOOK) {
        return Err(ToolError::UnknownTool(name.to_owned()));
    }
    let mut session = Session::open(transport, &server.url)?;
    let given = match pinned {
        None => session.list().map(|offered| tools::seen(&session, &offered)),
        Some(pinned) => session
            .list()
            .and_then(|offered| tools::still_as_approved(server, pinned, &offered))
            .and_then(|remote| session.ask("tools/call", serde_json::json!({ "name": remote, "arguments": arguments })))
            .and_then(answer::outcome),
    };
    session.close();
    given
}

export_tool!(Bridge);

#[cfg(test)]
mod tests;
