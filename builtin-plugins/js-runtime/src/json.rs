//! `JSON.parse` for scripts: text to values, without the engine's own parser.
//!
//! The engine reads JSON as a program, at several kilobytes of stack a level, so an answer of
//! a server that nests sixty deep would end the call in a trap. This takes little, and
//! refuses what nests deeper than 127 with an error that a script can catch.

use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsNativeError, JsResult, JsString, JsValue};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The native half: one text, one value. `bridge.js` adds the reviver.
pub(crate) fn parse(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = arguments.first().cloned().unwrap_or_default().to_string(context)?.to_std_string_lossy();
    let mut reader = serde_json::Deserializer::from_str(&text);
    let value = Reader(context).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| JsNativeError::syntax().with_message(error.to_string()).into())
}

struct Reader<'a>(&'a mut Context);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = JsValue;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<JsValue, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = JsValue;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<JsValue, E> {
        Ok(JsValue::null())
    }

    fn visit_bool<E>(self, value: bool) -> Result<JsValue, E> {
        Ok(value.into())
    }

    #[allow(clippy::cast_precision_loss)] // Numbers of a script are doubles.
    fn visit_i64<E>(self, value: i64) -> Result<JsValue, E> {
        Ok(i32::try_from(value).map_or_else(|_| (value as f64).into(), JsValue::from))
    }

    #[allow(clippy::cast_precision_loss)] // The same.
    fn visit_u64<E>(self, value: u64) -> Result<JsValue, E> {
        Ok(i32::try_from(value).map_or_else(|_| (value as f64).into(), JsValue::from))
    }

    fn visit_f64<E>(self, value: f64) -> Result<JsValue, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<JsValue, E> {
        Ok(JsString::from(value).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<JsValue, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Reader(self.0))? {
            values.push(value);
        }
        Ok(JsArray::from_iter(values, self.0).into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<JsValue, A::Error> {
        let object = JsObject::with_object_proto(self.0.intrinsics());
        while let Some(name) = fields.next_key::<String>()? {
            let value = fields.next_value_seed(Reader(self.0))?;
            object.create_data_property(PropertyKey::from(JsString::from(name)), value, self.0).map_err(A::Error::custom)?;
        }
        Ok(object.into())
    }
}
