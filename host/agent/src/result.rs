//! What is read of a tool call: outcomes cut to size, and failures in words that help on.
//!
//! A model reads them without paths, versions or other insides of the host; an owner, who has to
//! mend something there, with the paths.

use serde_json::Value;
use skynet_core::error::FaultKind;
use skynet_core::limits::TOOL_RESULT_CHARS;
use skynet_core::{Denial, PluginError, ResultPart, ToolCall, ToolError, ToolOutcome, ToolResult};

/// Text given for a call that was stopped while it ran or waited.
pub(crate) const INTERRUPTED: &str = "This call was interrupted; whether it took effect is unknown.";

/// At most so many characters, with a mark where something is missing.
pub(crate) fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

pub(crate) fn refused(call: &ToolCall, text: impl Into<String>) -> ToolResult {
    ToolResult { id: call.id.clone(), name: call.name.clone(), content: vec![ResultPart::text(text)], is_error: true }
}

pub(crate) fn of_outcome(call: &ToolCall, outcome: ToolOutcome) -> ToolResult {
    let mut content = outcome.content;
    if content.is_empty() {
        content.push(match outcome.structured {
            Some(value) => ResultPart::Json { value },
            None => ResultPart::text("(the tool gave no output)"),
        });
    }
    ToolResult { id: call.id.clone(), name: call.name.clone(), content: cut_parts(content), is_error: false }
}

/// The result and the audit verdict of a failed call, for a model.
pub(crate) fn of_error(call: &ToolCall, error: &PluginError) -> (ToolResult, &'static str) {
    let (text, verdict) = words(error, without_paths);
    let content = cut_parts(vec![ResultPart::text(text)]);
    (ToolResult { id: call.id.clone(), name: call.name.clone(), content, is_error: true }, verdict)
}

/// The same for the owner: what is to be mended, with where it is.
pub(crate) fn for_owner(error: &PluginError) -> String {
    cut(&words(error, str::to_owned).0, TOOL_RESULT_CHARS)
}

fn words(error: &PluginError, shown: fn(&str) -> String) -> (String, &'static str) {
    match error {
        PluginError::Tool(ToolError::Denied(words)) => (format!("denied: {}", shown(words)), "denied"),
        PluginError::Tool(words) => (words.to_string(), "error"),
        PluginError::Denied(denial) => (shown(&of_denial(denial)), "denied"),
        PluginError::Fault(fault) => (of_fault(fault.kind).to_owned(), "fault"),
        PluginError::Bug(_) => ("The host failed inside while running this tool. Its owner finds the reason in the log.".into(), "error"),
        PluginError::Cancelled => (INTERRUPTED.into(), "error"),
        PluginError::Busy(words) => (format!("The host is busy: {}. Try again later.", shown(words)), "error"),
    }
}

fn of_denial(denial: &Denial) -> String {
    let Denial { what, why, remedy, .. } = denial;
    format!("Policy denied {what}: {why}. Nothing happened. Only the owner can change this: {remedy}")
}

fn of_fault(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Trap => "The tool crashed. Calling it the same way again will likely crash it again.",
        FaultKind::CpuLimit => "The tool used up its CPU budget and was ended. Ask it for less at once.",
        FaultKind::Timeout => "The tool took too long and was ended. Ask it for less at once.",
        FaultKind::ResourceLimit => "The tool went over a limit of memory or handles and was ended. Ask it for less at once.",
        FaultKind::BadAnswer => "The tool gave an answer that breaks its contract; it cannot be used.",
        FaultKind::Instantiation => "The tool could not be started. The owner must look at its plugin.",
    }
}

/// Replaces absolute paths of this machine; an address such as `https://a/b` stays.
fn without_paths(text: &str) -> String {
    let clean = |word: &str| {
        let bare = word.trim_start_matches(['"', '\'', '`', '(', '[', '<']);
        let drive = bare.get(1..3).is_some_and(|rest| rest == ":\\" || rest == ":/") && bare.starts_with(|c: char| c.is_ascii_alphabetic());
        let unix = bare.starts_with('/') && bare.len() > 1;
        if unix || drive || bare.starts_with("\\\\") || bare.starts_with("~/") || bare.starts_with("file:") {
            let end = word.trim_end_matches(['.', ',', ';', ':', '!', '?', ')']).len();
            format!("[path]{}", word.get(end..).unwrap_or_default())
        } else {
            word.to_owned()
        }
    };
    text.split(' ').map(clean).collect::<Vec<_>>().join(" ")
}

