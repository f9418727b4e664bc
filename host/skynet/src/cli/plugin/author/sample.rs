//! Arguments made from a JSON Schema: good ones, wrong ones, and very large ones.
//!
//! Small on purpose: it fills what is required. Where the schema wants more than that (a
//! pattern, say) there are no good arguments here, and the author's own calls must do. A schema
//! may be a stranger's: lists within lists end at a number of values, whatever it wants.

use serde_json::{Map, Value, json};

/// Bytes of the largest text of a test: a file that somebody reads to a tool.
pub(super) const HUGE: usize = 1024 * 1024;

/// Values of one sample: far more than anybody requires, and made in a moment.
const VALUES: usize = 1000;

/// Bytes of a value that stands in a schema, for which it counts as one more.
const GIVEN: usize = 100;

/// Texts of one sample that are as long as can be: more of them are no other test.
const HUGE_TEXTS: usize = 4;

/// Arguments that are wrong one by one: each is a call, and all of them would say the same.
const WRONG: usize = 32;

/// What the schema takes; `None` where this does not find it.
pub(super) fn good(schema: &Value) -> Option<Value> {
    let made = Sample::small().fill(schema);
    jsonschema::validator_for(schema).ok()?.is_valid(&made).then_some(made)
}

/// Good arguments with the first texts as long as can be.
pub(super) fn huge(schema: &Value) -> Value {
    Sample { huge: HUGE_TEXTS, ..Sample::small() }.fill(schema)
}

/// Arguments that the host would have stopped: each has something wrong.
pub(super) fn wrong(schema: &Value) -> Vec<Value> {
    let mut all = vec![json!({}), json!([]), json!(null), json!("text"), json!({ "no_such_argument": 1 })];
    if let Value::Object(members) = Sample::small().fill(schema) {
        for (name, value) in members.iter().take(WRONG) {
            let other = if value.is_string() { json!(42) } else { json!("text") };
            let mut changed = members.clone();
            changed.insert(name.clone(), other);
            all.push(Value::Object(changed));
        }
    }
    all
}

/// One value in the making.
struct Sample {
    /// Values that may still be made.
    left: usize,
    /// Of the texts to come, how many are long.
    huge: usize,
}

impl Sample {
    fn small() -> Self {
        Self { left: VALUES, huge: 0 }
    }

    fn text(&mut self) -> Value {
        if self.huge == 0 {
            return json!("text");
        }
        self.huge -= 1;
        json!("x".repeat(HUGE))
    }

    fn fill(&mut self, schema: &Value) -> Value {
        let Some(left) = self.left.checked_sub(1) else { return Value::Null };
        self.left = left;
        let first = || schema.get("enum").and_then(Value::as_array).and_then(|values| values.first());
        if let Some(value) = schema.get("const").or_else(|| schema.get("default")).or_else(first) {
            return self.given(value);
        }
        let kind = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
            Some(kind) => kind.as_str(),
            None => schema.get("properties").map(|_| "object"),
        };
        let number = |key: &str| schema.get(key).and_then(Value::as_f64);
        match kind {
            Some("object") => self.object(schema),
            Some("array") => self.list(schema),
            Some("integer") => json!(number("minimum").map_or(1, |least| least.ceil() as i64)),
            Some("number") => json!(number("minimum").unwrap_or(1.0)),
            Some("boolean") => json!(true),
            Some("null") => Value::Null,
            _ => self.text(),
        }
    }

    /// A value that stands in the schema. A large one is as much as many: a list may have it again and again.
    fn given(&mut self, value: &Value) -> Value {
        self.left = self.left.saturating_sub(value.to_string().len() / GIVEN);
        value.clone()
    }

    fn object(&mut self, schema: &Value) -> Value {
        let required = schema.get("required").and_then(Value::as_array);
        let mut members = Map::new();
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            let inner = schema.get("properties").and_then(|all| all.get(name));
            members.insert(name.to_owned(), inner.map_or(Value::Null, |inner| self.fill(inner)));
        }
        Value::Object(members)
    }

    fn list(&mut self, schema: &Value) -> Value {
        let least = schema.get("minItems").and_then(Value::as_u64).and_then(|least| usize::try_from(least).ok()).unwrap_or(0);
        let mut items = Vec::new();
        while items.len() < least.min(self.left) {
            items.push(self.fill(schema.get("items").unwrap_or(&Value::Null)));
        }
        Value::Array(items)
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
    fn lists_within_lists_cost_no_more_than_a_moment() {
        let mut schema = json!({ "type": "string" });
        for _ in 0..20 {
            schema = json!({ "type": "array", "minItems": 100, "items": schema });
        }
        let schema = json!({ "type": "object", "required": ["all"], "properties": { "all": schema } });
        assert_eq!(good(&schema), None, "it wants more than anybody would make");
        assert!(huge(&schema).to_string().len() < 2 * HUGE_TEXTS * HUGE);
        assert!(wrong(&schema).iter().all(|arguments| arguments.to_string().len() < 100 * VALUES));
        let heavy = json!({ "type": "array", "minItems": 1000, "items": { "default": "x".repeat(50_000) } });
        assert!(huge(&heavy).to_string().len() < 2 * 50_000 + 100);
        let wide = json!({ "type": "array", "minItems": u64::MAX });
        assert!(good(&wide).is_none());
    }

    #[test]
    fn where_nothing_good_is_found_it_says_so() {
        assert_eq!(
            good(&json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "string", "pattern": "^[0-9]+$" } } })),
            None
        );
    }
}
