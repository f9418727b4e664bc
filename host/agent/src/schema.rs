//! Checks a call's arguments against its tool's JSON Schema, which a stranger wrote.
//!
//! Compiled once per plugin generation and tool. Never fetches a reference, and
//! refuses a schema that is too large, or that would make too much work of these
//! arguments: checking runs on the turn's own thread and cannot be stopped.

use crate::effort;
use crate::limits::{
    ARGUMENT_FAULTS, CHECK_EFFORT, EXPLAIN_EFFORT, PATTERN_BACKTRACKS, PATTERN_BYTES, SCHEMA_BYTES, SENTENCE_CHARS, VALIDATORS,
};
use crate::result::cut;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use skynet_core::PluginRef;
use skynet_core::ports::ToolEntry;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A schema ready for use, or why it can never be.
type Compiled = Result<Validator, String>;

/// Compiled schemas by plugin generation and tool.
#[derive(Default)]
pub(crate) struct Validators(Mutex<HashMap<(PluginRef, String), Arc<Compiled>>>);

/// Why arguments were refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The model's: what is wrong, one sentence each.
    Arguments(Vec<String>),
    /// The plugin's: its schema cannot be used.
    Schema(String),
}

impl Validators {
    pub(crate) fn check(&self, tool: &ToolEntry, arguments: &Value) -> Result<(), Fault> {
        let compiled = self.compiled(tool);
        let validator = compiled.as_ref().as_ref().map_err(|reason| Fault::Schema(reason.clone()))?;
        let (levels, values) = effort::size_of(arguments);
        let size = values.max(arguments.to_string().len() / BYTES_AS_ONE) as u64;
        let effort = effort::of(&tool.spec.parameters, levels).map_err(Fault::Schema)?.saturating_mul(size);
        if effort > CHECK_EFFORT {
            return Err(Fault::Arguments(vec!["they are too large or too deep to be checked; send less at once".into()]));
        }
        if validator.is_valid(arguments) {
            return Ok(());
        }
        if effort > EXPLAIN_EFFORT {
            return Err(Fault::Arguments(vec!["too many of them to say which; read the schema again".into()]));
        }
        Err(Fault::Arguments(explain(validator, arguments)))
    }

    fn compiled(&self, tool: &ToolEntry) -> Arc<Compiled> {
        let key = (tool.plugin.clone(), tool.spec.name.clone());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return known;
        }
        let compiled = Arc::new(compile(&tool.spec.parameters));
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= VALIDATORS {
            cache.clear();
        }
        cache.insert(key, compiled.clone());
        compiled
    }
}

/// Bytes of text that take as long as one more value.
const BYTES_AS_ONE: usize = 64;

fn explain(validator: &Validator, arguments: &Value) -> Vec<String> {
    let sentence = |fault: jsonschema::ValidationError<'_>| {
        let place = fault.instance_path().to_string();
        let place = if place.is_empty() { "arguments".to_owned() } else { place };
        cut(&format!("{place}: {fault}"), SENTENCE_CHARS)
    };
    validator.iter_errors(arguments).take(ARGUMENT_FAULTS).map(sentence).collect()
}

fn compile(schema: &Value) -> Compiled {
    if schema.to_string().len() > SCHEMA_BYTES {
        return Err(format!("it is larger than {SCHEMA_BYTES} bytes"));
    }
    effort::count_references(schema)?;
    let patterns =
        PatternOptions::fancy_regex().backtrack_limit(PATTERN_BACKTRACKS).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
    jsonschema::options().offline().with_pattern_options(patterns).build(schema).map_err(|fault| cut(&fault.to_string(), SENTENCE_CHARS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use skynet_core::{Annotations, Generation, PluginId, ToolSpec};

    fn tool(generation: u64, parameters: Value) -> ToolEntry {
        let plugin =
            PluginRef { id: PluginId::new("a/b").unwrap(), version: semver::Version::new(1, 0, 0), generation: Generation(generation) };
        let spec = ToolSpec { name: "t".into(), description: String::new(), parameters, output: None, annotations: Annotations::default() };
        ToolEntry { exposed: "t".into(), plugin, spec }
    }

    fn check(schema: Value, arguments: Value) -> Result<(), Fault> {
        Validators::default().check(&tool(1, schema), &arguments)
    }

    #[test]
    fn a_new_generation_brings_its_own_schema() {
        let validators = Validators::default();
        assert_eq!(validators.check(&tool(1, json!({"required": ["a"]})), &json!({"a": 1})), Ok(()));
        assert!(validators.check(&tool(2, json!({"required": ["b"]})), &json!({"a": 1})).is_err());
        assert_eq!(validators.0.lock().unwrap().len(), 2);
    }

    #[test]
    fn kept_schemas_are_bounded() {
        let validators = Validators::default();
        for generation in 0..VALIDATORS as u64 + 10 {
            validators.check(&tool(generation, json!({})), &json!({})).unwrap();
        }
        assert!(validators.0.lock().unwrap().len() <= VALIDATORS);
    }

    #[test]
    fn a_schema_that_doubles_the_work_is_not_started() {
        let branch = json!({"properties": {"x": {"$ref": "#"}}, "required": ["y"]});
        let twice = json!({"anyOf": [branch, branch]});
        let mut deep = json!({});
        for _ in 0..60 {
            deep = json!({"x": deep});
        }
        let Err(Fault::Arguments(faults)) = check(twice.clone(), deep) else { panic!("it was checked") };
        assert!(faults[0].contains("too deep to be checked"), "{faults:?}");
        assert!(matches!(check(twice, json!({"x": {}})), Err(Fault::Arguments(_))));
    }

    #[test]
    fn an_exploding_pattern_is_ended() {
        let schema = json!({"properties": {"x": {"pattern": "^(?=(a+)+$)(a|a?)+b$"}}});
        assert!(check(schema, json!({"x": "a".repeat(5_000)})).is_err());
    }

    #[test]
    fn the_longest_chain_of_references_compiles_on_an_ordinary_stack() {
        let mut defs = serde_json::Map::new();
        for n in 0..crate::limits::SCHEMA_REFERENCES - 1 {
            defs.insert(format!("d{n}"), json!({"properties": {"x": {"$ref": format!("#/$defs/d{}", n + 1)}}}));
        }
        defs.insert(format!("d{}", crate::limits::SCHEMA_REFERENCES - 1), json!({"type": "object"}));
        let mut deep = json!({});
        for _ in 0..120 {
            deep = json!({"x": deep});
        }
        assert_eq!(check(json!({"$ref": "#/$defs/d0", "$defs": defs}), deep), Ok(()));
    }

    #[test]
    fn a_huge_schema_is_refused() {
        let schema = json!({"enum": ["x".repeat(SCHEMA_BYTES)]});
        assert!(matches!(check(schema, json!({})), Err(Fault::Schema(reason)) if reason.contains("larger than")));
    }
}
