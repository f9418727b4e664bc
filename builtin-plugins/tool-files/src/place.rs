//! Which file a path means.
//!
//! A path is `root/rest`, with or without a leading slash. A relative path that
//! names no root lies in `workspace`, where people expect it. Refused: `..`,
//! other absolute paths and NUL, each with the list of folders there are. The
//! host keeps everything inside as well; here the refusal gets its words.

use skynet_plugin_sdk::files::Root;
use skynet_plugin_sdk::tool::ToolError;
use std::path::PathBuf;

/// The root of paths that name none.
const DEFAULT_ROOT: &str = "workspace";

/// One file or folder in a granted root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// As people see it: `root/rest`.
    pub(crate) shown: String,
    /// As the standard library opens it.
    pub(crate) path: PathBuf,
    /// Whether it is the root itself.
    pub(crate) is_root: bool,
}

/// Whether a path means the list of roots.
pub(crate) fn is_top(path: &str) -> bool {
    path.split('/').all(|part| part.is_empty() || part == ".")
}

/// Finds the place that a path means.
pub(crate) fn find(roots: &[Root], path: &str) -> Result<Place, ToolError> {
    if path.contains('\0') {
        return Err(ToolError::InvalidArguments("a path cannot contain a NUL character".to_owned()));
    }
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err(ToolError::Denied(format!("`{path}` goes up with `..`, which is not allowed. {}", folders(roots))));
    }
    let absolute = path.starts_with('/');
    let named = parts.first().and_then(|first| roots.iter().find(|root| root.name == *first));
    let root = match named {
        Some(root) => {
            parts.remove(0);
            root
        }
        None if absolute || parts.is_empty() => {
            return Err(ToolError::Denied(format!("`{path}` is in none of the granted folders. {}", folders(roots))));
        }
        None => roots
            .iter()
            .find(|root| root.name == DEFAULT_ROOT)
            .ok_or_else(|| ToolError::Denied(format!("`{path}` does not begin with a granted folder. {}", folders(roots))))?,
    };
    let mut path = root.path.clone();
    path.extend(&parts);
    let shown = std::iter::once(root.name.as_str()).chain(parts.iter().copied()).collect::<Vec<_>>().join("/");
    Ok(Place { shown, path, is_root: parts.is_empty() })
}

/// The folders there are, as a sentence.
pub(crate) fn folders(roots: &[Root]) -> String {
    if roots.is_empty() {
        return "The owner has granted no folder yet; `skynet plugin grant skynet/tool-files` shows how".to_owned();
    }
    let names: Vec<String> = roots.iter().map(|root| format!("{}/", root.name)).collect();
    format!("Granted folders: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(granted: &[&str], path: &str, expected: &str) {
        let roots: Vec<Root> = granted.iter().map(|name| Root { name: (*name).to_owned(), path: format!("/{name}").into() }).collect();
        let got = match find(&roots, path) {
            Ok(place) => format!("{} at {}", place.shown, place.path.display()),
            Err(ToolError::Denied(text)) => format!("denied: {text}"),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(got, expected, "{path}");
    }

    #[test]
    fn a_path_begins_with_a_root_with_or_without_a_slash() {
        let granted = ["notes", "workspace"];
        check(&granted, "notes/a.md", "notes/a.md at /notes/a.md");
        check(&granted, "/notes/./b//a.md", "notes/b/a.md at /notes/b/a.md");
        check(&granted, "workspace", "workspace at /workspace");
    }

    #[test]
    fn a_relative_path_without_a_root_lies_in_the_workspace() {
        check(&["notes", "workspace"], "a.md", "workspace/a.md at /workspace/a.md");
        check(&["notes"], "a.md", "denied: `a.md` does not begin with a granted folder. Granted folders: notes/");
    }

    #[test]
    fn ways_out_are_refused_with_the_folders_there_are() {
        let granted = ["notes", "workspace"];
        check(
            &granted,
            "../etc/passwd",
            "denied: `../etc/passwd` goes up with `..`, which is not allowed. Granted folders: notes/, workspace/",
        );
        check(
            &granted,
            "notes/../../x",
            "denied: `notes/../../x` goes up with `..`, which is not allowed. Granted folders: notes/, workspace/",
        );
        check(&granted, "/etc/passwd", "denied: `/etc/passwd` is in none of the granted folders. Granted folders: notes/, workspace/");
        check(&granted, "//etc/passwd", "denied: `//etc/passwd` is in none of the granted folders. Granted folders: notes/, workspace/");
        check(&granted, "/notesx/a", "denied: `/notesx/a` is in none of the granted folders. Granted folders: notes/, workspace/");
        check(&granted, "notes/a\0b", "ToolError::InvalidArguments(\"a path cannot contain a NUL character\")");
        check(
            &[],
            "/a",
            "denied: `/a` is in none of the granted folders. The owner has granted no folder yet; `skynet plugin grant skynet/tool-files` shows how",
        );
    }

    #[test]
    fn dots_inside_a_name_are_no_way_out() {
        check(&["notes"], "notes/..a/b..", "notes/..a/b.. at /notes/..a/b..");
    }
}
