//! The tools of one MCP server, as they were when the owner saw them, whichever way leads to it.
//!
//! `session.rs` speaks, `tools.rs` compares and translates, `answer.rs` is what a call gave. Two
//! bridges share it: one over HTTP, one to a program of this machine. A tool that is not as it was
//! approved is refused, on both ways alike.

mod answer;
pub mod limits;
mod session;
mod tools;

pub use answer::outcome;
pub use session::{Meanwhile, Session, VERSIONS, Way, cut, failed};
pub use tools::{LOOK, essence, offered};

use serde::Deserialize;
use serde_json::Value;
use skynet_plugin_sdk::tool::{self, Outcome, ToolError};

/// One server as its owner approved it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Server {
    /// The owner's name for it.
    pub name: String,
    /// Whether the tool that lists what the server offers now is there: while its owner looks.
    #[serde(default)]
    pub look: bool,
    /// What was approved.
    #[serde(default)]
    pub tools: Vec<Pinned>,
}

/// One approved tool.
#[derive(Debug, Clone, Deserialize)]
pub struct Pinned {
    /// Its name here.
    pub name: String,
    /// The server's own words, as `essence` keeps them.
    pub tool: Value,
}

/// Calls one of the approved tools, or looks at what is offered. `way` is opened for a tool that is there only.
pub fn call<W: Way>(
    way: impl FnOnce() -> Result<W, ToolError>,
    server: &Server,
    name: &str,
    arguments: &str,
) -> Result<Outcome, ToolError> {
    let arguments: serde_json::Map<_, _> = tool::arguments(arguments)?;
    let pinned = server.tools.iter().find(|pinned| pinned.name == name);
    if pinned.is_none() && !(server.look && name == LOOK) {
        return Err(ToolError::UnknownTool(name.to_owned()));
    }
    let mut way = way()?;
    let mut session = Session::open(&mut way)?;
    let given = match pinned {
        None => session.list().map(|listed| tools::seen(&session, &listed)),
        Some(pinned) => session
            .list()
            .and_then(|listed| tools::still_as_approved(server, pinned, &listed))
            .and_then(|remote| session.ask("tools/call", serde_json::json!({ "name": remote, "arguments": arguments })))
            .and_then(answer::outcome),
    };
    way.close();
    given
}
