//! From what the layer gives, as JSON, to the types of the interface.
//!
//! The shapes are those of `plugins-sdk/js/src/layer.js`. What does not fit is an
//! error that says so: a script can hand out anything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use skynet_plugin_sdk::Description;
use skynet_plugin_sdk::tool::{Annotations, Blob, Outcome, ResultPart, ToolError, ToolSpec};

pub(crate) type Answer = Value;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    name: String,
    summary: String,
    config_schema: Option<String>,
}

pub(crate) fn description(answer: &Answer) -> Result<Description, String> {
    let said = Said::deserialize(answer).map_err(|error| error.to_string())?;
    let description = Description::new(said.name, said.summary);
    Ok(match said.config_schema {
        Some(schema) => description.with_config_schema(schema),
        None => description,
    })
}

#[derive(Deserialize)]
struct Spec {
    name: String,
    description: String,
    parameters: String,
    output: Option<String>,
    annotations: Hints,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hints {
    read_only: bool,
    destructive: bool,
    idempotent: bool,
    open_world: bool,
}

pub(crate) fn specs(answer: &Answer) -> Result<Vec<ToolSpec>, String> {
    let specs = Vec::<Spec>::deserialize(answer).map_err(|error| error.to_string())?;
    let spec = |spec: Spec| ToolSpec {
        name: spec.name,
        description: spec.description,
        parameters: spec.parameters,
        output: spec.output,
        annotations: Annotations {
            read_only: spec.annotations.read_only,
            destructive: spec.annotations.destructive,
            idempotent: spec.annotations.idempotent,
            open_world: spec.annotations.open_world,
        },
        extra: Vec::new(),
    };
    Ok(specs.into_iter().map(spec).collect())
}

#[derive(Deserialize)]
struct Case {
    tag: String,
    val: Value,
}

#[derive(Deserialize)]
struct Given {
    content: Vec<Case>,
    structured: Option<String>,
}

pub(crate) fn outcome(answer: &Answer) -> Result<Outcome, ToolError> {
    if let Some(error) = answer.get("err") {
        return Err(Case::deserialize(error).map_or_else(|error| ToolError::Failed(error.to_string()), failure));
    }
    let given = answer.get("ok").cloned().unwrap_or_default();
    let given = Given::deserialize(given).map_err(|error| ToolError::Failed(format!("the tool gave no outcome: {error}")))?;
    let content: Result<_, _> = given.content.into_iter().map(part).collect();
    Ok(Outcome { content: content?, structured: given.structured, extra: Vec::new() })
}

fn failure(error: Case) -> ToolError {
    let text = error.val.as_str().map_or_else(|| error.val.to_string(), str::to_owned);
    match error.tag.as_str() {
        "unknown-tool" => ToolError::UnknownTool(text),
        "invalid-arguments" => ToolError::InvalidArguments(text),
        "denied" => ToolError::Denied(text),
        "unavailable" => ToolError::Unavailable(text),
        _ => ToolError::Failed(text),
    }
}

fn part(case: Case) -> Result<ResultPart, ToolError> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match case.tag.as_str() {
        "json" => Ok(ResultPart::Json(text(&case.val))),
        "image" => {
            let mime = text(case.val.get("mime").unwrap_or(&Value::Null));
            let data = bytes(case.val.get("data").unwrap_or(&Value::Null))?;
            Ok(ResultPart::Image(Blob { mime, data }))
        }
        _ => Ok(ResultPart::Text(text(&case.val))),
    }
}

/// Bytes of an image: base64, or an array of numbers.
fn bytes(value: &Value) -> Result<Vec<u8>, ToolError> {
    let fault = || ToolError::Failed("the data of an image must be base64 or bytes".to_owned());
    match value {
        Value::String(text) => STANDARD.decode(text).map_err(|_| fault()),
        Value::Array(_) => Vec::<u8>::deserialize(value).map_err(|_| fault()),
        // A typed array becomes an object with its indexes as keys.
        Value::Object(fields) => (0..fields.len())
            .map(|at| fields.get(&at.to_string()).and_then(Value::as_u64).and_then(|byte| u8::try_from(byte).ok()).ok_or_else(fault))
            .collect(),
        _ => Err(fault()),
    }
}
