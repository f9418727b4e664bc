//! The server's tools: what of them counts, whether they are as approved, and how they
//! read to the model.

use crate::limits::{DESCRIPTION, NAME};
use crate::session::{Session, cut};
use crate::{Pinned, Server};
use serde_json::{Map, Value, json};
use skynet_plugin_sdk::tool::{Annotations, Outcome, ToolError, ToolSpec};
use std::collections::BTreeSet;

/// The tool that lists what the server offers now, for its owner.
pub const LOOK: &str = "bridge_look";

/// What reaches the model, or decides about it. The rest of a tool's description, pictures
/// for one, is left out: it may change at any time.
const ESSENTIAL: [&str; 6] = ["name", "title", "description", "inputSchema", "outputSchema", "annotations"];

/// The part of a tool that is approved.
pub fn essence(tool: &Value) -> Value {
    let kept = ESSENTIAL.iter().filter_map(|key| Some(((*key).to_owned(), tool.get(key)?.clone())));
    Value::Object(kept.collect())
}

fn text<'a>(tool: &'a Value, key: &str) -> &'a str {
    tool.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The tool that is called, under the server's name for it, if it is what was approved.
pub(crate) fn still_as_approved(server: &Server, pinned: &Pinned, offered: &[Value]) -> Result<String, ToolError> {
    let remote = text(&pinned.tool, "name");
    let mut same_name = offered.iter().filter(|tool| text(tool, "name") == remote);
    let Some(tool) = same_name.next() else {
        return Err(ToolError::Unavailable(format!("the server no longer offers `{}`", cut(remote))));
    };
    if essence(tool) != pinned.tool || same_name.next().is_some() {
        return Err(ToolError::Denied(format!(
            "the server changed this tool since it was approved, so it was not called. Only the owner can look at it again: \
             skynet plugin add-mcp --update {}",
            server.name
        )));
    }
    Ok(remote.to_owned())
}

/// What a plugin offers that holds this server.
pub fn offered(server: &Server) -> Vec<ToolSpec> {
    server.tools.iter().map(spec).chain(server.look.then(look)).collect()
}

/// An approved tool, as the model reads it.
fn spec(pinned: &Pinned) -> ToolSpec {
    let tool = &pinned.tool;
    let claims = tool.get("annotations");
    // Who claims nothing gets the careful reading, as the protocol says it.
    let claim = |key: &str, otherwise: bool| claims.and_then(|claims| claims.get(key)).and_then(Value::as_bool).unwrap_or(otherwise);
    let read_only = claim("readOnlyHint", false);
    ToolSpec {
        name: pinned.name.clone(),
        description: shortened(text(tool, "description")),
        parameters: tool.get("inputSchema").filter(|schema| schema.is_object()).unwrap_or(&json!({ "type": "object" })).to_string(),
        output: tool.get("outputSchema").filter(|schema| schema.is_object()).map(Value::to_string),
        annotations: Annotations {
            read_only,
            destructive: !read_only && claim("destructiveHint", true),
            idempotent: read_only || claim("idempotentHint", false),
            open_world: claim("openWorldHint", true),
        },
        extra: Vec::new(),
    }
}

fn shortened(text: &str) -> String {
    if text.len() <= DESCRIPTION {
        return text.to_owned();
    }
    let end = (0..=DESCRIPTION).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// The spec of `LOOK`.
fn look() -> ToolSpec {
    let about =
        "For the owner of this host, while an MCP server is added or updated: lists what it offers now. Of no use in a conversation.";
    ToolSpec::new(LOOK, about, r#"{"type":"object","properties":{},"additionalProperties":false}"#).read_only().idempotent()
}

/// What the server offers now, each tool with the name that it would have here.
pub(crate) fn seen(session: &Session<'_>, offered: &[Value]) -> Outcome {
    let mut taken = BTreeSet::from([LOOK.to_owned()]);
    let tools: Vec<Value> = offered
        .iter()
        .map(|tool| {
            let name = name_here(text(tool, "name"), &taken);
            taken.insert(name.clone());
            json!({ "name": name, "tool": essence(tool) })
        })
        .collect();
    let mut seen = Map::new();
    seen.insert("server".into(), session.server.clone());
    let count = tools.len();
    seen.insert("tools".into(), tools.into());
    Outcome::text(format!("The server offers {count} tools.")).with_structured(&seen)
}

/// A name of letters, digits and `_` that no other tool has.
fn name_here(remote: &str, taken: &BTreeSet<String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let mut name: String = remote.chars().map(plain).collect();
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert_str(0, "t_");
    }
    name.truncate(NAME);
    let free = |name: &String| !taken.contains(name);
    if free(&name) {
        return name;
    }
    name.truncate(NAME - 4);
    (2..).map(|count: u32| format!("{name}_{count}")).find(free).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_legal_and_stay_different() {
        let mut taken = BTreeSet::new();
        for (remote, expected) in [
            ("get-Weather", "get_weather"),
            ("get.weather", "get_weather_2"),
            ("42", "t_42"),
            ("", "t_"),
            ("größe", "gr__e"),
            (&"x".repeat(100), &"x".repeat(48)),
        ] {
            let name = name_here(remote, &taken);
            assert_eq!(name, expected);
            taken.insert(name);
        }
        assert_eq!(name_here(&"x".repeat(90), &taken), format!("{}_2", "x".repeat(44)));
    }

    #[test]
    fn a_tool_without_claims_is_read_carefully() {
        let spec = spec(&Pinned { name: "t".into(), tool: json!({ "name": "T", "description": "é".repeat(3000) }) });
        assert!(!spec.annotations.read_only && spec.annotations.destructive && spec.annotations.open_world);
        assert!(spec.description.len() <= DESCRIPTION + '…'.len_utf8() && spec.description.ends_with('…'));
        assert_eq!(spec.parameters, r#"{"type":"object"}"#);
    }
}
