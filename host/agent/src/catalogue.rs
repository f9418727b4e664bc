//! Which tools a request to a model carries.
//!
//! A few are offered as they are. Of many, a request carries those that the owner named
//! first, that the conversation used, and that fit what was asked, within a bound; and
//! `find_tools`, by which the model looks for others. What it found is offered from then
//! on. This is a choice of what is shown: a tool that is not may be called all the same,
//! and what a call may do is decided elsewhere.

use crate::context::Context;
use crate::limits::{FITTING_TOOLS, FOUND_TOOLS, OFFERED_BYTES, OFFERED_TOOLS, TOOL_LINE_CHARS, TOOL_NAMES_CHARS};
use crate::result::cut;
use crate::tool_index::{Indexed, ToolIndex};
use serde_json::{Value, json};
use skynet_core::ToolDefinition;
use skynet_core::ports::{Snapshot, ToolEntry};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The host's own tool. Tools of plugins have `__` in their names.
pub(crate) const FIND_TOOLS: &str = "find_tools";

/// The tools of one turn.
pub(crate) struct Catalogue {
    /// None: no tools at all.
    snapshot: Option<Arc<dyn Snapshot>>,
    /// Where there are more than fit.
    index: Option<Arc<ToolIndex>>,
    /// What one would have in a request, the most wanted last.
    wanted: Vec<usize>,
    /// What goes into a request, sorted by name.
    offered: Vec<usize>,
}

fn size(tool: &ToolEntry) -> usize {
    tool.exposed.len() + tool.spec.description.len() + tool.spec.parameters.to_string().len()
}

/// Whether the owner named it: in full, or by a beginning and `*`.
fn is_named(name: &str, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    })
}

impl Catalogue {
    /// Of a turn that is offered none.
    pub(crate) fn none() -> Self {
        Self { snapshot: None, index: None, wanted: Vec::new(), offered: Vec::new() }
    }

    /// Of a turn over this snapshot; `first` are the owner's.
    pub(crate) fn new(snapshot: Arc<dyn Snapshot>, indexed: &Indexed, context: &Context, first: &[String]) -> Self {
        let tools = snapshot.tools();
        let fits = tools.len() <= OFFERED_TOOLS && tools.iter().map(size).sum::<usize>() <= OFFERED_BYTES;
        let mut catalogue = Self { index: None, wanted: (0..tools.len()).collect(), offered: Vec::new(), snapshot: None };
        if !fits {
            let index = indexed.of(&*snapshot);
            let named = |name: &str| tools.iter().position(|tool| tool.exposed == name);
            let owners = tools.iter().enumerate().filter(|(_, tool)| is_named(&tool.exposed, first)).map(|(place, _)| place);
            let fitting = index.find(context.newest_text(), FITTING_TOOLS).into_iter().rev();
            catalogue.wanted = owners.collect();
            catalogue.wanted.extend(context.called().filter_map(named));
            catalogue.wanted.extend(fitting);
            catalogue.index = Some(index);
        }
        catalogue.snapshot = Some(snapshot);
        catalogue.choose();
        catalogue
    }

    fn tools(&self) -> &[ToolEntry] {
        self.snapshot.as_ref().map_or(&[], |snapshot| snapshot.tools())
    }

    /// The most wanted that fit.
    fn choose(&mut self) {
        let (mut chosen, mut seen) = (Vec::new(), BTreeSet::new());
        if self.index.is_none() {
            chosen.clone_from(&self.wanted);
        } else {
            let mut bytes = 0;
            for place in self.wanted.iter().rev().copied() {
                let size = self.tools().get(place).map_or(0, size);
                let has_room = chosen.len() < OFFERED_TOOLS && bytes + size <= OFFERED_BYTES;
                // One that is larger than all there is room for has to go alone.
                if seen.insert(place) && (has_room || chosen.is_empty()) {
                    bytes += size;
                    chosen.push(place);
                }
            }
        }
        let tools = self.tools();
        chosen.sort_by(|left, right| tools.get(*left).map(|tool| &tool.exposed).cmp(&tools.get(*right).map(|tool| &tool.exposed)));
        self.offered = chosen;
    }

