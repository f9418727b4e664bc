//! What a script gave, as the answer of a tool.
//!
//! Text is text. JSON is what it is: a text, an object, which is data too, or another value. Refuses to
//! call a run good that ended with another code than 0.

use serde_json::Value;
use skynet_plugin_sdk::tool::{Outcome, ResultPart, ToolError};

pub(crate) fn outcome(exit_code: i32, output: &str, is_json: bool) -> Result<Outcome, ToolError> {
    if exit_code != 0 {
        let said = output.trim_end();
        let code = format!("exit code {exit_code}");
        return Err(ToolError::Failed(if said.is_empty() { code } else { format!("{said}\n{code}") }));
    }
    if !is_json {
        return Ok(Outcome::text(if output.is_empty() { "(no output)" } else { output }));
    }
    match serde_json::from_str(output) {
        Ok(Value::String(text)) => Ok(Outcome::text(text)),
        Ok(value) => {
            let structured = value.is_object().then(|| output.to_owned());
            Ok(Outcome { content: vec![ResultPart::Json(output.to_owned())], structured, extra: Vec::new() })
        }
        Err(error) => Err(ToolError::Failed(format!("the host gave no JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(exit_code: i32, output: &str, is_json: bool, expected: &str) {
        let got = match outcome(exit_code, output, is_json) {
            Ok(outcome) => match outcome.content.as_slice() {
                [ResultPart::Text(text)] => text.clone(),
                [ResultPart::Json(json)] => format!("json {json} {}", outcome.structured.is_some()),
                other => format!("{other:?}"),
            },
            Err(ToolError::Failed(why)) => format!("failed: {why}"),
            Err(other) => format!("{other:?}"),
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn text_is_handed_on_and_silence_is_said() {
        check(0, "hello\n", false, "hello\n");
        check(0, "{\"a\":1}", false, "{\"a\":1}");
        check(0, "", false, "(no output)");
    }

    #[test]
    fn a_code_other_than_0_is_a_failure_with_all_that_was_said() {
        check(3, "no such city\n", false, "failed: no such city\nexit code 3");
        check(1, "", true, "failed: exit code 1");
    }

    #[test]
    fn json_is_a_text_an_object_or_another_value() {
        check(0, "\"hello\"", true, "hello");
        check(0, "{\"a\":1}", true, "json {\"a\":1} true");
        check(0, "[1]", true, "json [1] false");
        check(0, "nonsense", true, "failed: the host gave no JSON: expected ident at line 1 column 2");
    }
}
