//! What a server offers, as its owner reads it before saying yes: every word that a model
//! would read, and what became different.
//!
//! Refuses tools that an eye cannot check: hidden characters, two of one name, schemas that
//! are none or too large. They are named, with the reason, and left out.

use super::text;
use crate::limits::TOOL_SCHEMA;
use crate::output::Out;
use crate::plain::{visible, wrapped};
use serde_json::{Value, json};
use skynet_policy::naming::{hidden_in, plain_line};
use std::collections::BTreeMap;

/// The tools of a server, by whether they can be taken.
pub(super) struct Offered {
    pub(super) good: Vec<Value>,
    /// Name and reason.
    bad: Vec<(String, String)>,
}

impl Offered {
    /// Of what the bridge saw.
    pub(super) fn of(mut seen: Value) -> Self {
        let tools = match seen.get_mut("tools").map(Value::take) {
            Some(Value::Array(tools)) => tools,
            _ => Vec::new(),
        };
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for tool in &tools {
            *counts.entry(text(&tool["tool"]["name"]).to_owned()).or_default() += 1;
        }
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for tool in tools {
            let name = text(&tool["tool"]["name"]).to_owned();
            let twice = counts.get(&name).is_some_and(|count| *count > 1);
            match fault(&tool["tool"]).or_else(|| twice.then(|| "another tool has the same name".to_owned())) {
                None => good.push(tool),
                Some(why) => bad.push((plain_line(&name, 60), why)),
            }
        }
        Self { good, bad }
    }

    pub(super) fn show(&self, out: &Out) {
        out.line(&format!("{} {}:", self.good.len(), if self.good.len() == 1 { "tool" } else { "tools" }));
        self.good.iter().for_each(|tool| describe(tool, out));
        self.show_bad(out);
    }

    fn show_bad(&self, out: &Out) {
        for (name, why) in &self.bad {
            out.line(&format!("  {} `{name}` is left out: {why}", out.paint("31", "✗")));
        }
    }

    /// What is different from what was approved: one entry for each tool.
    fn changes(&self, approved: &[Value]) -> Vec<Change> {
        let named = |tools: &[Value]| -> BTreeMap<String, Value> {
            tools.iter().map(|tool| (text(&tool["tool"]["name"]).to_owned(), tool.clone())).collect()
        };
        let (mut before, now) = (named(approved), named(&self.good));
        let mut changes = Vec::new();
        for (name, tool) in now {
            match before.remove(&name) {
                Some(old) if old == tool => {}
                old => changes.push(Change { name, before: old, now: Some(tool) }),
            }
        }
        changes.extend(before.into_iter().map(|(name, old)| Change { name, before: Some(old), now: None }));
        changes
    }

    /// Shows what is different, and whether anything is; the same for programs.
    pub(super) fn compared(&self, approved: &[Value], out: &Out) -> (bool, Value) {
        let changes = self.changes(approved);
        self.show_changes(&changes, out);
        let mut shown = self.value();
        shown["changes"] = changes.iter().map(Change::value).collect();
        (!changes.is_empty(), shown)
    }

    fn show_changes(&self, changes: &[Change], out: &Out) {
        for change in changes {
            let name = visible(&change.name);
            match (&change.before, &change.now) {
                (Some(old), Some(new)) => {
                    out.line(&out.paint("33", &format!("changed: {name}")));
                    out.line("  it was approved as");
                    describe(old, out);
                    out.line("  and is now");
                    describe(new, out);
                }
                (None, Some(new)) => {
                    out.line(&out.paint("32", "new:"));
                    describe(new, out);
                }
                (_, None) => out.line(&out.paint("31", &format!("gone: {name}"))),
            }
        }
        self.show_bad(out);
    }

    /// The same for programs: what can be taken, what is left out and why.
    pub(super) fn value(&self) -> Value {
        let bad: Vec<Value> = self.bad.iter().map(|(name, why)| json!({ "name": name, "why": why })).collect();
        json!({ "offered": self.good, "left_out": bad })
    }
}

/// One tool that is not as it was approved.
#[derive(Debug)]
struct Change {
    name: String,
    before: Option<Value>,
    now: Option<Value>,
}

impl Change {
    /// For programs.
    fn value(&self) -> Value {
        let what = match (&self.before, &self.now) {
            (Some(_), Some(_)) => "changed",
            (None, _) => "new",
            (_, None) => "gone",
        };
        json!({ "name": self.name, "what": what, "before": self.before, "now": self.now })
    }
}

/// One tool with all its words.
pub(in crate::cli::plugin) fn describe(entry: &Value, out: &Out) {
    let (title, lines) = described(entry);
    out.line(&format!("  {}{}", out.paint("1", &title), claims(&entry["tool"]["annotations"])));
    lines.iter().for_each(|line| out.line(&format!("      {line}")));
}

/// Name and all words of a tool, none of them cut: what is agreed to is what the model reads.
fn described(entry: &Value) -> (String, Vec<String>) {
    let tool = &entry["tool"];
    let mut lines: Vec<String> =
        [text(&tool["title"]), text(&tool["description"])].into_iter().flat_map(str::lines).flat_map(wrapped).collect();
    // A schema has words for the model too.
    for (key, what) in [("inputSchema", "takes"), ("outputSchema", "gives")] {
        if tool[key].is_object() {
            lines.push(what.to_owned());
            let pretty = format!("{:#}", tool[key]);
            lines.extend(pretty.lines().flat_map(wrapped).map(|line| format!("  {line}")));
        }
    }
    (visible(text(&entry["name"])), lines)
}