    fn offered(&self) -> impl Iterator<Item = &ToolEntry> {
        self.offered.iter().filter_map(|place| self.tools().get(*place))
    }

    /// The tool of this name, offered or not.
    pub(crate) fn tool(&self, name: &str) -> Option<&ToolEntry> {
        self.tools().iter().find(|tool| tool.exposed == name)
    }

    /// Whether the model may look for tools.
    pub(crate) fn is_searchable(&self) -> bool {
        self.index.is_some()
    }

    /// Names on offer, for a model that called one that is not there.
    pub(crate) fn names(&self) -> String {
        let found = self.is_searchable().then_some(FIND_TOOLS);
        let names: Vec<&str> = self.offered().map(|tool| tool.exposed.as_str()).chain(found).collect();
        if names.is_empty() { "none".to_owned() } else { cut(&names.join(", "), TOOL_NAMES_CHARS) }
    }

    /// What a request carries, sorted by name so that the cached prefix stays the same.
    pub(crate) fn definitions(&self) -> Vec<ToolDefinition> {
        let define = |tool: &ToolEntry| ToolDefinition {
            name: tool.exposed.clone(),
            description: tool.spec.description.clone(),
            parameters: tool.spec.parameters.clone(),
        };
        let mut definitions: Vec<ToolDefinition> = self.offered().map(define).collect();
        if self.is_searchable() {
            // No tool of a plugin can have this name; at the end it spoils no order.
            definitions.push(self.find_tools());
        }
        definitions
    }

    fn find_tools(&self) -> ToolDefinition {
        let plugins: BTreeSet<&str> = self.tools().iter().filter_map(|tool| tool.exposed.split_once("__")).map(|(name, _)| name).collect();
        let plugins = cut(&plugins.into_iter().collect::<Vec<_>>().join(", "), TOOL_NAMES_CHARS);
        let count = self.tools().len();
        ToolDefinition {
            name: FIND_TOOLS.to_owned(),
            description: format!(
                "Finds tools by words of their names and descriptions. {count} tools are installed and only some are shown here; \
                look here before you say that something cannot be done. What it finds can be called from the next step on. \
                Tools come from: {plugins}."
            ),
            parameters: json!({
                "type": "object",
                "properties": { "query": { "type": "string", "description": "What the tool should do, in a few words, or its name." } },
                "required": ["query"],
                "additionalProperties": false,
            }),
        }
    }

    /// What `find_tools` answers, and the tools that it found.
    pub(crate) fn find(&self, arguments: &Value) -> Result<(String, Vec<usize>), String> {
        let Some(index) = &self.index else { return Err(format!("There is no tool named `{FIND_TOOLS}`. Tools: {}.", self.names())) };
        let Some(query) = arguments.get("query").and_then(Value::as_str) else {
            return Err(format!("`{FIND_TOOLS}` takes {{\"query\": \"words\"}}."));
        };
        let found = index.find(query, FOUND_TOOLS);
        let line = |tool: &ToolEntry| format!("- {}: {}", tool.exposed, cut(&one_line(&tool.spec.description), TOOL_LINE_CHARS));
        let lines: Vec<String> = found.iter().filter_map(|place| self.tools().get(*place)).map(line).collect();
        if lines.is_empty() {
            return Ok(("No tool has any of these words. Try other words for what it should do.".to_owned(), found));
        }
        Ok((format!("These can be called from now on, best first:\n{}", lines.join("\n")), found))
    }

    /// Offers these from now on, the first of them above all others.
    pub(crate) fn want(&mut self, found: &[usize]) {
        if self.is_searchable() && !found.is_empty() {
            self.wanted.extend(found.iter().rev());
            self.choose();
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
