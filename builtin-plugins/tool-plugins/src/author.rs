//! `plugin_author`: a plugin that the model wrote, with its wishes and trials.
//!
//! The arguments are handed on as they are: the host reads them, and says what is wrong.

use crate::install::{Desk, waits};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use skynet_plugin_sdk::tool::{Outcome, ToolError, ToolSpec};

#[derive(Deserialize)]
pub(crate) struct Author {
    source: String,
    #[serde(flatten)]
    manifest: Manifest,
}

/// What goes to the host beside the source.
#[derive(Deserialize, Serialize)]
struct Manifest {
    name: String,
    #[serde(default = "first")]
    version: String,
    summary: String,
    #[serde(default)]
    permissions: Map<String, Value>,
    trials: Vec<Value>,
}

fn first() -> String {
    "0.1.0".into()
}

const TRIAL: &str = r#"{"type":"object","properties":{"tool":{"type":"string"},"arguments":{"type":"object"},"expect":{"type":"string","description":"Text that the answer holds"},"fails":{"type":"boolean","description":"Whether the call should fail, as one that needs a permission does"}},"required":["tool","arguments"],"additionalProperties":false}"#;

pub(crate) fn spec() -> ToolSpec {
    let parameters = format!(
        r#"{{"type":"object","properties":{{"name":{{"type":"string","maxLength":40,"description":"a-z, 0-9 and -"}},"version":{{"type":"string","maxLength":64}},"summary":{{"type":"string","minLength":1,"maxLength":200}},"source":{{"type":"string","minLength":1,"maxLength":65536,"description":"One JavaScript module without imports: export const tools = [{{ name, description, parameters, call(args, ctx) {{ ... }} }}]. parameters is a JSON Schema; call may be async and gives text or data; ctx has log, fetch, config and what the permissions allow."}},"permissions":{{"type":"object","description":"What it needs, such as {{\"net\":[{{\"url\":\"https://api.example.com\"}}]}}; leave it out where it needs nothing"}},"trials":{{"type":"array","minItems":1,"maxItems":16,"items":{TRIAL}}}}},"required":["name","summary","source","trials"],"additionalProperties":false}}"#
    );
    ToolSpec::new(
        "plugin_author",
        "Proposes a plugin that you write, in JavaScript, to the owner: tools that you lack. The host builds it, looks through it and runs \
         its trials with no permission at all; errors say what to change. It is not installed by this: it waits until the owner has looked at \
         the source and at what it may do, and approved it outside of this conversation. You cannot approve it.",
        &parameters,
    )
    .closed_world()
}

pub(crate) fn author(desk: &impl Desk, Author { source, manifest }: &Author) -> Result<Outcome, ToolError> {
    let manifest = serde_json::to_string(manifest).map_err(|error| ToolError::InvalidArguments(error.to_string()))?;
    let proposal = desk.propose_plugin(source, &manifest).map_err(ToolError::Failed)?;
    Ok(Outcome::text(waits(&proposal)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::tests::{OneDesk, said};

    fn written(source: &str) -> Author {
        let text = r#"{"name":"dice","summary":"Rolls.","trials":[{"tool":"roll","arguments":{}}]}"#;
        let mut whole: Map<String, Value> = serde_json::from_str(text).unwrap();
        whole.insert("source".into(), source.into());
        serde_json::from_value(whole.into()).unwrap()
    }

    #[test]
    fn source_and_manifest_go_to_the_host_apart() {
        let desk = OneDesk::default();
        assert!(said(author(&desk, &written("good"))).contains("not installed"));
        let given = desk.0.borrow().join("");
        assert!(given.starts_with("good {") && given.contains(r#""version":"0.1.0""#) && given.contains(r#""permissions":{}"#), "{given}");
        assert!(!given.contains(r#""source""#), "{given}");
    }

    #[test]
    fn what_is_wrong_with_it_reaches_the_model() {
        assert!(said(author(&OneDesk::default(), &written("bad"))).contains("a trial did not go"));
    }

    #[test]
    fn the_schema_is_json() {
        assert!(serde_json::from_str::<Value>(&spec().parameters).unwrap().is_object());
    }
}
