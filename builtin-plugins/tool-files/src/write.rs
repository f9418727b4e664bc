//! `write`: a whole file, created or replaced, with the folders above it.

use crate::place;
use crate::replace::replace;
use crate::trouble::trouble;
use serde::Deserialize;
use skynet_plugin_sdk::files::Root;
use skynet_plugin_sdk::tool::{ToolError, ToolSpec};
use std::fs;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Arguments {
    pub(crate) path: String,
    pub(crate) content: String,
}

pub(crate) fn spec() -> ToolSpec {
    ToolSpec::new(
        "write",
        "Writes a whole text file, creating folders above it and replacing what was there. \
         Use `patch` to change a part of a file.",
        r#"{"type":"object","properties":{"path":{"type":"string","minLength":1,"maxLength":4096},"content":{"type":"string"}},"required":["path","content"],"additionalProperties":false}"#,
    )
    .destructive()
    .idempotent()
    .closed_world()
}

pub(crate) fn call(roots: &[Root], arguments: &Arguments) -> Result<String, ToolError> {
    let place = place::find(roots, &arguments.path)?;
    if place.is_root || arguments.path.ends_with('/') {
        return Err(ToolError::InvalidArguments(format!("{} is a folder; name a file in it", place.shown)));
    }
    if let Some(folder) = place.path.parent() {
        fs::create_dir_all(folder).map_err(|error| trouble(roots, "write", &place, &error))?;
    }
    let existed = fs::symlink_metadata(&place.path).is_ok();
    replace(&place.path, arguments.content.as_bytes()).map_err(|error| trouble(roots, "write", &place, &error))?;
    let verb = if existed { "Replaced" } else { "Created" };
    Ok(format!("{verb} {} ({} bytes).", place.shown, arguments.content.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::{Bed, said};

    fn write(bed: &Bed, path: &str, content: &str) -> String {
        said(call(&bed.roots, &Arguments { path: path.into(), content: content.into() }))
    }

    #[test]
    fn a_file_is_created_with_its_folders_and_then_replaced() {
        let bed = Bed::new();
        assert_eq!(write(&bed, "workspace/a/b/c.txt", "grüße"), "Created workspace/a/b/c.txt (7 bytes).");
        assert_eq!(write(&bed, "a/b/c.txt", "neu"), "Replaced workspace/a/b/c.txt (3 bytes).");
        assert_eq!(bed.get("a/b/c.txt"), "neu");
        assert_eq!(bed.names("a/b"), ["c.txt"], "no temporary file stays");
    }

    #[test]
    fn a_folder_is_not_overwritten_and_a_file_is_no_folder() {
        let bed = Bed::new();
        bed.put("a/b.txt", b"keep");
        assert_eq!(write(&bed, "a", "x"), "failed: cannot write workspace/a: it is a folder; use `list` for its contents");
        assert_eq!(write(&bed, "workspace", "x"), "invalid: workspace is a folder; name a file in it");
        assert_eq!(write(&bed, "a/", "x"), "invalid: workspace/a is a folder; name a file in it");
        let got = write(&bed, "a/b.txt/c", "x");
        assert!(got.starts_with("failed: cannot write workspace/a/b.txt/c: "), "{got}");
        assert_eq!(bed.get("a/b.txt"), "keep");
    }

    #[test]
    fn a_temporary_file_left_by_a_crash_is_no_obstacle_and_is_not_touched() {
        let bed = Bed::new();
        bed.put(".c.txt.0.tmp", b"half");
        assert_eq!(write(&bed, "c.txt", "whole"), "Created workspace/c.txt (5 bytes).");
        assert_eq!(bed.names(""), [".c.txt.0.tmp", "c.txt"]);
        assert_eq!(bed.get(".c.txt.0.tmp"), "half");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_what_it_points_to_stays() {
        let bed = Bed::new();
        bed.put("target.txt", b"old");
        std::os::unix::fs::symlink(bed.path("target.txt"), bed.path("link.txt")).unwrap();
        assert_eq!(write(&bed, "link.txt", "new"), "Replaced workspace/link.txt (3 bytes).");
        assert_eq!((bed.get("target.txt").as_str(), bed.get("link.txt").as_str()), ("old", "new"));
    }
}
