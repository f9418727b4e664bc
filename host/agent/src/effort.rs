//! How much work a schema can make of checking arguments, before it is done.
//!
//! A stranger wrote the schema: nested alternatives can double the work at each
//! step, and long chains of references can use up the stack. This counts, for the
//! worst path through arguments of a given depth, how many subschemas look at it.
//! References are followed only inside the schema, in the form `#/…`.

use crate::limits::{PATTERN_EFFORT, SCHEMA_LEVELS, SCHEMA_REFERENCES, SCHEMA_STEPS};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

type Place = (*const Value, usize);

struct Walk<'s> {
    root: &'s Value,
    known: HashMap<Place, u64>,
    open: HashSet<Place>,
}

/// Subschemas on the worst path through arguments that are `depth` levels deep.
pub(crate) fn of(schema: &Value, depth: usize) -> Result<u64, String> {
    let mut walk = Walk { root: schema, known: HashMap::new(), open: HashSet::new() };
    walk.visit(schema, depth)
}

/// Refuses more references than a schema that a person wrote has.
pub(crate) fn count_references(schema: &Value) -> Result<(), String> {
    let mut left = vec![schema];
    let mut references = 0;
    while let Some(value) = left.pop() {
        match value {
            Value::Object(map) => {
                references += usize::from(map.contains_key("$ref"));
                left.extend(map.values());
            }
            Value::Array(list) => left.extend(list),
            _ => {}
        }
    }
    if references > SCHEMA_REFERENCES { Err(format!("it has more than {SCHEMA_REFERENCES} references")) } else { Ok(()) }
}

/// (levels, values) of arguments; levels are bounded by the JSON parser.
pub(crate) fn size_of(value: &Value) -> (usize, usize) {
    let add = |(levels, values): (usize, usize), child: &Value| {
        let (deeper, more) = size_of(child);
        (levels.max(deeper + 1), values + more)
    };
    match value {
        Value::Object(map) => map.values().fold((0, 1 + map.len()), add),
        Value::Array(list) => list.iter().fold((0, 1), add),
        _ => (0, 1),
    }
}

impl<'s> Walk<'s> {
    fn visit(&mut self, schema: &'s Value, depth: usize) -> Result<u64, String> {
        let Value::Object(keywords) = schema else { return Ok(1) };
        let place = (std::ptr::from_ref(schema), depth);
        if let Some(known) = self.known.get(&place) {
            return Ok(*known);
        }
        // A loop that goes no deeper: the validator ends those itself.
        if !self.open.insert(place) {
            return Ok(0);
        }
        if self.open.len() > SCHEMA_LEVELS || self.known.len() > SCHEMA_STEPS {
            return Err("it is too deep or too complex".into());
        }
        let mut sum = 1_u64;
        for (keyword, value) in keywords {
            sum = sum.saturating_add(self.keyword(keyword, value, depth)?);
        }
        if keywords.keys().any(|keyword| keyword.starts_with("unevaluated")) {
            // These look at everything beside them a second time.
            sum = sum.saturating_mul(2);
        }
        self.open.remove(&place);
        self.known.insert(place, sum);
        Ok(sum)
    }

    fn keyword(&mut self, keyword: &str, value: &'s Value, depth: usize) -> Result<u64, String> {
        let deeper = depth.checked_sub(1);
        match keyword {
            "$ref" => {
                let target = self.target(value)?;
                self.visit(target, depth)
            }
            "$dynamicRef" | "$recursiveRef" => Err("it uses dynamic references".into()),
            "allOf" | "anyOf" | "oneOf" | "dependentSchemas" | "dependencies" => self.sum(value, Some(depth)),
            "not" | "if" | "then" | "else" => self.visit(value, depth),
            "patternProperties" => Ok(self.sum(value, deeper)?.saturating_add(PATTERN_EFFORT)),
            "additionalProperties" | "unevaluatedProperties" | "additionalItems" | "unevaluatedItems" | "contains" => {
                deeper.map_or(Ok(0), |deeper| self.visit(value, deeper))
            }
            "propertyNames" => self.visit(value, 0),
            "properties" | "prefixItems" => self.most(value, deeper),
            "items" if value.is_array() => self.most(value, deeper),
            "items" => deeper.map_or(Ok(0), |deeper| self.visit(value, deeper)),
            "enum" | "required" => Ok(value.as_array().map_or(0, |list| list.len() as u64)),
            "pattern" => Ok(PATTERN_EFFORT),
            _ => Ok(0),
        }
    }

    /// All of these look at the same value.
    fn sum(&mut self, value: &'s Value, depth: Option<usize>) -> Result<u64, String> {
        let Some(depth) = depth else { return Ok(0) };
        children(value).into_iter().try_fold(0_u64, |sum, child| Ok(sum.saturating_add(self.visit(child, depth)?)))
    }

    /// Each value is looked at by one of these.
    fn most(&mut self, value: &'s Value, depth: Option<usize>) -> Result<u64, String> {
        let Some(depth) = depth else { return Ok(0) };
        children(value).into_iter().try_fold(0_u64, |most, child| Ok(most.max(self.visit(child, depth)?)))
    }

    fn target(&self, reference: &Value) -> Result<&'s Value, String> {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
        let target = pointer.and_then(|pointer| self.root.pointer(pointer));
        target.ok_or_else(|| "a reference in it is not of the form #/… or leads nowhere".to_owned())
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(map) => map.values().collect(),
        Value::Array(list) => list.iter().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_ordinary_schema_is_cheap_at_any_depth_of_arguments() {
        let filter = json!({
            "$ref": "#/$defs/filter",
            "$defs": {"filter": {"type": "object", "properties": {
                "and": {"type": "array", "items": {"$ref": "#/$defs/filter"}},
                "or": {"type": "array", "items": {"$ref": "#/$defs/filter"}},
                "equals": {"type": "string"},
            }}},
        });
        assert_eq!(of(&filter, 0), Ok(2));
        assert!(of(&filter, 100).unwrap() < 400);
    }

    #[test]
    fn doubling_is_counted_and_does_not_take_long_to_count() {
        let mut defs = serde_json::Map::new();
        for n in 0..60 {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            defs.insert(format!("d{n}"), json!({"anyOf": [next, next]}));
        }
        defs.insert("d60".into(), json!({}));
        assert!(of(&json!({"$ref": "#/$defs/d0", "$defs": defs}), 0).unwrap() > 1 << 60);
        let twice = json!({"anyOf": [{"properties": {"x": {"$ref": "#"}}}, {"properties": {"x": {"$ref": "#"}}}]});
        assert!(of(&twice, 40).unwrap() > 1 << 40);
    }

    #[test]
    fn loops_end_and_chains_are_bounded() {
        assert!(of(&json!({"$ref": "#"}), 5).is_ok());
        assert!(of(&json!({"allOf": [{"$ref": "#"}]}), 5).is_ok());
        let mut chain = serde_json::Map::new();
        for n in 0..5_000 {
            chain.insert(format!("d{n}"), json!({"$ref": format!("#/$defs/d{}", n + 1)}));
        }
        let chain = json!({"$ref": "#/$defs/d0", "$defs": chain});
        assert!(of(&chain, 0).unwrap_err().contains("too deep"));
        assert!(count_references(&chain).is_err());
    }

    #[test]
    fn references_that_leave_the_schema_are_refused() {
        for reference in ["https://example.com/x", "other.json", "#anchor", "#/$defs/missing"] {
            assert!(of(&json!({"$ref": reference}), 1).is_err(), "{reference}");
        }
        assert!(of(&json!({"$dynamicRef": "#x"}), 1).is_err());
    }
}
