//! The JSON Schema of a tool's arguments, from the type that reads them.
//!
//! `#[derive(Arguments)]` calls what is here. The text is put together when `tools` is asked
//! for, without a tree of values: a guest carries a few hundred bytes for it. A field is
//! required unless its type is an `Option` or serde has a default for it.

/// A type whose JSON a schema describes.
pub trait Arguments {
    /// Whether an object must have a member of this type.
    const REQUIRED: bool = true;

    /// Appends the schema, a JSON object.
    fn write(out: &mut String);

    /// The schema as a text, for `ToolSpec::new`.
    fn schema() -> String {
        let mut out = String::new();
        Self::write(&mut out);
        out
    }
}

macro_rules! plain {
    ($schema:literal: $($kind:ty),+) => {
        $(impl Arguments for $kind {
            fn write(out: &mut String) {
                out.push_str($schema);
            }
        })+
    };
}

plain!(r#"{"type":"string"}"#: String, Box<str>);
plain!(r#"{"type":"boolean"}"#: bool);
plain!(r#"{"type":"number"}"#: f32, f64);
plain!(r#"{"type":"integer"}"#: i8, i16, i32, i64);
plain!(r#"{"type":"integer","minimum":0}"#: u8, u16, u32, u64, usize);
plain!("{}": serde_json::Value);

impl<T: Arguments> Arguments for Option<T> {
    const REQUIRED: bool = false;

    fn write(out: &mut String) {
        T::write(out);
    }
}

impl<T: Arguments> Arguments for Vec<T> {
    fn write(out: &mut String) {
        out.push_str(r#"{"type":"array","items":"#);
        T::write(out);
        out.push('}');
    }
}

impl<T: Arguments> Arguments for std::collections::BTreeMap<String, T> {
    fn write(out: &mut String) {
        out.push_str(r#"{"type":"object","additionalProperties":"#);
        T::write(out);
        out.push('}');
    }
}

/// An object while it is put together.
#[doc(hidden)]
#[derive(Default)]
pub struct Object {
    members: String,
    required: Vec<&'static str>,
}

impl Object {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn member<T: Arguments>(&mut self, name: &'static str, said: &str, optional: bool) {
        if !self.members.is_empty() {
            self.members.push(',');
        }
        quote(&mut self.members, name);
        self.members.push(':');
        let schema = T::schema();
        match schema.strip_prefix('{') {
            Some(rest) if !said.is_empty() => {
                self.members.push_str(r#"{"description":"#);
                quote(&mut self.members, said);
                if rest != "}" {
                    self.members.push(',');
                }
                self.members.push_str(rest);
            }
            _ => self.members.push_str(&schema),
        }
        if T::REQUIRED && !optional {
            self.required.push(name);
        }
    }

    pub fn write(self, out: &mut String) {
        out.push_str(r#"{"type":"object","properties":{"#);
        out.push_str(&self.members);
        out.push_str(r#"},"required":"#);
        list(out, &self.required);
        out.push_str(r#","additionalProperties":false}"#);
    }
}

/// The schema of one of these names.
#[doc(hidden)]
pub fn names(out: &mut String, names: &[&str]) {
    out.push_str(r#"{"type":"string","enum":"#);
    list(out, names);
    out.push('}');
}

fn list(out: &mut String, names: &[&str]) {
    out.push('[');
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        quote(out, name);
    }
    out.push(']');
}

fn quote(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
