//! Shapes of parameters, as data, and what is wrong with a value that has another.
//!
//! Owns the words: clients show them to people, so they are those that the
//! protocol's other servers use. Unknown keys are refused; nothing is coerced.

use serde_json::{Map, Value};
use skynet_policy::naming;

/// How many keys that should not be there an answer names: there may be millions.
pub(crate) const FAULTS_SHOWN: usize = 8;

/// One key of an object.
#[derive(Debug)]
pub(crate) struct Field {
    name: &'static str,
    required: bool,
    kind: Kind,
}

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Kind {
    Any,
    Bool,
    /// Text of so many characters, least and most.
    Text(usize, usize),
    /// Any number.
    Number,
    /// A whole number within bounds.
    Int(u64, u64),
    OneOf(&'static [&'static str]),
    /// A list of so many at most.
    List(&'static Kind, usize),
    Map(&'static Kind),
    Object(&'static [Field]),
    OrNull(&'static Kind),
}

/// Any text.
pub(crate) const TEXT: Kind = Kind::Text(0, usize::MAX);
/// Text that is not empty.
pub(crate) const WORD: Kind = Kind::Text(1, usize::MAX);
/// A number that counts.
pub(crate) const COUNT: Kind = Kind::Int(0, u64::MAX);

/// A key that must be there.
pub(crate) const fn must(name: &'static str, kind: Kind) -> Field {
    Field { name, required: true, kind }
}

/// A key that may be there.
pub(crate) const fn may(name: &'static str, kind: Kind) -> Field {
    Field { name, required: false, kind }
}

/// A key or text of a stranger, fit for a message.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).map(|c| if naming::is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

/// What is wrong with the parameters, joined as one text; `None` when nothing is.
pub(crate) fn faults(fields: &[Field], params: &Map<String, Value>) -> Option<String> {
    let mut faults = Vec::new();
    check_object(fields, params, "", &mut faults);
    (!faults.is_empty()).then(|| faults.join("; "))
}

fn check_object(fields: &[Field], map: &Map<String, Value>, at: &str, faults: &mut Vec<String>) {
    let place = |rest: &str| if at.is_empty() { rest.to_owned() } else { format!("at {at}: {rest}") };
    for field in fields {
        match map.get(field.name) {
            Some(value) => check(&field.kind, value, &format!("{at}/{}", field.name), faults),
            None if field.required => faults.push(place(&format!("must have required property '{}'", field.name))),
            None => {}
        }
    }
    for key in map.keys().filter(|key| !fields.iter().any(|field| field.name == key.as_str())).take(FAULTS_SHOWN) {
        faults.push(format!("at {}: unexpected property '{}'", if at.is_empty() { "root" } else { at }, shown(key)));
    }
}

fn check(kind: &Kind, value: &Value, at: &str, faults: &mut Vec<String>) {
    let mut fault = |what: String| faults.push(format!("at {at}: {what}"));
    match (kind, value) {
        (Kind::Any, _) | (Kind::Bool, Value::Bool(_)) | (Kind::Number, Value::Number(_)) | (Kind::OrNull(_), Value::Null) => {}
        (Kind::OrNull(inner), _) => check(inner, value, at, faults),
        (Kind::Text(least, most), Value::String(text)) => {
            let length = text.chars().take(most.saturating_add(1)).count();
            if length < *least {
                fault(format!("must NOT have fewer than {least} characters"));
            } else if length > *most {
                fault(format!("must NOT have more than {most} characters"));
            }
        }
        (Kind::Int(least, most), Value::Number(number)) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) if number < *least => fault(format!("must be >= {least}")),
            (Some(number), _) if number > *most => fault(format!("must be <= {most}")),
            (Some(_), _) => {}
            (None, Some(_)) => fault(format!("must be >= {least}")),
            (None, None) => fault("must be integer".into()),
        },
        (Kind::OneOf(words), Value::String(text)) => {
            if !words.contains(&text.as_str()) {
                fault(format!("must be equal to one of: {}", words.join(", ")));
            }
        }
        (Kind::List(inner, most), Value::Array(items)) => {
            if items.len() > *most {
                fault(format!("must NOT have more than {most} items"));
            }
            for (index, item) in items.iter().take(*most).enumerate() {
                check(inner, item, &format!("{at}/{index}"), faults);
            }
        }
        (Kind::Map(inner), Value::Object(map)) => {
            for (key, item) in map {
                check(inner, item, &format!("{at}/{}", shown(key)), faults);
            }
        }
        (Kind::Object(fields), Value::Object(map)) => check_object(fields, map, at, faults),
        (Kind::Bool, _) => fault("must be boolean".into()),
        (Kind::Text(..) | Kind::OneOf(_), _) => fault("must be string".into()),
        (Kind::Number, _) => fault("must be number".into()),
        (Kind::Int(..), _) => fault("must be integer".into()),
        (Kind::List(..), _) => fault("must be array".into()),
        (Kind::Map(_) | Kind::Object(_), _) => fault("must be object".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_stranger_wrote_hides_and_reorders_nothing_in_a_message() {
        assert_eq!(shown("a\u{202e}b\n\u{200b}c"), "a\u{fffd}b\u{fffd}\u{fffd}c");
    }

    const SHAPE: &[Field] = &[
        must("key", Kind::Text(1, 4)),
        may("limit", Kind::Int(1, 10)),
        may("deep", Kind::Object(&[must("on", Kind::Bool)])),
        may("mode", Kind::OneOf(&["a", "b"])),
        may("label", Kind::OrNull(&WORD)),
        may("list", Kind::List(&WORD, 2)),
        may("weight", Kind::Number),
    ];

    fn check(value: Value, fault: &str) {
        let Value::Object(map) = value else { panic!("give an object") };
        assert_eq!(faults(SHAPE, &map).unwrap_or_default(), fault);
    }

    #[test]
    fn faults_are_named_with_their_place() {
        check(json!({"key": "k", "limit": 3, "deep": {"on": true}, "mode": "a", "label": null, "list": ["x"]}), "");
        check(json!({}), "must have required property 'key'");
        check(json!({"key": ""}), "at /key: must NOT have fewer than 1 characters");
        check(json!({"key": "12345"}), "at /key: must NOT have more than 4 characters");
        check(json!({"key": 1}), "at /key: must be string");
        check(json!({"key": "k", "limit": 0}), "at /limit: must be >= 1");
        check(json!({"key": "k", "limit": -1}), "at /limit: must be >= 1");
        check(json!({"key": "k", "limit": 1.5}), "at /limit: must be integer");
        check(json!({"key": "k", "limit": 99}), "at /limit: must be <= 10");
        check(json!({"key": "k", "deep": {}}), "at /deep: must have required property 'on'");
        check(json!({"key": "k", "deep": {"on": 1, "x": 1}}), "at /deep/on: must be boolean; at /deep: unexpected property 'x'");
        check(json!({"key": "k", "mode": "c"}), "at /mode: must be equal to one of: a, b");
        check(json!({"key": "k", "list": ["", "b", "c"]}), {
            "at /list: must NOT have more than 2 items; at /list/0: must NOT have fewer than 1 characters"
        });
        check(json!({"key": "k", "weight": 1}), "");
        check(json!({"key": "k", "weight": -0.5}), "");
        check(json!({"key": "k", "weight": "1"}), "at /weight: must be number");
        check(json!({"key": "k", "no\nway": 1}), "at root: unexpected property 'no\u{fffd}way'");
    }
}
