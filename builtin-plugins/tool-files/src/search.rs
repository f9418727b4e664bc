//! `search`: lines that contain a literal text, in a file or below a folder.
//!
//! It skips `.git`, binary files, files that are not UTF-8, and links, so that a
//! loop or a way out of the folder is not even tried.

use crate::limits::{HIT_CHARS, SEARCH_DEPTH, SEARCH_FILES, SEARCH_HITS};
use crate::place::{self, Place};
use crate::text::{Content, cut, load};
use crate::trouble::trouble;
use serde::Deserialize;
use skynet_plugin_sdk::files::Root;
use skynet_plugin_sdk::tool::{ToolError, ToolSpec};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Arguments {
    pub(crate) path: String,
    pub(crate) pattern: String,
    pub(crate) file_pattern: Option<String>,
}

pub(crate) fn spec() -> ToolSpec {
    ToolSpec::new(
        "search",
        "Searches files below a folder for a literal text and gives `file:line: text` for each line that contains it, at most 100. \
         `file_pattern` is the end of the file names to look into, such as .rs",
        r#"{"type":"object","properties":{"path":{"type":"string","minLength":1,"maxLength":4096},"pattern":{"type":"string","minLength":1,"maxLength":4096,"description":"Literal text, case-sensitive"},"file_pattern":{"type":"string","maxLength":256,"description":"End of the file name, such as .rs"}},"required":["path","pattern"],"additionalProperties":false}"#,
    )
    .read_only()
    .idempotent()
    .closed_world()
}

pub(crate) fn call(roots: &[Root], arguments: &Arguments) -> Result<String, ToolError> {
    if arguments.pattern.is_empty() || arguments.pattern.contains('\n') {
        return Err(ToolError::InvalidArguments("`pattern` must be some text within one line".to_owned()));
    }
    let ending = arguments.file_pattern.as_deref().unwrap_or_default().trim_start_matches('*');
    let mut search = Search { pattern: &arguments.pattern, ending, ..Search::default() };
    let places: Vec<Place> = if place::is_top(&arguments.path) {
        roots.iter().map(|root| place::find(roots, &root.name)).collect::<Result<_, _>>()?
    } else {
        vec![place::find(roots, &arguments.path)?]
    };
    for place in &places {
        search.begin(place).map_err(|error| trouble(roots, "search", place, &error))?;
    }
    Ok(search.report())
}

/// One search as it goes.
#[derive(Default)]
struct Search<'a> {
    pattern: &'a str,
    ending: &'a str,
    hits: Vec<String>,
    files: usize,
    stopped: Option<String>,
}

impl Search<'_> {
    fn begin(&mut self, place: &Place) -> io::Result<()> {
        // The place itself may be a file; below it nothing that fails stops the search.
        if fs::metadata(&place.path)?.is_dir() {
            fs::read_dir(&place.path)?;
            self.walk(place);
        } else {
            self.file(&place.path, &place.shown);
        }
        Ok(())
    }

    /// Walks without recursion, sorted, depth first.
    fn walk(&mut self, place: &Place) {
        let mut waiting = vec![(place.path.clone(), place.shown.clone(), 0_usize)];
        while let Some((path, shown, depth)) = waiting.pop() {
            if self.stopped.is_some() {
                return;
            }
            let mut below = Vec::new();
            for (name, child, is_folder) in entries(&path) {
                let shown = format!("{shown}/{name}");
                if !is_folder {
                    self.file(&child, &shown);
                } else if name != ".git" && depth < SEARCH_DEPTH {
                    below.push((child, shown, depth + 1));
                }
            }
            waiting.extend(below.into_iter().rev());
        }
    }

    fn file(&mut self, path: &Path, shown: &str) {
        if self.stopped.is_some() || !shown.ends_with(self.ending) {
            return;
        }
        self.files += 1;
        if self.files > SEARCH_FILES {
            self.stopped = Some(format!("[stopped after {SEARCH_FILES} files; search a smaller folder]"));
            return;
        }
        let Ok(Content::Text(text)) = load(path) else { return };
        for (number, line) in text.lines().enumerate().filter(|(_, line)| line.contains(self.pattern)) {
            if self.hits.len() == SEARCH_HITS {
                self.stopped = Some(format!("[stopped after {SEARCH_HITS} hits; a longer pattern finds fewer]"));
                return;
            }
            let (line, is_cut) = cut(line.trim_end(), HIT_CHARS);
            self.hits.push(format!("{shown}:{}: {line}{}", number + 1, if is_cut { "…" } else { "" }));
        }
    }

    fn report(self) -> String {
        if self.hits.is_empty() && self.stopped.is_none() {
            return format!("No line contains `{}` in {} files.", self.pattern, self.files);
        }
        self.hits.into_iter().chain(self.stopped).collect::<Vec<_>>().join("\n")
    }
}

