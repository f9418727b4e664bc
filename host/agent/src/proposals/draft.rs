//! A plugin as a model wrote it: its manifest is read, bounded and made plain.
//!
//! Refuses, with the words that let the model do better: unknown keys, names that are no
//! names, no trial, more of anything than a person reads.
//! What the permissions mean is not decided here.

use skynet_core::limits::{DRAFT_MANIFEST_BYTES, DRAFT_SOURCE_BYTES, DRAFT_TRIALS};
use skynet_core::proposals::Draft;

/// Longest summary, in characters: one line of a list.
const SUMMARY_CHARS: usize = 200;

/// Reads it. The error is for the model.
pub(super) fn read(source: String, manifest: &str) -> Result<Draft, String> {
    if manifest.len() > DRAFT_MANIFEST_BYTES {
        return Err(format!("the manifest has more than {DRAFT_MANIFEST_BYTES} bytes"));
    }
    let mut draft: Draft = serde_json::from_str(manifest).map_err(|error| format!("the manifest is not as it should be: {error}"))?;
    draft.source = source;
    check(&draft)?;
    Ok(draft)
}

fn check(draft: &Draft) -> Result<(), String> {
    if draft.source.trim().is_empty() {
        return Err("the source is empty".into());
    }
    if draft.source.len() > DRAFT_SOURCE_BYTES {
        return Err(format!("the source has more than {DRAFT_SOURCE_BYTES} bytes; write a smaller plugin"));
    }
    if !is_name(&draft.name) {
        return Err("`name` is a-z first, then a-z, 0-9 and -, at most 40 characters".into());
    }
    if draft.summary.trim().is_empty() || draft.summary.chars().count() > SUMMARY_CHARS {
        return Err(format!("`summary` is one sentence of 1 to {SUMMARY_CHARS} characters"));
    }
    check_trials(draft)
}

fn check_trials(draft: &Draft) -> Result<(), String> {
    if draft.trials.is_empty() || draft.trials.len() > DRAFT_TRIALS {
        let why = "calls that show that it works; they run with no permission, so a call that needs one has `fails`: true";
        return Err(format!("a plugin has 1 to {DRAFT_TRIALS} `trials`: {why}"));
    }
    for trial in &draft.trials {
        if !trial.arguments.is_object() {
            return Err("the arguments of a trial are an object".into());
        }
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn good() -> Value {
        json!({
            "name": "dice", "version": "0.1.0", "summary": "Rolls dice.",
            "trials": [{"tool": "roll", "arguments": {}, "expect": "4"}],
        })
    }

    fn check(change: impl FnOnce(&mut Value), fault: &str) {
        let mut manifest = good();
        change(&mut manifest);
        let said = read("source".into(), &manifest.to_string()).unwrap_err();
        assert!(said.contains(fault), "{said}");
    }

    #[test]
    fn a_draft_is_read_with_its_source() {
        let draft = read("source".into(), &good().to_string()).unwrap();
        assert_eq!((draft.name.as_str(), draft.source.as_str(), draft.trials.len()), ("dice", "source", 1));
        assert!(!draft.trials[0].fails && draft.permissions.is_null());
    }

    #[test]
    fn what_is_wrong_with_it_is_said_so_that_it_can_be_mended() {
        check(|manifest| manifest["approve"] = json!(true), "unknown field `approve`");
        check(|manifest| manifest["source"] = json!("other"), "unknown field `source`");
        check(|manifest| manifest["name"] = json!("skynet/tool-time"), "`name` is a-z first");
        check(|manifest| manifest["name"] = json!("d\u{0456}ce"), "`name` is a-z first");
        check(|manifest| manifest["version"] = json!("one"), "manifest is not as it should be");
        check(|manifest| manifest["summary"] = json!(" "), "`summary` is one sentence");
        check(|manifest| manifest["tools"] = json!([]), "unknown field `tools`");
        check(|manifest| manifest["trials"] = json!([]), "1 to 16 `trials`");
        check(|manifest| manifest["trials"][0]["arguments"] = json!(1), "are an object");
        assert!(read(String::new(), &good().to_string()).unwrap_err().contains("source is empty"));
        assert!(read("x".repeat(DRAFT_SOURCE_BYTES + 1), &good().to_string()).unwrap_err().contains("a smaller plugin"));
    }
}