/// Keeps the text and JSON of a result under the limit; images do not count.
fn cut_parts(parts: Vec<ResultPart>) -> Vec<ResultPart> {
    let mut left = TOOL_RESULT_CHARS;
    let mut kept = Vec::with_capacity(parts.len());
    for part in parts {
        let text = match &part {
            ResultPart::Image { .. } => None,
            ResultPart::Text { text } => Some(text.clone()),
            ResultPart::Json { value } => Some(value.to_string()),
        };
        let Some(text) = text else {
            kept.push(part);
            continue;
        };
        let chars = text.chars().count();
        if chars <= left {
            left -= chars;
            kept.push(part);
            continue;
        }
        let head: String = text.chars().take(left).collect();
        kept.push(ResultPart::text(format!("{head}\n[cut: {} more characters are not shown]", chars - left)));
        left = 0;
    }
    kept
}

/// The arguments as an object, or what is wrong with them.
pub(crate) fn arguments_of(call: &ToolCall) -> Result<Value, String> {
    use skynet_core::limits::TOOL_ARGUMENT_BYTES;
    if call.arguments.len() > TOOL_ARGUMENT_BYTES {
        return Err(format!("The arguments are larger than {TOOL_ARGUMENT_BYTES} bytes. Send less at once."));
    }
    let text = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("The arguments must be one JSON object.".into()),
        Err(fault) => Err(format!("The arguments are not valid JSON: {fault}. Call again with one complete JSON object.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> ToolCall {
        ToolCall { id: "1".into(), name: "t".into(), arguments: String::new() }
    }

    #[test]
    fn a_long_result_is_cut_on_a_character_border_with_a_note() {
        let long = "é".repeat(TOOL_RESULT_CHARS + 5);
        let outcome = ToolOutcome { content: vec![ResultPart::text(long), ResultPart::text("tail")], structured: None };
        let result = of_outcome(&call(), outcome);
        let text = result.to_text();
        assert!(text.starts_with("éé") && text.contains("[cut: 5 more characters are not shown]"), "{}", &text[text.len() - 100..]);
        assert!(text.ends_with("[cut: 4 more characters are not shown]"));
        assert!(text.chars().count() < TOOL_RESULT_CHARS + 200);
    }

    #[test]
    fn json_alone_is_shown_and_long_json_becomes_cut_text() {
        let shown = of_outcome(&call(), ToolOutcome { content: vec![], structured: Some(serde_json::json!({"a": 1})) });
        assert_eq!(shown.to_text(), "{\"a\":1}");
        let long = Value::String("x".repeat(TOOL_RESULT_CHARS * 2));
        let result = of_outcome(&call(), ToolOutcome { content: vec![ResultPart::Json { value: long }], structured: None });
        assert!(result.to_text().len() < TOOL_RESULT_CHARS + 100);
    }

    #[test]
    fn machine_paths_are_taken_out_and_addresses_stay() {
        let text = without_paths("open /home/me/key, and `/etc/x` or C:\\a\\b ~/z but GET https://example.com/a/b and a/b");
        assert_eq!(text, "open [path], and [path] or [path] [path] but GET https://example.com/a/b and a/b");
    }

    #[test]
    fn arguments_must_be_one_object() {
        let check = |text: &str| arguments_of(&ToolCall { id: "1".into(), name: "t".into(), arguments: text.into() });
        assert_eq!(check("  "), Ok(serde_json::json!({})));
        assert!(check("[1]").unwrap_err().contains("one JSON object"));
        assert!(check("{\"a\":").unwrap_err().contains("not valid JSON"));
        assert!(check(&"[".repeat(100_000)).unwrap_err().contains("not valid JSON"), "deep nesting is refused, not a stack overflow");
        assert!(check(&format!("\"{}\"", "x".repeat(2 << 20))).unwrap_err().contains("larger than"));
    }
}
