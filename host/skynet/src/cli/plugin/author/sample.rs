//! Arguments made from a JSON Schema: good ones, wrong ones, and very large ones.
//!
//! Small on purpose: it fills what is required. Where the schema wants more than that (a
//! pattern, say) there are no good arguments here, and the author's own calls must do.

use serde_json::{Map, Value, json};

/// Bytes of the largest text of a test: a file that somebody reads to a tool.
pub(super) const HUGE: usize = 1024 * 1024;

/// What the schema takes; `None` where this does not find it.
pub(super) fn good(schema: &Value) -> Option<Value> {
    let made = fill(schema, "text");
    jsonschema::validator_for(schema).ok()?.is_valid(&made).then_some(made)
}

/// Good arguments with each text as long as can be.
pub(super) fn huge(schema: &Value) -> Value {
    fill(schema, &"x".repeat(HUGE))
}

/// Arguments that the host would have stopped: each has something wrong.
pub(super) fn wrong(schema: &Value) -> Vec<Value> {
    let mut all = vec![json!({}), json!([]), json!(null), json!("text"), json!({ "no_such_argument": 1 })];
    if let Value::Object(members) = fill(schema, "text") {
        for (name, value) in &members {
            let other = if value.is_string() { json!(42) } else { json!("text") };
            let mut changed = members.clone();
            changed.insert(name.clone(), other);
            all.push(Value::Object(changed));
        }
    }
    all
}

fn fill(schema: &Value, text: &str) -> Value {
    for key in ["const", "default"] {
        if let Some(value) = schema.get(key) {
            return value.clone();
        }
    }
    if let Some(first) = schema.get("enum").and_then(Value::as_array).and_then(|values| values.first()) {
        return first.clone();
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        Some(kind) => kind.as_str(),
        None => schema.get("properties").map(|_| "object"),
    };
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    match kind {
        Some("object") => {
            let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            let member = |name: &str| schema.get("properties").and_then(|all| all.get(name)).map_or(Value::Null, |inner| fill(inner, text));
            Value::Object(required.iter().filter_map(Value::as_str).map(|name| (name.to_owned(), member(name))).collect::<Map<_, _>>())
        }
        Some("array") => {
            let least = schema.get("minItems").and_then(Value::as_u64).and_then(|least| usize::try_from(least).ok()).unwrap_or(0).min(100);
            Value::Array(vec![schema.get("items").map_or(Value::Null, |inner| fill(inner, text)); least])
        }
        Some("integer") => json!(number("minimum").map_or(1, |least| least.ceil() as i64)),
        Some("number") => json!(number("minimum").unwrap_or(1.0)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        _ => json!(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_arguments_fit_the_schema_and_wrong_ones_do_not() {
        let schema = json!({
            "type": "object", "required": ["name", "times", "mood"], "additionalProperties": false,
            "properties": { "name": { "type": "string" }, "times": { "type": "integer", "minimum": 3 }, "mood": { "enum": ["glad", "sad"] } }
        });
        assert_eq!(good(&schema), Some(json!({ "name": "text", "times": 3, "mood": "glad" })));
        let validator = jsonschema::validator_for(&schema).unwrap();
        for arguments in wrong(&schema) {
            assert!(!validator.is_valid(&arguments), "{arguments}");
        }
        assert_eq!(huge(&schema)["name"].as_str().map(str::len), Some(HUGE));
    }

    #[test]
    fn where_nothing_good_is_found_it_says_so() {
        assert_eq!(
            good(&json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "string", "pattern": "^[0-9]+$" } } })),
            None
        );
    }
}
