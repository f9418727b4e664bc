//! Presents a script plugin to the model: the host runs this component once for each of them.
//!
//! What it presents comes from the setting `script`, which the host writes from the approved or signed
//! `tool.toml`; nobody else can. Without it, it presents nothing. `answer.rs` says what a run was, `program.rs`
//! speaks with a program that is kept, an MCP server.

mod answer;
mod program;

use program::{Program, told};
use serde::Deserialize;
use skynet_plugin_sdk::services::script;
use skynet_plugin_sdk::tool::{Annotations, CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Description, Lifecycle, Tool, config, export_tool, log};

/// What the host says that this plugin is.
#[derive(Debug, Default, Deserialize)]
struct Presented {
    #[serde(default)]
    tools: Vec<Presentation>,
    /// Whether what a script gives is JSON; else it is text.
    #[serde(default)]
    answers_json: bool,
    /// What is presented instead of scripts, where a program is kept.
    server: Option<Kept>,
}

/// An MCP server that is a program of this machine.
#[derive(Debug, Deserialize)]
struct Kept {
    /// The host's name for the program.
    program: String,
    #[serde(flatten)]
    server: mcp_client::Server,
}

#[derive(Debug, Deserialize)]
struct Presentation {
    name: String,
    description: String,
    parameters: serde_json::Value,
    #[serde(default)]
    annotations: Claims,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Claims {
    read_only: bool,
    destructive: bool,
    idempotent: bool,
    open_world: bool,
}

fn presented() -> Presented {
    config::get_or("script", Presented::default()).unwrap_or_else(|fault| {
        // The host compares what is presented with what it asked for, and refuses the plugin.
        log::error(fault.to_string());
        Presented::default()
    })
}

struct Bridge;

impl Lifecycle for Bridge {
    fn describe() -> Description {
        Description::new("Script bridge", "Presents script plugins to the model.")
    }
}

impl Tool for Bridge {
    fn tools() -> Vec<ToolSpec> {
        let spec = |tool: Presentation| {
            let Claims { read_only, destructive, idempotent, open_world } = tool.annotations;
            let mut spec = ToolSpec::new(tool.name, tool.description, tool.parameters.to_string());
            spec.annotations = Annotations { read_only, destructive, idempotent, open_world };
            spec
        };
        let presented = presented();
        match presented.server {
            Some(kept) => mcp_client::offered(&kept.server),
            None => presented.tools.into_iter().map(spec).collect(),
        }
    }

    fn call(name: &str, arguments: &str, _: &CallContext) -> Result<Outcome, ToolError> {
        let presented = presented();
        if let Some(kept) = presented.server {
            return mcp_client::call(|| Program::begin(&kept.program), &kept.server, name, arguments);
        }
        let ran = script::run(name, arguments).map_err(told)?;
        answer::outcome(ran.exit_code, &ran.output, presented.answers_json)
    }
}

export_tool!(Bridge);
