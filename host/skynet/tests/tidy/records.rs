//! What is written down about the code must be there, and must be true.

use crate::tree::{manifests, none, root, texts};

const RECORDS: &str = "host/decisions/";

/// Documents whose paths are followed.
const GUIDES: [&str; 4] = ["README.md", "CONTRIBUTING.md", "host/ARCHITECTURE.md", "host/decisions/0001-a-plugin-is-one-file.md"];

fn records() -> Vec<(String, String)> {
    texts().into_iter().filter(|(path, _)| path.starts_with(RECORDS)).collect()
}

/// What is wrong with a record, if anything is.
fn fault(name: &str, text: &str) -> Option<String> {
    let Some((number, slug)) = name.trim_end_matches(".md").split_once('-') else {
        return Some("the name is not NNNN-what-was-decided.md".into());
    };
    if number.len() != 4 || !number.bytes().all(|b| b.is_ascii_digit()) || slug.is_empty() || !name.ends_with(".md") {
        return Some("the name is not NNNN-what-was-decided.md".into());
    }
    let mut lines = text.lines();
    if !lines.next().unwrap_or_default().starts_with(&format!("# {number}. ")) {
        return Some(format!("the first line is not `# {number}. What was decided`"));
    }
    let has =
        |label: &str, good: fn(&str) -> bool| text.lines().filter_map(|line| line.strip_prefix(label)).any(|value| good(value.trim()));
    let is_date = |value: &str| {
        value.len() == 10 && value.split('-').map(str::len).eq([4, 2, 2]) && value.bytes().all(|b| b.is_ascii_digit() || b == b'-')
    };
    if !has("Date:", is_date) {
        return Some("there is no line `Date: YYYY-MM-DD`".into());
    }
    if !has("Status:", |value| value == "accepted" || value.starts_with("superseded by ")) {
        return Some("there is no line `Status: accepted` or `Status: superseded by NNNN`".into());
    }
    None
}

#[test]
fn every_decision_is_numbered_named_and_dated() {
    let records = records();
    assert!(!records.is_empty(), "{RECORDS} is empty");
    let mut offences = Vec::new();
    for (at, (path, text)) in records.iter().enumerate() {
        let name = path.trim_start_matches(RECORDS);
        offences.extend(fault(name, text).map(|fault| format!("{path}: {fault}")));
        // Sorted by name, so a gap or a twin shows at once.
        if !name.starts_with(&format!("{:04}-", at + 1)) {
            offences.push(format!("{path}: number {:04} was expected here", at + 1));
        }
    }
    none(&offences, "a record is short, dated and never edited; a new one supersedes it");
}

#[test]
fn a_bad_record_is_told_what_is_wrong() {
    let good = "# 0001. One\n\nDate: 2026-01-31\nStatus: accepted\n";
    assert_eq!(fault("0001-one.md", good), None);
    for (name, text) in [
        ("one.md", good),
        ("01-one.md", good),
        ("0002-one.md", good),
        ("0001-one.md", "# 0001. One\n\nDate: today\nStatus: accepted\n"),
        ("0001-one.md", "# 0001. One\n\nDate: 2026-01-31\nStatus: perhaps\n"),
    ] {
        assert!(fault(name, text).is_some(), "{name}: {text}");
    }
}

/// The third-party names of a workspace's dependency table.
fn third_parties(manifest: &str) -> Vec<&str> {
    let table = manifest.split("[workspace.dependencies]").nth(1).unwrap_or_default().split("\n[").next().unwrap_or_default();
    let entries = table.lines().filter(|line| !line.starts_with('#') && !line.contains("path = "));
    entries.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.trim()).collect()
}

/// Third-party names that a crate depends on without the workspace's table.
fn own_third_parties(manifest: &str) -> Vec<&str> {
    let mut counts = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            counts = line.ends_with("dependencies]");
        } else if counts && let Some((name, value)) = line.split_once(" = ") {
            // `x.workspace = true` and `x = { workspace = true, … }` stand in the workspace's table.
            if !name.contains('.') && !value.contains("workspace = true") && !value.contains("path = ") {
                found.push(name);
            }
        }
    }
    found
}

#[test]
fn every_dependency_was_decided() {
    let texts = texts();
    let read = |wanted: &str| texts.iter().find(|(path, _)| path == wanted).map(|(_, text)| text.as_str()).unwrap_or_default();
    let rows: Vec<Vec<&str>> = records_rows(read("host/decisions/0002-dependencies.md"));
    let mut used: Vec<(String, String)> = Vec::new();
    for workspace in ["Cargo.toml", "builtin-plugins/Cargo.toml"] {
        let names = third_parties(read(workspace));
        assert!(!names.is_empty(), "{workspace} has no [workspace.dependencies]");
        used.extend(names.into_iter().map(|name| (workspace.to_owned(), name.to_owned())));
    }
    for (path, text) in manifests() {
        used.extend(own_third_parties(&text).into_iter().map(|name| (path.clone(), name.to_owned())));
    }
    let mut offences = Vec::new();
    for (manifest, name) in used {
        let quoted = format!("`{name}`");
        match rows.iter().find(|row| row.first().is_some_and(|first| *first == quoted)) {
            None => offences.push(format!("{manifest}: {name} has no row")),
            Some(row) if row.len() < 3 || row.iter().any(|cell| cell.is_empty()) => {
                offences.push(format!("{manifest}: the row of {name} has an empty cell"))
            }
            Some(_) => {}
        }
    }
    none(&offences, "add a row to host/decisions/0002-dependencies.md: crate, why it and not our own code, licence");
}

/// The cells of the tables in a text of Markdown.
fn records_rows(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").map(str::trim).collect()).collect()
}

#[test]
fn dependencies_and_rows_are_read_as_they_are_written() {
    let manifest =
        "[workspace.dependencies]\nours = { path = \"x\" }\n# why\na-b = \"1\"\nc = { version = \"2\" }\n\n[workspace.lints]\nd = \"x\"\n";
    assert_eq!(third_parties(manifest), ["a-b", "c"]);
    let manifest = "[dependencies]\na.workspace = true\nb = { workspace = true, features = [] }\nc = \"1\"\nd = { path = \"x\" }\n[dev-dependencies]\ne = { version = \"2\" }\n";
    assert_eq!(own_third_parties(manifest), ["c", "e"]);
    assert_eq!(records_rows("| `a` | for x | MIT |\n|---|---|---|\ntext\n"), [["`a`", "for x", "MIT"]]);
}

#[test]
fn guides_point_at_files_that_exist() {
    const OURS: [&str; 8] = ["host/", "wit/", "plugins-sdk/", "builtin-plugins/", "registry-client/", ".ci/", ".githooks/", ".config/"];
    let texts = texts();
    let mut offences = Vec::new();
    for guide in GUIDES {
        let Some((_, text)) = texts.iter().find(|(path, _)| path == guide) else { panic!("{guide} is gone; mend this list") };
        for (at, line) in text.lines().enumerate() {
            for spoken in line.split('`').skip(1).step_by(2) {
                let is_path = OURS.iter().any(|folder| spoken.starts_with(folder)) && !spoken.contains([' ', '*', '<', '{']);
                if is_path && !root().join(spoken).exists() {
                    offences.push(format!("{guide}:{}: {spoken}", at + 1));
                }
            }
        }
    }
    none(&offences, "the text is older than the code: mend the text");
}
