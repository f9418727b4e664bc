//! The digest of a folder: what a signature over a script plugin, or its owner's approval, is bound to.
//!
//! Regular files only, by their paths in order, with their sizes and digests; nothing else of a folder
//! counts, modes and times included. Owns the bounds on such a folder and the names in it. Refuses names
//! that another system, a terminal or a person would read differently.

use crate::digest::sha256_hex;
use crate::limits::{TREE_BYTES, TREE_DEPTH, TREE_FILES};
use crate::naming::{is_plain_line, plain_line};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The sidecar files, which speak of the others and are not part of what they speak of.
pub const RELEASE_FILE: &str = "release.json";

/// The signatures over the exact bytes of `release.json`.
pub const SIGNATURES_FILE: &str = "signatures.json";

/// Files by their path in the folder, parts parted by `/`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Whether this file is one of the sidecar.
pub fn is_sidecar(path: &str) -> bool {
    path == RELEASE_FILE || path == SIGNATURES_FILE
}

/// SHA-256 of the canonical list of all files but the sidecar's, hex.
pub fn digest(files: &Files) -> String {
    // The first line keeps it apart from any other kind of file that is signed.
    let mut list = String::from("skynet tree v1\n");
    for (path, bytes) in files.iter().filter(|(path, _)| !is_sidecar(path)) {
        // Writing into a text cannot fail. A path has no line end: see `faults`.
        let _ = writeln!(list, "{} {} {path}", sha256_hex(bytes), bytes.len());
    }
    sha256_hex(list.as_bytes())
}

/// Bytes of all files but the sidecar's.
pub fn size(files: &Files) -> u64 {
    files.iter().filter(|(path, _)| !is_sidecar(path)).map(|(_, bytes)| bytes.len() as u64).sum()
}

/// Why these files are no plugin's folder: one sentence per fault.
pub fn faults(files: &Files) -> Vec<String> {
    let mut faults: Vec<String> = files.keys().filter_map(|path| path_fault(path)).collect();
    if files.len() > TREE_FILES {
        faults.push(format!("it has {} files; a script plugin may have {TREE_FILES}", files.len()));
    }
    let bytes: u64 = files.values().map(|bytes| bytes.len() as u64).sum();
    if bytes > TREE_BYTES {
        faults.push(format!("it has {bytes} bytes; a script plugin may have {TREE_BYTES}"));
    }
    let mut folded = BTreeSet::new();
    if let Some(path) = files.keys().find(|path| !folded.insert(path.to_lowercase())) {
        faults.push(format!("`{}` differs from another file only in the case of letters; rename one of them", plain_line(path, 100)));
    }
    faults
}

/// Why this is no path of a file in a plugin's folder.
pub fn path_fault(path: &str) -> Option<String> {
    let shown = plain_line(path, 100);
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\\');
    if path.len() > 255 || !is_plain_line(path, 255) || !path.split('/').all(plain) {
        return Some(format!("the name of `{shown}` is too long or has characters that not everybody reads alike; rename it"));
    }
    let deep = path.split('/').count() > TREE_DEPTH;
    deep.then(|| format!("`{shown}` lies deeper than {TREE_DEPTH} folders"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> Files {
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn each_byte_and_each_name_counts_and_the_sidecar_does_not() {
        let one = digest(&files(&[("tool.toml", "a"), ("main.py", "b")]));
        assert_eq!(one, digest(&files(&[("main.py", "b"), ("tool.toml", "a"), ("release.json", "{}"), ("signatures.json", "x")])));
        for other in [
            files(&[("tool.toml", "a"), ("main.py", "c")]),
            files(&[("tool.toml", "a"), ("main.sh", "b")]),
            files(&[("tool.toml", "ab"), ("main.py", "")]),
            files(&[("tool.toml", "a")]),
            files(&[("tool.toml", "a"), ("main.py", "b"), ("sub/release.json", "")]),
        ] {
            assert_ne!(one, digest(&other), "{other:?}");
        }
    }

    #[test]
    fn names_that_lead_out_hide_or_clash_are_refused() {
        assert_eq!(faults(&files(&[("tool.toml", ""), ("lib/a b.py", "")])), Vec::<String>::new());
        for bad in ["../x", "/x", "a//b", "a/./b", "a\\b", "line\nend", "turned\u{202e}", "a/b/c/d/e/f/g/h/i/j"] {
            assert_eq!(faults(&files(&[(bad, "")])).len(), 1, "{bad:?}");
        }
        assert!(faults(&files(&[("Main.py", ""), ("main.py", "")])).join("").contains("case"));
    }
}
