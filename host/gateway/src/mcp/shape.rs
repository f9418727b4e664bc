//! Our tools and what they give, in the words of the Model Context Protocol.
//!
//! Names are those of the catalogue. A structured outcome goes beside the text that says
//! the same. Refuses to promise a structure that the protocol cannot carry: only objects.

use crate::limits::MCP_TOOLS_LISTED;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, ListToolsResult, Tool, ToolAnnotations};
use serde_json::Value;
use skynet_agent::Invocation;
use skynet_core::ports::ToolEntry;
use skynet_core::{ResultPart, ToolSpec};
use std::sync::Arc;

/// The tools after this name, as many as one page holds; the name of the last one is the
/// cursor, so that a list that changes meanwhile repeats nothing.
pub(super) fn page(mut entries: Vec<ToolEntry>, after: Option<&str>) -> ListToolsResult {
    entries.sort_by(|one, other| one.exposed.cmp(&other.exposed));
    let mut rest = entries.iter().filter(|entry| after.is_none_or(|after| entry.exposed.as_str() > after));
    let shown: Vec<&ToolEntry> = rest.by_ref().take(MCP_TOOLS_LISTED).collect();
    let mut result = ListToolsResult::with_all_items(shown.iter().map(|entry| tool(entry)).collect());
    result.next_cursor = rest.next().and(shown.last()).map(|last| last.exposed.clone());
    result
}

fn tool(entry: &ToolEntry) -> Tool {
    let spec = &entry.spec;
    let mut input = spec.parameters.as_object().cloned().unwrap_or_default();
    // Arguments are an object in any case; the protocol wants it said.
    input.insert("type".into(), "object".into());
    let claims = spec.annotations;
    let annotations =
        ToolAnnotations::from_raw(None, Some(claims.read_only), Some(claims.destructive), Some(claims.idempotent), Some(claims.open_world));
    let tool = Tool::new_with_raw(entry.exposed.clone(), Some(spec.description.clone().into()), input).with_annotations(annotations);
    match output(spec) {
        Some(output) => tool.with_raw_output_schema(output),
        None => tool,
    }
}

/// What the tool promises to give, where that is an object.
fn output(spec: &ToolSpec) -> Option<Arc<JsonObject>> {
    let schema = spec.output.as_ref()?.as_object()?;
    (schema.get("type").and_then(Value::as_str) == Some("object")).then(|| Arc::new(schema.clone()))
}

/// An outcome. A promised structure that did not come is an error, as clients would make of it too.
pub(super) fn result(done: Invocation) -> CallToolResult {
    let mut content: Vec<ContentBlock> = done.result.content.iter().map(block).collect();
    let structured = done.structured.filter(Value::is_object);
    if done.promises_object && structured.is_none() {
        content.push(ContentBlock::text("(the tool ran, but gave no structured outcome, which it promises)"));
        return CallToolResult::error(content);
    }
    let mut result = CallToolResult::success(content);
    result.structured_content = structured;
    result
}

fn block(part: &ResultPart) -> ContentBlock {
    match part {
        ResultPart::Text { text } => ContentBlock::text(text.clone()),
        ResultPart::Json { value } => ContentBlock::text(value.to_string()),
        ResultPart::Image { image } => ContentBlock::image(STANDARD.encode(&image.data), image.mime.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use skynet_core::{Annotations, Generation, PluginId, PluginRef, ToolResult};

    fn entry(name: &str) -> ToolEntry {
        let plugin = PluginRef { id: PluginId::new("a/b").unwrap(), version: semver::Version::new(1, 0, 0), generation: Generation(1) };
        let spec = ToolSpec {
            name: name.into(),
            description: "Does it.".into(),
            parameters: json!({"properties": {"x": {}}}),
            output: None,
            annotations: Annotations { destructive: true, ..Annotations::default() },
        };
        ToolEntry { exposed: name.into(), plugin, spec }
    }

    fn done(content: Vec<ResultPart>, structured: Option<Value>, promises_object: bool) -> Invocation {
        Invocation {
            result: ToolResult { id: String::new(), name: String::new(), content, is_error: false },
            structured,
            for_owner: None,
            promises_object,
        }
    }

    #[test]
    fn pages_follow_one_another_and_the_last_one_names_no_next() {
        let names: Vec<String> = (0..MCP_TOOLS_LISTED + 3).map(|n| format!("t{n:05}")).collect();
        let entries: Vec<ToolEntry> = names.iter().rev().map(|name| entry(name)).collect();
        let first = page(entries.clone(), None);
        assert_eq!((first.tools.len(), first.next_cursor.as_deref()), (MCP_TOOLS_LISTED, Some(names[MCP_TOOLS_LISTED - 1].as_str())));
        let second = page(entries, first.next_cursor.as_deref());
        assert_eq!((second.tools.len(), second.next_cursor), (3, None));
        assert_eq!(page(vec![], Some("x")).tools.len(), 0);
    }

    #[test]
    fn arguments_are_said_to_be_an_object_and_claims_are_passed_on() {
        let shown = serde_json::to_value(tool(&entry("t"))).unwrap();
        assert_eq!(shown["inputSchema"], json!({"type": "object", "properties": {"x": {}}}));
        assert_eq!((&shown["annotations"]["destructiveHint"], &shown["annotations"]["readOnlyHint"]), (&json!(true), &json!(false)));
        assert!(shown.get("outputSchema").is_none());
    }

    #[test]
    fn a_structure_goes_beside_its_text_and_a_broken_promise_is_an_error() {
        let text = || vec![ResultPart::text("one")];
        let good = serde_json::to_value(result(done(text(), Some(json!({"n": 1})), true))).unwrap();
        assert_eq!(
            (&good["content"][0]["text"], &good["structuredContent"], &good["isError"]),
            (&json!("one"), &json!({"n": 1}), &json!(false))
        );
        let bad = serde_json::to_value(result(done(text(), None, true))).unwrap();
        assert_eq!((&bad["isError"], &bad["content"][0]["text"]), (&json!(true), &json!("one")));
        let list = serde_json::to_value(result(done(text(), Some(json!([1])), false))).unwrap();
        assert!(list.get("structuredContent").is_none(), "{list}");
    }
}
