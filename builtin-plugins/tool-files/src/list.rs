//! `list`: what a folder holds. Without a folder, the granted ones.

use crate::limits::LIST_ENTRIES;
use crate::place;
use crate::trouble::trouble;
use serde::Deserialize;
use skynet_plugin_sdk::files::Root;
use skynet_plugin_sdk::tool::{ToolError, ToolSpec};
use std::fs::{self, DirEntry};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Arguments {
    #[serde(default)]
    pub(crate) path: String,
}

pub(crate) fn spec() -> ToolSpec {
    ToolSpec::new(
        "list",
        "Lists a folder: one line per entry with its type (file, folder, link), name and size in bytes, sorted by name. \
         Without `path` it lists the granted folders.",
        r#"{"type":"object","properties":{"path":{"type":"string","maxLength":4096}},"additionalProperties":false}"#,
    )
    .read_only()
    .idempotent()
    .closed_world()
}

pub(crate) fn call(roots: &[Root], arguments: &Arguments) -> Result<String, ToolError> {
    if place::is_top(&arguments.path) {
        let lines: Vec<String> = roots.iter().map(|root| format!("folder  {}/", root.name)).collect();
        return Ok(if lines.is_empty() { format!("{}.", place::folders(roots)) } else { lines.join("\n") });
    }
    let place = place::find(roots, &arguments.path)?;
    let read = || -> std::io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&place.path)? {
            let entry = entry?;
            names.push((entry.file_name(), entry));
        }
        names.sort_by(|(a, _), (b, _)| a.cmp(b));
        let total = names.len();
        let mut lines: Vec<String> = names.iter().take(LIST_ENTRIES).map(|(_, entry)| line(entry)).collect();
        if total > LIST_ENTRIES {
            lines.push(format!("[{} more entries are not shown]", total - LIST_ENTRIES));
        }
        Ok(lines)
    };
    let lines = read().map_err(|error| trouble(roots, "list", &place, &error))?;
    Ok(if lines.is_empty() { format!("{} is empty.", place.shown) } else { lines.join("\n") })
}

fn line(entry: &DirEntry) -> String {
    let name = entry.file_name();
    // A name may hold a line break; an entry is one line.
    let name = name.to_string_lossy().replace(char::is_control, "\u{fffd}");
    match entry.file_type() {
        Ok(kind) if kind.is_dir() => format!("folder  {name}/"),
        Ok(kind) if kind.is_symlink() => format!("link    {name}"),
        Ok(kind) if kind.is_file() => {
            entry.metadata().map_or_else(|_| format!("file    {name}  ?"), |data| format!("file    {name}  {}", data.len()))
        }
        _ => format!("other   {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::{Bed, said};

    fn check(bed: &Bed, path: &str, expected: &str) {
        assert_eq!(said(call(&bed.roots, &Arguments { path: path.into() })), expected, "{path:?}");
    }

    #[test]
    fn entries_are_sorted_with_type_name_and_size() {
        let bed = Bed::new();
        bed.put("b.txt", b"12345");
        bed.put("a/x", b"");
        bed.put("Z", b"1");
        check(&bed, "workspace", "file    Z  1\nfolder  a/\nfile    b.txt  5");
        check(&bed, "a", "file    x  0");
    }

    #[test]
    fn the_top_is_the_granted_folders() {
        let bed = Bed::new();
        for path in ["", "/", ".", "./"] {
            check(&bed, path, "folder  notes/\nfolder  workspace/");
        }
        check(&bed, "notes", "notes is empty.");
    }

    #[test]
    fn a_file_or_nothing_cannot_be_listed() {
        let bed = Bed::new();
        bed.put("a.txt", b"");
        check(&bed, "a.txt", "failed: cannot list workspace/a.txt: a part of the path is a file, not a folder");
        check(&bed, "gone", "failed: cannot list workspace/gone: there is nothing of that name. Granted folders: notes/, workspace/");
    }

    #[test]
    fn at_most_a_thousand_entries_are_shown_and_the_rest_is_counted() {
        let bed = Bed::new();
        for number in 0..1_003 {
            bed.put(&format!("f{number:04}"), b"");
        }
        let got = said(call(&bed.roots, &Arguments { path: "workspace".into() }));
        assert_eq!(got.lines().count(), 1_001);
        assert!(got.ends_with("file    f0999  0\n[3 more entries are not shown]"), "{}", &got[got.len() - 80..]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_named_and_a_line_break_in_a_name_stays_one_line() {
        let bed = Bed::new();
        bed.put("a\nfile    fake  9", b"");
        std::os::unix::fs::symlink("/etc", bed.path("l")).unwrap();
        check(&bed, "workspace", "file    a\u{fffd}file    fake  9  0\nlink    l");
    }
}
