//! What is committed is what `wit/` and `bench/` give, and a difference is noticed.

use crate::{contract, outputs};
use std::fs;
use std::path::Path;

#[test]
fn the_committed_bindings_and_snapshot_are_what_the_contract_gives() {
    let root = outputs::workspace_root().unwrap();
    outputs::check(&root).unwrap();
}

/// A copy of `wit/` with its outputs, in which `change` was made to one file.
#[test]
fn the_numbers_in_the_readme_are_those_that_were_measured() {
    crate::numbers::run(&outputs::workspace_root().unwrap(), true).unwrap();
}

fn changed(file: &str, change: impl Fn(&str) -> String) -> (tempfile::TempDir, anyhow::Result<()>) {
    let root = outputs::workspace_root().unwrap();
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&root.join("wit"), &copy.path().join("wit"));
    outputs::write(copy.path()).unwrap();
    outputs::check(copy.path()).unwrap();
    let path = copy.path().join(file);
    let old = fs::read_to_string(&path).unwrap();
    let new = change(&old);
    assert_ne!(old, new, "the change did not apply to {file}");
    fs::write(&path, new).unwrap();
    let checked = outputs::check(copy.path());
    (copy, checked)
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target)
        } else {
            assert!(fs::copy(entry.path(), target).is_ok())
        }
    }
}

#[test]
fn a_function_added_to_an_exported_interface_is_noticed_and_explained() {
    let (_copy, checked) =
        changed("wit/tool.wit", |old| old.replace("    /// Runs one tool", "    cancel: func();\n    /// Runs one tool"));
    let message = checked.unwrap_err().to_string();
    assert!(message.contains("wit/snapshot.txt"), "{message}");
    assert!(message.contains("plugins-sdk/src/bindings/tool.rs"), "{message}");
    assert!(message.contains("frozen"), "{message}");
}

#[test]
fn a_comment_in_the_contract_leaves_the_snapshot_alone() {
    let root = outputs::workspace_root().unwrap();
    let before = contract::snapshot(&root).unwrap();
    let (copy, _) = changed("wit/log.wit", |old| old.replace("/// One line.", "/// Just one line."));
    assert_eq!(before, contract::snapshot(copy.path()).unwrap());
}

#[test]
fn bindings_edited_by_hand_are_noticed() {
    let (_copy, checked) = changed("plugins-sdk/src/bindings/hook.rs", |old| old.replace("before", "earlier"));
    let message = checked.unwrap_err().to_string();
    assert!(message.contains("plugins-sdk/src/bindings/hook.rs"), "{message}");
    assert!(!message.contains("snapshot.txt differ"), "{message}");
}

#[test]
fn a_contract_that_does_not_parse_is_refused_with_its_place() {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&outputs::workspace_root().unwrap().join("wit"), &copy.path().join("wit"));
    fs::write(copy.path().join("wit/log.wit"), "package skynet:plugin@0.1.0;\ninterface log { log: func(level: shape); }\n").unwrap();
    let message = format!("{:#}", outputs::check(copy.path()).unwrap_err());
    assert!(message.contains("shape"), "{message}");
    assert!(message.contains("log.wit"), "{message}");
}
