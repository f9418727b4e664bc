//! The schema that is derived says what serde reads.

use serde::Deserialize;
use skynet_plugin_sdk::Arguments;
use skynet_plugin_sdk::arguments::Arguments as _;
use skynet_plugin_sdk::serde_json::{Value, from_str, json};

#[derive(Deserialize, Arguments)]
#[serde(rename_all = "kebab-case")]
enum Unit {
    DegreesCelsius,
    Kelvin,
}

#[derive(Deserialize, Arguments)]
struct Place {
    /// Degrees "north".
    latitude: f64,
}

#[derive(Deserialize, Arguments)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Forecast {
    /// Where,
    /// as a place.
    near_by: Place,
    days: Option<u8>,
    #[serde(default)]
    units: Vec<Unit>,
    #[serde(rename = "if")]
    condition: bool,
}

#[test]
fn the_schema_has_types_comments_names_and_what_is_required() {
    let schema: Value = from_str(&Forecast::schema()).unwrap();
    let wanted = json!({
        "type": "object",
        "properties": {
            "nearBy": {
                "description": "Where, as a place.", "type": "object",
                "properties": { "latitude": { "description": "Degrees \"north\".", "type": "number" } },
                "required": ["latitude"], "additionalProperties": false
            },
            "days": { "type": "integer", "minimum": 0 },
            "units": { "type": "array", "items": { "type": "string", "enum": ["degrees-celsius", "kelvin"] } },
            "if": { "type": "boolean" }
        },
        "required": ["nearBy", "if"],
        "additionalProperties": false
    });
    assert_eq!(schema, wanted);
}

#[test]
fn what_the_schema_takes_serde_reads() {
    let read: Forecast = from_str(r#"{"nearBy":{"latitude":1.5},"if":true,"units":["kelvin","degrees-celsius"]}"#).unwrap();
    assert!(read.condition && read.days.is_none() && read.near_by.latitude > 1.0);
    assert!(matches!(read.units[..], [Unit::Kelvin, Unit::DegreesCelsius]));
}
