//! Refuses JSON in which an object names a key twice.
//!
//! Two readers may pick different values of such a key, so a signed document with
//! one would mean two things. `serde_json` does not see them inside free values.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// One JSON document, nothing after it, no key twice. The error names the key.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    serde_json::from_slice::<Unique>(bytes).map(|_| ()).map_err(|error| error.to_string())
}

struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
        while items.next_element::<Unique>()?.is_some() {}
        Ok(Unique)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Unique, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(A::Error::custom(format!("the key `{}` stands twice in one object", crate::naming::plain_line(&key, 60))));
            }
            seen.insert(key);
            entries.next_value::<Unique>()?;
        }
        Ok(Unique)
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_key_that_stands_twice_is_refused_at_any_depth() {
        for evil in [r#"{"a":1,"a":1}"#, r#"{"a":[{"b":{"c":1,"c":2}}]}"#, "{\"a\":1,\"\\u0061\":2}"] {
            assert!(check(evil.as_bytes()).unwrap_err().contains("twice"), "{evil}");
        }
        check(br#"{"a":{"x":1},"b":{"x":1},"c":[1,-1,1.5,true,null,"s"]}"#).unwrap();
    }

    #[test]
    fn a_second_document_and_deep_nesting_are_refused() {
        assert!(check(b"{} {}").is_err());
        assert!(check("[".repeat(100_000).as_bytes()).is_err());
    }
}