/// Files and folders in a folder, sorted; links and what cannot be read are left out.
fn entries(path: &Path) -> Vec<(String, PathBuf, bool)> {
    let Ok(found) = fs::read_dir(path) else { return Vec::new() };
    let mut entries: Vec<_> = found
        .flatten()
        .filter_map(|entry| {
            let kind = entry.file_type().ok().filter(|kind| kind.is_dir() || kind.is_file())?;
            Some((entry.file_name().to_string_lossy().into_owned(), entry.path(), kind.is_dir()))
        })
        .collect();
    entries.sort();
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::{Bed, said};

    fn search(bed: &Bed, path: &str, pattern: &str, file_pattern: Option<&str>) -> String {
        said(call(&bed.roots, &Arguments { path: path.into(), pattern: pattern.into(), file_pattern: file_pattern.map(str::to_owned) }))
    }

    #[test]
    fn hits_are_given_as_file_line_and_text() {
        let bed = Bed::new();
        bed.put("b.rs", b"fn main() {\n    needle();\n}\n");
        bed.put("a/c.md", b"needle\nno\nneedle again\r\n");
        assert_eq!(
            search(&bed, "workspace", "needle", None),
            "workspace/b.rs:2:     needle();\nworkspace/a/c.md:1: needle\nworkspace/a/c.md:3: needle again"
        );
        assert_eq!(search(&bed, "workspace", "needle", Some(".rs")), "workspace/b.rs:2:     needle();");
        assert_eq!(search(&bed, "workspace", "needle", Some("*.rs")), "workspace/b.rs:2:     needle();");
        assert_eq!(search(&bed, "workspace/b.rs", "needle", None), "workspace/b.rs:2:     needle();");
        assert_eq!(search(&bed, "/", "main", None), "workspace/b.rs:1: fn main() {");
    }

    #[test]
    fn the_pattern_is_literal() {
        let bed = Bed::new();
        bed.put("a", b"a.c\nabc\n");
        assert_eq!(search(&bed, "workspace", "a.c", None), "workspace/a:1: a.c");
        assert_eq!(search(&bed, "workspace", "A.C", None), "No line contains `A.C` in 1 files.");
        assert_eq!(search(&bed, "workspace", "", None), "invalid: `pattern` must be some text within one line");
    }

    #[test]
    fn git_binary_and_other_encodings_are_skipped() {
        let bed = Bed::new();
        bed.put(".git/config", b"needle");
        bed.put("sub/.git/config", b"needle");
        bed.put("binary", b"needle\0");
        bed.put("latin1", b"needle \xfc");
        bed.put(".gitignore", b"needle");
        assert_eq!(search(&bed, "workspace", "needle", None), "workspace/.gitignore:1: needle");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed_so_a_loop_ends() {
        let bed = Bed::new();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "needle").unwrap();
        std::os::unix::fs::symlink(outside.path(), bed.path("out")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), bed.path("file")).unwrap();
        std::os::unix::fs::symlink(".", bed.path("loop")).unwrap();
        assert_eq!(search(&bed, "workspace", "needle", None), "No line contains `needle` in 0 files.");
    }

    #[test]
    fn after_a_hundred_hits_it_stops_and_says_so() {
        let bed = Bed::new();
        bed.put("a", "needle\n".repeat(150).as_bytes());
        let got = search(&bed, "workspace", "needle", None);
        assert_eq!(got.lines().count(), 101);
        assert!(got.ends_with("workspace/a:100: needle\n[stopped after 100 hits; a longer pattern finds fewer]"), "{got}");
        bed.put("a", "needle\n".repeat(100).as_bytes());
        assert_eq!(search(&bed, "workspace", "needle", None).lines().count(), 100, "exactly a hundred is all of them");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let bed = Bed::new();
        bed.put("a", format!("needle{}", "ü".repeat(1_000)).as_bytes());
        assert_eq!(search(&bed, "workspace", "needle", None), format!("workspace/a:1: needle{}…", "ü".repeat(294)));
    }

    #[test]
    fn a_place_that_is_not_there_is_an_error() {
        let bed = Bed::new();
        assert_eq!(
            search(&bed, "gone", "x", None),
            "failed: cannot search workspace/gone: there is nothing of that name. Granted folders: notes/, workspace/"
        );
    }
}
