//! The immutable set of generations that serves: what a turn holds on to.

use crate::complete;
use crate::generation::Generation;
use crate::invoke;
use crate::runtime::Runtime;
use async_trait::async_trait;
use futures_util::stream;
use serde_json::Value;
use skynet_core::completion::LAST_RESORT;
use skynet_core::plugin::PluginKind;
use skynet_core::ports::{CallContext, CompletionStream, ModelEntry, Models, Snapshot, ToolEntry, Tools};
use skynet_core::{CompletionRequest, ModelError, PluginError, PluginId, PluginRef, ToolError, ToolOutcome};
use skynet_policy::naming;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One published set.
pub(crate) struct Shelf {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) revision: u64,
    pub(crate) generations: BTreeMap<PluginId, Arc<Generation>>,
    tools: Vec<ToolEntry>,
    models: Vec<ModelEntry>,
}

impl Shelf {
    pub(crate) fn new(runtime: Arc<Runtime>, revision: u64, generations: BTreeMap<PluginId, Arc<Generation>>) -> Self {
        let tools = tools(&generations);
        let models = models(&generations);
        Self { runtime, revision, generations, tools, models }
    }

    /// The plugins that serve as providers.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &PluginId> {
        let providers = self.generations.values().filter(|generation| generation.receipt.kinds.contains(&PluginKind::Provider));
        providers.map(|generation| &generation.plugin().id)
    }

    fn exact(&self, plugin: &PluginRef) -> Option<&Arc<Generation>> {
        self.generations.get(&plugin.id).filter(|generation| generation.plugin() == plugin)
    }
}

fn tools(generations: &BTreeMap<PluginId, Arc<Generation>>) -> Vec<ToolEntry> {
    let mut tools: Vec<ToolEntry> = Vec::new();
    for generation in generations.values() {
        let plugin = generation.plugin();
        for spec in &generation.receipt.tools {
            tools.push(ToolEntry { exposed: naming::exposed_name(&plugin.id, &spec.name), plugin: plugin.clone(), spec: spec.clone() });
        }
    }
    tools.sort_by(|a, b| a.exposed.cmp(&b.exposed));
    // Admission refuses collisions; should one slip through, the first by id wins
    // and no call can reach the wrong plugin.
    tools.dedup_by(|later, first| later.exposed == first.exposed);
    tools
}

/// The short name of a provider: its plugin's without `provider-`. Admission refuses a second one of the same.
pub(crate) fn provider_name(id: &PluginId) -> String {
    let name = id.name();
    name.strip_prefix("provider-").unwrap_or(name).to_owned()
}

fn models(generations: &BTreeMap<PluginId, Arc<Generation>>) -> Vec<ModelEntry> {
    let mut models = Vec::new();
    for generation in generations.values().filter(|generation| generation.receipt.kinds.contains(&PluginKind::Provider)) {
        let plugin = generation.plugin();
        for info in &generation.receipt.models {
            models.push(ModelEntry { provider: provider_name(&plugin.id), plugin: plugin.clone(), info: info.clone() });
        }
    }
    models.sort_by_key(|model| model.info.can(LAST_RESORT));
    models
}

impl Models for Shelf {
    fn models(&self) -> &[ModelEntry] {
        &self.models
    }

    fn complete(&self, plugin: &PluginRef, request: CompletionRequest, context: CallContext) -> CompletionStream {
        match self.exact(plugin) {
            Some(generation) => complete::complete(Arc::clone(&self.runtime), Arc::clone(generation), request, context),
            None => {
                let error = ModelError::Other(format!("{plugin} is not part of this turn's set of plugins"));
                Box::pin(stream::once(std::future::ready(Err(error))))
            }
        }
    }
}

#[async_trait]
impl Tools for Shelf {
    fn tools(&self) -> &[ToolEntry] {
        &self.tools
    }

    async fn call(&self, exposed: &str, arguments: &Value, context: CallContext) -> Result<ToolOutcome, PluginError> {
        let place = self.tools.binary_search_by(|entry| entry.exposed.as_str().cmp(exposed)).ok();
        let entry = place.and_then(|place| self.tools.get(place));
        let unknown = || PluginError::Tool(ToolError::UnknownTool(naming::plain_line(exposed, 80)));
        let entry = entry.ok_or_else(unknown)?;
        let generation = self.exact(&entry.plugin).ok_or_else(unknown)?;
        invoke::call(&self.runtime, generation, &entry.spec.name, arguments, context).await
    }
}

impl Snapshot for Shelf {
    fn revision(&self) -> u64 {
        self.revision
    }
}
