//! Presents a script plugin to the model: the host runs this component once for each of them.
//!
//! What it presents comes from the setting `script`, which the host writes from the approved or signed
//! `tool.toml`; nobody else can. Without it, it presents nothing. `answer.rs` says what a run was.

mod answer;

use serde::Deserialize;
use skynet_plugin_sdk::services::script;
use skynet_plugin_sdk::tool::{Annotations, CallContext, Outcome, ToolError, ToolSpec};
use skynet_plugin_sdk::{Description, Lifecycle, Tool, config, export_tool, log};

/// What the host says that this plugin is.
#[derive(Debug, Default, Deserialize)]
struct Presented {
    tools: Vec<Presentation>,
    /// Whether what a script gives is JSON; else it is text.
    answers_json: bool,
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
        presented().tools.into_iter().map(spec).collect()
    }

    fn call(name: &str, arguments: &str, _: &CallContext) -> Result<Outcome, ToolError> {
        match script::run(name, arguments) {
            Ok(ran) => answer::outcome(ran.exit_code, &ran.output, presented().answers_json),
            Err(script::ScriptError::UnknownScript(why)) => Err(ToolError::UnknownTool(why)),
            Err(script::ScriptError::Denied(why)) => Err(ToolError::Denied(why)),
            Err(script::ScriptError::TimedOut(why) | script::ScriptError::Failed(why)) => Err(ToolError::Failed(why)),
        }
    }
}

export_tool!(Bridge);
