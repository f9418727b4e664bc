//! `read`: a text file, or some of its lines.

use crate::limits::READ_CHARS;
use crate::text::{cut, load_text};
use crate::{place, trouble};
use serde::Deserialize;
use skynet_plugin_sdk::files::Root;
use skynet_plugin_sdk::tool::{ToolError, ToolSpec};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Arguments {
    pub(crate) path: String,
    pub(crate) offset: Option<u64>,
    pub(crate) limit: Option<u64>,
}

pub(crate) fn spec() -> ToolSpec {
    ToolSpec::new(
        "read",
        "Reads a UTF-8 text file. Paths begin with a granted folder, such as workspace/src/main.rs. \
         `offset` is the first line to give, counted from 1, and `limit` the number of lines. \
         Output is cut at 30000 characters with a note that says where to go on.",
        r#"{"type":"object","properties":{"path":{"type":"string","minLength":1,"maxLength":4096},"offset":{"type":"integer","minimum":1,"description":"First line, counted from 1"},"limit":{"type":"integer","minimum":1,"description":"Number of lines"}},"required":["path"],"additionalProperties":false}"#,
    )
    .read_only()
    .idempotent()
    .closed_world()
}

pub(crate) fn call(roots: &[Root], arguments: &Arguments) -> Result<String, ToolError> {
    let place = place::find(roots, &arguments.path)?;
    if place.is_root {
        return Err(trouble::trouble(roots, "read", &place, &std::io::ErrorKind::IsADirectory.into()));
    }
    let text = load_text(roots, "read", &place)?;
    let offset = index(arguments.offset.unwrap_or(1)).max(1);
    let limit = arguments.limit.map_or(usize::MAX, index);
    let total = text.split_inclusive('\n').count();
    if offset > total.max(1) {
        return Err(ToolError::InvalidArguments(format!("{} has {total} lines; there is no line {offset}", place.shown)));
    }
    let wanted: String = text.split_inclusive('\n').skip(offset - 1).take(limit).collect();
    let (shown, is_cut) = cut(&wanted, READ_CHARS);
    if !is_cut {
        return Ok(shown.to_owned());
    }
    // Whole lines that were shown; the next call begins with the one that was cut.
    let next = offset + shown.matches('\n').count();
    let advice = if next == offset { "this one line is longer than that".to_owned() } else { format!("go on with offset {next}") };
    Ok(format!("{shown}\n[cut at {READ_CHARS} characters, in line {next} of {total}; {advice}]"))
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::{Bed, said};

    fn check(file: &[u8], offset: Option<u64>, limit: Option<u64>, expected: &str) {
        let bed = Bed::new();
        bed.put("a.txt", file);
        let got = said(call(&bed.roots, &Arguments { path: "workspace/a.txt".into(), offset, limit }));
        assert_eq!(got, expected);
    }

    #[test]
    fn lines_are_counted_from_one() {
        check(b"one\ntwo\nthree\n", None, None, "one\ntwo\nthree\n");
        check(b"one\ntwo\nthree", Some(2), None, "two\nthree");
        check(b"one\r\ntwo\r\nthree", Some(2), Some(1), "two\r\n");
        check(b"one\ntwo\nthree", Some(2), Some(9), "two\nthree");
        check(b"", None, None, "");
    }

    #[test]
    fn a_line_that_is_not_there_is_an_error() {
        check(b"one\ntwo\n", Some(3), None, "invalid: workspace/a.txt has 2 lines; there is no line 3");
    }

    #[test]
    fn long_files_are_cut_between_characters_and_say_where_to_go_on() {
        let bed = Bed::new();
        // 40,000 two-byte characters in lines of 100.
        bed.put("a.txt", format!("{}\n", "ü".repeat(99)).repeat(400).as_bytes());
        let first = said(call(&bed.roots, &Arguments { path: "a.txt".into(), ..Arguments::default() }));
        assert!(first.ends_with("[cut at 30000 characters, in line 301 of 400; go on with offset 301]"), "{}", &first[first.len() - 100..]);
        let second = said(call(&bed.roots, &Arguments { path: "a.txt".into(), offset: Some(301), limit: None }));
        assert_eq!(second, format!("{}\n", "ü".repeat(99)).repeat(100));
    }

    #[test]
    fn one_endless_line_is_cut_and_says_so() {
        let bed = Bed::new();
        bed.put("a.txt", "🦀".repeat(30_001).as_bytes());
        let got = said(call(&bed.roots, &Arguments { path: "a.txt".into(), ..Arguments::default() }));
        assert_eq!(got.matches('🦀').count(), 30_000);
        assert!(got.ends_with("in line 1 of 1; this one line is longer than that]"), "{}", &got[got.len() - 120..]);
    }

    #[test]
    fn binary_files_folders_and_absent_files_are_refused_with_the_reason() {
        check(b"a\0b", None, None, "failed: cannot read workspace/a.txt: it is not a UTF-8 text file");
        check(b"\xff\xfe", None, None, "failed: cannot read workspace/a.txt: it is not a UTF-8 text file");
        let bed = Bed::new();
        let read = |path: &str| said(call(&bed.roots, &Arguments { path: path.into(), ..Arguments::default() }));
        assert_eq!(read("notes"), "failed: cannot read notes: it is a folder; use `list` for its contents");
        assert_eq!(read("gone"), "failed: cannot read workspace/gone: there is nothing of that name. Granted folders: notes/, workspace/");
    }

    #[test]
    fn a_file_above_the_bound_is_refused_before_it_is_read() {
        let bed = Bed::new();
        let file = std::fs::File::create(bed.path("big")).unwrap();
        file.set_len(16 * 1024 * 1024 + 1).unwrap();
        let got = said(call(&bed.roots, &Arguments { path: "big".into(), ..Arguments::default() }));
        assert_eq!(got, "failed: cannot read workspace/big: it has 16777217 bytes, and at most 16777216 are read");
    }
}
