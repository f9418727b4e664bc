//! What a server offers, as its owner reads it before saying yes: every word that a model
//! would read, and what became different.
//!
//! Refuses tools that an eye cannot check: hidden characters, two of one name, schemas that
//! are none or too large. They are named, with the reason, and left out.

use super::text;
use crate::limits::TOOL_SCHEMA;
use crate::output::Out;
use serde_json::Value;
use skynet_policy::naming::{is_hidden, plain_line};
use std::collections::BTreeMap;

/// Characters of one line of a description: it is shown whole, however long.
const LINE: usize = 10_000;

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
        out.line(&format!("{} tools:", self.good.len()));
        self.good.iter().for_each(|tool| describe(tool, out));
        self.show_bad(out);
    }

    fn show_bad(&self, out: &Out) {
        for (name, why) in &self.bad {
            out.line(&format!("  {} `{name}` is left out: {why}", out.paint("31", "✗")));
        }
    }

    /// Shows what is different from what was approved. `false` when nothing is.
    pub(super) fn show_changes(&self, approved: &[Value], out: &Out) -> bool {
        let named = |tools: &[Value]| -> BTreeMap<String, Value> {
            tools.iter().map(|tool| (text(&tool["tool"]["name"]).to_owned(), tool.clone())).collect()
        };
        let (before, now) = (named(approved), named(&self.good));
        let mut changed = false;
        for (name, tool) in &now {
            match before.get(name) {
                Some(old) if old == tool => {}
                Some(old) => {
                    changed = true;
                    out.line(&out.paint("33", &format!("changed: {}", plain_line(name, 60))));
                    out.line("  it was approved as");
                    describe(old, out);
                    out.line("  and is now");
                    describe(tool, out);
                }
                None => {
                    changed = true;
                    out.line(&out.paint("32", "new:"));
                    describe(tool, out);
                }
            }
        }
        for name in before.keys().filter(|name| !now.contains_key(*name)) {
            changed = true;
            out.line(&out.paint("31", &format!("gone: {}", plain_line(name, 60))));
        }
        self.show_bad(out);
        changed
    }
}

fn describe(entry: &Value, out: &Out) {
    let tool = &entry["tool"];
    let claim = |key: &str, word: &str| (tool["annotations"][key] == true).then(|| word.to_owned());
    let claims: Vec<String> =
        [("readOnlyHint", "only reads"), ("destructiveHint", "may destroy")].iter().filter_map(|(key, word)| claim(key, word)).collect();
    let claims = if claims.is_empty() { String::new() } else { format!(" (says it {})", claims.join(", ")) };
    out.line(&format!("  {}{claims}", out.paint("1", text(&entry["name"]))));
    for line in [text(&tool["title"]), text(&tool["description"])].into_iter().flat_map(str::lines) {
        out.line(&format!("      {}", plain_line(line, LINE)));
    }
    // A schema has words for the model too.
    for (key, what) in [("inputSchema", "takes"), ("outputSchema", "gives")] {
        if tool[key].is_object() {
            out.line(&format!("      {what} {}", plain_line(&tool[key].to_string(), LINE)));
        }
    }
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
    hidden(tool).map(|c| format!("its description holds a character that cannot be seen (U+{:04X})", u32::from(c)))
}

/// The first character of any text in it that cannot be seen, line ends aside.
fn hidden(value: &Value) -> Option<char> {
    let in_text = |text: &str| text.chars().find(|c| is_hidden(*c) && !matches!(c, '\n' | '\r' | '\t'));
    match value {
        Value::String(text) => in_text(text),
        Value::Array(values) => values.iter().find_map(hidden),
        Value::Object(map) => map.iter().find_map(|(key, value)| in_text(key).or_else(|| hidden(value))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
    fn only_what_differs_is_a_change() {
        let out = Out::new(true, crate::output::Color::Never);
        let one = json!([{ "name": "a", "inputSchema": {} }]);
        let approved = offered(one.clone()).good;
        assert!(!offered(one).show_changes(&approved, &out));
        assert!(offered(json!([{ "name": "a", "description": "x", "inputSchema": {} }])).show_changes(&approved, &out));
        assert!(offered(json!([])).show_changes(&approved, &out));
    }
}