/// What the server says of a tool's effects; the host believes none of it.
fn claims(annotations: &Value) -> String {
    let said = [
        ("readOnlyHint", "only reads", "does not only read"),
        ("destructiveHint", "may destroy", "destroys nothing"),
        ("idempotentHint", "may be repeated", "may not be repeated"),
        ("openWorldHint", "reaches others", "reaches nobody else"),
    ];
    let words = said.into_iter().filter_map(|(key, yes, no)| annotations[key].as_bool().map(|is| if is { yes } else { no }));
    let mut words: Vec<String> = words.map(str::to_owned).collect();
    words.extend(annotations["title"].as_str().map(|title| format!("calls it {}", visible(title))));
    if words.is_empty() { String::new() } else { format!(" (says: {})", words.join(", ")) }
}

/// Why an owner could not know what is agreed to.
fn fault(tool: &Value) -> Option<String> {
    if text(&tool["name"]).is_empty() {
        return Some("it has no name".into());
    }
    if !tool["inputSchema"].is_object() {
        return Some("it does not say what it takes".into());
    }
    for key in ["inputSchema", "outputSchema"] {
        if tool[key].to_string().len() > TOOL_SCHEMA {
            return Some(format!("its {key} has more than {TOOL_SCHEMA} bytes"));
        }
    }
    hidden_in(tool).map(|c| format!("its description holds a character that cannot be seen (U+{:04X})", u32::from(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(tools: Value) -> Offered {
        let tools: Vec<Value> = tools.as_array().unwrap().iter().map(|tool| json!({ "name": "n", "tool": tool })).collect();
        Offered::of(json!({ "tools": tools }))
    }

    #[test]
    fn what_an_eye_cannot_check_is_left_out_by_name() {
        let tool = |name: &str, about: &str| json!({ "name": name, "description": about, "inputSchema": { "type": "object" } });
        let found = offered(json!([
            tool("plain", "Two\nlines, and grüße 🦀."),
            tool("tags", "Adds.\u{e0048}\u{e0069}"),
            tool("zero\u{200b}width", "Adds."),
            tool("turned", "\u{202e}sddA"),
            tool("twice", "One."),
            tool("twice", "Two."),
            { "name": "shapeless" },
            { "name": "deep", "inputSchema": { "properties": { "x": { "description": "a\u{2063}b" } } } },
            { "name": "huge", "inputSchema": { "enum": ["x".repeat(TOOL_SCHEMA)] } },
        ]));
        assert_eq!(found.good.iter().map(|tool| text(&tool["tool"]["name"])).collect::<Vec<_>>(), ["plain"]);
        let bad: Vec<&str> = found.bad.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(bad, ["tags", "zerowidth", "turned", "twice", "twice", "shapeless", "deep", "huge"]);
        assert!(found.bad[0].1.contains("U+E0048"), "{:?}", found.bad[0]);
    }

    #[test]
    fn only_what_differs_is_a_change_however_far_back() {
        let one = |about: &str| offered(json!([{ "name": "a", "description": about, "inputSchema": {} }]));
        let what = |changes: Vec<Change>| changes.iter().map(|change| change.value()["what"].clone()).collect::<Vec<_>>();
        let approved = one("x").good;
        assert!(one("x").changes(&approved).is_empty());
        assert_eq!(what(one("y").changes(&approved)), ["changed"]);
        assert_eq!(what(offered(json!([])).changes(&approved)), ["gone"]);
        assert_eq!(what(one("x").changes(&[])), ["new"]);
        let long = format!("{}1", "x".repeat(60_000));
        assert_eq!(what(one(&long).changes(&one(&long.replace('1', "2")).good)), ["changed"]);
    }

    #[test]
    fn every_word_that_a_model_would_read_is_shown() {
        let words = format!("{} and at its end the hidden order", "long ".repeat(10_000));
        let schema = json!({ "type": "object", "properties": { "x": { "description": words } } });
        let tool =
            json!({ "name": "a", "title": "A\u{1b}[2J", "description": format!("{words}\n{}", "y".repeat(50_000)), "inputSchema": schema });
        let (name, lines) = described(&json!({ "name": "n", "tool": tool }));
        let all = lines.concat();
        assert_eq!((name.as_str(), all.matches("the hidden order").count()), ("n", 2));
        assert_eq!(all.matches('y').count(), 50_000 + "type properties".matches('y').count());
        assert!(lines.iter().all(|line| line.chars().count() <= crate::plain::WIDTH + 2 && !line.contains('\u{1b}')));
    }

    #[test]
    fn all_claims_are_told_whichever_way_they_go() {
        let said = claims(
            &json!({ "readOnlyHint": false, "destructiveHint": true, "idempotentHint": true, "openWorldHint": false, "title": "T" }),
        );
        assert_eq!(said, " (says: does not only read, may destroy, may be repeated, reaches nobody else, calls it T)");
        assert_eq!(claims(&Value::Null), "");
    }
}
