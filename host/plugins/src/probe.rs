//! The first run of a component, in a store that is granted nothing: what does it
//! say about itself, and does that hold together?

use crate::bindings::from_guest;
use crate::generation::{Loaded, Terms};
use crate::limits;
use crate::runtime::Runtime;
use crate::store::{CallLimits, Purpose};
use serde_json::Value;
use skynet_core::plugin::PluginKind;
use skynet_core::{PluginError, PluginRef, ToolSpec};
use skynet_policy::naming;
use skynet_policy::permission::Permissions;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a component said of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) title: String,
    pub(crate) summary: String,
    pub(crate) config_schema: Option<Value>,
    pub(crate) tools: Vec<ToolSpec>,
}

/// Asks. The error is a sentence.
pub(crate) async fn probe(
    runtime: &Runtime,
    plugin: &PluginRef,
    loaded: &Arc<Loaded>,
    kinds: &[PluginKind],
    granted: &Terms,
) -> Result<Said, PluginError> {
    let limits = CallLimits::probe(&granted.permissions);
    // Linked with what was granted, run with nothing in it. The bridge must know what it presents.
    let nothing = Permissions { kv: granted.permissions.kv, ..Permissions::default() };
    let settings = granted.folder.as_ref().map(|_| Arc::clone(&granted.settings)).unwrap_or_default();
    let terms = Terms { permissions: Arc::new(nothing), withheld: Arc::default(), settings, folder: None, validity: Arc::default() };
    let with_tools = kinds.contains(&PluginKind::Tool);
    let ended = runtime
        .run_loaded(
            plugin,
            &terms,
            loaded,
            Purpose::of_host(limits, "describe"),
            Box::new(move |call| {
                Box::pin(async move {
                    let lifecycle = call.loaded.lifecycle.as_ref().ok_or_else(|| wasmtime::format_err!("it exports no lifecycle"))?;
                    let lifecycle = lifecycle.load(&mut *call.store, &call.instance)?;
                    let description = lifecycle.call_describe(&mut *call.store).await?;
                    let tools = match call.loaded.tool.as_ref().filter(|_| with_tools) {
                        None => Vec::new(),
                        Some(indices) => indices.load(&mut *call.store, &call.instance)?.call_tools(&mut *call.store).await?,
                    };
                    Ok((description, tools))
                })
            }),
        )
        .await;
    runtime.tell_scrubbed(plugin, "describe", &ended.seen).await;
    let (description, tools) = ended.result?;
    let said = Said {
        title: naming::plain_line(&description.name, 80),
        summary: naming::plain_line(&description.summary, 300),
        config_schema: description.config_schema.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))),
        tools: tools.into_iter().map(from_guest::tool_spec).collect(),
    };
    check(&said).map_err(|reason| crate::fault::bad_answer(plugin, "describe", reason))?;
    Ok(said)
}

/// Whether what it says can be used.
pub(crate) fn check(said: &Said) -> Result<(), String> {
    if said.tools.len() > limits::TOOLS {
        return Err(format!("it offers {} tools and may offer {}", said.tools.len(), limits::TOOLS));
    }
    let mut names = BTreeSet::new();
    for tool in &said.tools {
        let name = naming::plain_line(&tool.name, 60);
        if !naming::is_tool_name(&tool.name) {
            return Err(format!("its tool `{name}` is ill-named: use a-z first, then a-z, 0-9 and _, at most 48"));
        }
        if !names.insert(&tool.name) {
            return Err(format!("it offers two tools named `{name}`"));
        }
        if tool.description.len() > limits::DESCRIPTION_BYTES {
            return Err(format!("the description of `{name}` is over {} bytes", limits::DESCRIPTION_BYTES));
        }
        for (what, schema) in [("parameters", Some(&tool.parameters)), ("output", tool.output.as_ref())] {
            let Some(schema) = schema else { continue };
            if !schema.is_object() {
                return Err(format!("the {what} of `{name}` are no JSON Schema object"));
            }
            if schema.to_string().len() > limits::SCHEMA_BYTES {
                return Err(format!("the {what} schema of `{name}` is over {} bytes", limits::SCHEMA_BYTES));
            }
        }
    }
    match &said.config_schema {
        Some(schema) if !schema.is_object() => Err("its settings schema is no JSON Schema object".into()),
        _ => Ok(()),
    }
}
