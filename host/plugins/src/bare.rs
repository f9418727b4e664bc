//! The baseline of `skynet bench`: a tool call with nothing of ours around it.
//!
//! The same engine, the same linked component, a fresh store and instance, the
//! call, and nothing else: no slot, no limits, no wall clock, no grant, no audit.
//! What the full path costs more than this is ours.

use crate::generation::Loaded;
use crate::host::PluginHost;
use crate::runtime::Runtime;
use crate::store;
use skynet_core::{PluginError, PluginId, PluginRef, ToolError};
use std::sync::Arc;

/// A tool of a plugin that serves.
pub struct Bare {
    runtime: Arc<Runtime>,
    loaded: Arc<Loaded>,
    plugin: PluginRef,
}

impl PluginHost {
    /// The code of a plugin that serves, for bare calls.
    pub async fn bare(&self, id: &PluginId) -> Result<Bare, PluginError> {
        let generation = self.in_service(id)?;
        let runtime = Arc::clone(&self.shared.runtime);
        let loaded = runtime.loaded(&generation).await?;
        Ok(Bare { loaded, plugin: generation.plugin().clone(), runtime })
    }
}

impl Bare {
    /// Calls the tool once; gives how many parts its answer has.
    pub async fn call(&self, tool: &str, arguments: &str) -> Result<usize, PluginError> {
        let failed = |error: wasmtime::Error| PluginError::Tool(ToolError::Failed(format!("{error:#}")));
        let mut store = store::bare(&self.runtime, &self.plugin);
        let instance = self.loaded.pre.instantiate_async(&mut store).await.map_err(failed)?;
        let missing = || PluginError::Tool(ToolError::UnknownTool(tool.to_owned()));
        let guest = self.loaded.tool.as_ref().ok_or_else(missing)?.load(&mut store, &instance).map_err(failed)?;
        let context = crate::bindings::v0::skynet::plugin::types::CallContext {
            turn: "bench".into(),
            session: "bench".into(),
            user: "owner".into(),
            deadline_ms: 0,
            time_zone: None,
            extra: Vec::new(),
        };
        let answer = guest.call_call(&mut store, tool, &arguments.to_owned(), &context).await.map_err(failed)?;
        answer.map(|outcome| outcome.content.len()).map_err(|error| PluginError::Tool(crate::bindings::from_guest::tool_error(error)))
    }
}
