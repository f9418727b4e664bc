//! `patch`: replaces an exact text in a file.
//!
//! The old text must occur exactly once, unless all are meant: a model that
//! misremembers a file must not change the wrong place.

use crate::place;
use crate::replace::replace;
use crate::text::load_text;
use crate::trouble::trouble;
use serde::Deserialize;
use skynet_plugin_sdk::files::Root;
use skynet_plugin_sdk::tool::{ToolError, ToolSpec};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Arguments {
    pub(crate) path: String,
    pub(crate) old_string: String,
    pub(crate) new_string: String,
    #[serde(default)]
    pub(crate) replace_all: bool,
}

pub(crate) fn spec() -> ToolSpec {
    ToolSpec::new(
        "patch",
        "Replaces an exact text in a file with another. `old_string` must occur exactly once, spaces and line breaks included; \
         with `replace_all` every occurrence is replaced.",
        r#"{"type":"object","properties":{"path":{"type":"string","minLength":1,"maxLength":4096},"old_string":{"type":"string","minLength":1},"new_string":{"type":"string"},"replace_all":{"type":"boolean"}},"required":["path","old_string","new_string"],"additionalProperties":false}"#,
    )
    .destructive()
    .closed_world()
}

pub(crate) fn call(roots: &[Root], arguments: &Arguments) -> Result<String, ToolError> {
    let Arguments { path, old_string, new_string, replace_all } = arguments;
    if old_string.is_empty() {
        return Err(ToolError::InvalidArguments("`old_string` is empty; use `write` for a whole file".to_owned()));
    }
    if old_string == new_string {
        return Err(ToolError::InvalidArguments("`old_string` and `new_string` are the same".to_owned()));
    }
    let place = place::find(roots, path)?;
    let text = load_text(roots, "patch", &place)?;
    let shown = &place.shown;
    let count = text.matches(old_string.as_str()).count();
    match count {
        0 => {
            return Err(ToolError::Failed(format!(
                "`old_string` occurs 0 times in {shown}; nothing was changed. Read the file and copy the text exactly"
            )));
        }
        1 => {}
        _ if *replace_all => {}
        _ => {
            return Err(ToolError::Failed(format!(
                "`old_string` occurs {count} times in {shown}; nothing was changed. Give more of the text around it, or set `replace_all`"
            )));
        }
    }
    let new = text.replace(old_string.as_str(), new_string);
    replace(&place.path, new.as_bytes()).map_err(|error| trouble(roots, "patch", &place, &error))?;
    Ok(format!("Replaced {count} {} in {shown}.", if count == 1 { "occurrence" } else { "occurrences" }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::{Bed, said};

    fn check(before: &str, old: &str, new: &str, replace_all: bool, expected: &str, after: &str) {
        let bed = Bed::new();
        bed.put("a.txt", before.as_bytes());
        let arguments = Arguments { path: "a.txt".into(), old_string: old.into(), new_string: new.into(), replace_all };
        assert_eq!(said(call(&bed.roots, &arguments)), expected);
        assert_eq!(bed.get("a.txt"), after);
        assert_eq!(bed.names(""), ["a.txt"], "no temporary file stays");
    }

    #[test]
    fn one_exact_match_is_replaced() {
        check("a b c", "b", "x", false, "Replaced 1 occurrence in workspace/a.txt.", "a x c");
        check("a\r\nb\r\n", "a\r\nb", "", false, "Replaced 1 occurrence in workspace/a.txt.", "\r\n");
        check("a b c", "b", "x", true, "Replaced 1 occurrence in workspace/a.txt.", "a x c");
    }

    #[test]
    fn no_match_is_an_error_with_the_count_and_changes_nothing() {
        check(
            "a b c",
            "B",
            "x",
            true,
            "failed: `old_string` occurs 0 times in workspace/a.txt; nothing was changed. Read the file and copy the text exactly",
            "a b c",
        );
    }

    #[test]
    fn many_matches_are_an_error_with_the_count_unless_all_are_meant() {
        check(
            "b b b",
            "b",
            "x",
            false,
            "failed: `old_string` occurs 3 times in workspace/a.txt; nothing was changed. Give more of the text around it, or set `replace_all`",
            "b b b",
        );
        check("b b b", "b", "bb", true, "Replaced 3 occurrences in workspace/a.txt.", "bb bb bb");
    }

    #[test]
    fn overlapping_matches_count_once_each_as_they_are_replaced() {
        check("aaaa", "aa", "b", true, "Replaced 2 occurrences in workspace/a.txt.", "bb");
    }

    #[test]
    fn a_patch_that_says_nothing_is_refused() {
        check("a", "", "x", false, "invalid: `old_string` is empty; use `write` for a whole file", "a");
        check("a", "a", "a", false, "invalid: `old_string` and `new_string` are the same", "a");
    }

    #[test]
    fn a_binary_file_is_not_patched() {
        let bed = Bed::new();
        bed.put("a", b"x\0y");
        let arguments = Arguments { path: "a".into(), old_string: "x".into(), new_string: "z".into(), replace_all: false };
        assert_eq!(said(call(&bed.roots, &arguments)), "failed: cannot patch workspace/a: it is not a UTF-8 text file");
    }
}
