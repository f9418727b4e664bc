//! `plugin.toml` from a stranger: what is accepted means one thing.
//!
//! An accepted manifest, written out again, is accepted again and says the same;
//! its permissions have one text and one digest; and no sentence that an owner reads
//! about it can hold a line of the author's own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skynet_policy::{Manifest, Permissions};
use toml::{Table, Value};

fuzz_target!(|text: &str| {
    let Ok(manifest) = Manifest::parse(text) else { return };
    assert_eq!(manifest.permissions.request_faults(), Vec::<String>::new(), "accepted with faults");
    let written = written(&manifest);
    let again = Manifest::parse(&written).unwrap_or_else(|error| panic!("written as\n{written}\nit is refused: {error}"));
    assert_eq!(self::written(&again), written);
    assert_eq!(again.id, manifest.id);
    assert_eq!(again.permissions.digest(), manifest.permissions.digest());

    let json = manifest.permissions.to_json();
    let read: Permissions = serde_json::from_str(&json).expect("its own text");
    assert_eq!(read.to_json(), json);
    for line in manifest.permissions.sentences() {
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{2028}' || c == '\u{2029}'), "a sentence of several lines: {line:?}");
    }
});

/// The one text of a manifest.
fn written(manifest: &Manifest) -> String {
    let mut table = Table::new();
    let mut put = |key: &str, value: Value| table.insert(key.to_owned(), value);
    put("schema", Value::Integer(manifest.schema.into()));
    put("id", Value::String(manifest.id.to_string()));
    put("version", Value::String(manifest.version.to_string()));
    put("summary", Value::String(manifest.summary.clone()));
    put("world", Value::String(manifest.world.to_string()));
    put("wit", Value::String(manifest.wit.to_string()));
    for (key, text) in [("license", &manifest.license), ("repository", &manifest.repository)] {
        if let Some(text) = text {
            put(key, Value::String(text.clone()));
        }
    }
    put("permissions", Value::try_from(manifest.permissions.normalized()).expect("plain data"));
    toml::to_string(&table).expect("plain data")
}
