//! The checkout as a list of files, without what is built or generated.

use crate::source::Source;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no text of ours.
const NOT_OURS: [&str; 5] = ["target", "dist", ".git", "node_modules", "wit/deps"];

/// Written by `cargo xtask wit`, and compared by its `--check`.
const GENERATED: [&str; 6] = [
    "plugins-sdk/src/bindings/",
    "plugins-sdk/c/tool/",
    "plugins-sdk/c/provider/",
    "plugins-sdk/c/channel/",
    "plugins-sdk/c/hook/",
    "wit/snapshot.txt",
];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("this crate lies two folders deep").to_owned()
}

/// Every file of ours that is text: its path from the root, with `/`, and its content.
pub(crate) fn texts() -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    found.sort();
    assert!(found.len() > 100, "only {} files under {}: this is not the whole checkout", found.len(), root.display());
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry of a folder").path();
        let name = path.strip_prefix(root).expect("inside the root").to_string_lossy().replace('\\', "/");
        let last = name.rsplit('/').next().unwrap_or(&name);
        if path.is_dir() {
            if !NOT_OURS.contains(&last) && !NOT_OURS.contains(&name.as_str()) {
                collect(root, &path, found);
            }
        // In a second working tree of git's that is a file, which says where the first one is.
        } else if last != ".git"
            && !last.ends_with(".lock")
            && !GENERATED.iter().any(|generated| name.starts_with(generated))
            && let Ok(text) = fs::read_to_string(&path)
        {
            found.push((name, text));
        }
    }
}

/// The Rust files, each with what is test in it told apart.
pub(crate) fn sources() -> Vec<Source> {
    let texts: Vec<_> = texts().into_iter().filter(|(path, _)| path.ends_with(".rs")).collect();
    let tests_elsewhere: Vec<String> = texts.iter().flat_map(|(path, text)| crate::source::test_modules(path, text)).collect();
    let is_test = |path: &str| {
        path.contains("/tests/")
            || path.contains("/benches/")
            || path.ends_with("/tests.rs")
            || tests_elsewhere.iter().any(|module| path == format!("{module}.rs") || path.starts_with(&format!("{module}/")))
    };
    texts.iter().map(|(path, text)| Source::new(path, text, is_test(path))).collect()
}

/// The manifests of crates, the workspaces' own ones left out.
pub(crate) fn manifests() -> Vec<(String, String)> {
    texts().into_iter().filter(|(path, text)| path.ends_with("/Cargo.toml") && text.contains("[package]")).collect()
}

/// Fails with all offences at once.
pub(crate) fn none(offences: &[String], remedy: &str) {
    assert!(offences.is_empty(), "{} offence(s):\n  {}\nwhat to do: {remedy}", offences.len(), offences.join("\n  "));
}
