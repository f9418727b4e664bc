//! How files look: size, names, headers, limits, and what must not be left in them.

use crate::source::Source;
use crate::tree::{none, sources, texts};

/// A file that is longer wants to be two. Measured in other projects, such files are where readers give up.
const MAX_BYTES: usize = 25_000;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 11] = [
    "utils.rs",
    "util.rs",
    "helpers.rs",
    "helper.rs",
    "common.rs",
    "types.rs",
    "misc.rs",
    "mod.rs",
    "shared.rs",
    "stuff.rs",
    "constants.rs",
];

/// The proofs that the compiler does not check; their comments are in the files.
const UNSAFE_ALLOWED: [&str; 3] =
    ["host/plugins/src/artifact_cache.rs", "host/scripts/src/code_pages.rs", "host/scripts/src/sandbox/bare.rs"];

#[test]
fn no_source_is_over_25_kilobytes() {
    let kinds = [".rs", ".wit", ".sh", ".sql", "/run", "/pre-push", "Dockerfile"];
    let long = texts().into_iter().filter(|(path, text)| kinds.iter().any(|kind| path.ends_with(kind)) && text.len() > MAX_BYTES);
    let offences: Vec<_> = long.map(|(path, text)| format!("{path}: {} bytes", text.len())).collect();
    none(&offences, "find the second job in it and give it a file of its own");
}

#[test]
fn every_file_is_named_after_its_job() {
    let offences: Vec<_> = sources()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| EMPTY_NAMES.iter().any(|name| path.ends_with(&format!("/{name}"))))
        .collect();
    none(&offences, "name it after the verb or noun of its one job; a module is `name.rs` with a folder `name/`");
}

#[test]
fn every_file_says_why_it_exists() {
    let silent = |source: &&Source| !source.path.ends_with("/tests.rs") && !source.text.starts_with("//! ");
    let offences: Vec<_> = sources().iter().filter(silent).map(|source| source.path.clone()).collect();
    none(&offences, "begin with a header of //! lines: why it exists, what it owns, what it refuses");
}

#[test]
fn unsafe_stands_where_its_proof_is() {
    let unproven = |source: &&Source| !UNSAFE_ALLOWED.contains(&source.path.as_str());
    let offences: Vec<_> = sources().iter().filter(unproven).flat_map(|source| source.names("unsafe")).collect();
    none(&offences, "do without; a new exception needs its proof in the file, a decision record, and an entry here");
}

#[test]
fn nothing_is_left_unfinished() {
    // Put together here, so that this file does not accuse itself.
    let words = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"]].map(|halves| halves.concat());
    let calls = [["todo", "!("], ["unimplemented", "!("], ["#[ign", "ore"]].map(|halves| halves.concat());
    let is_left = |path: &str, line: &str| {
        // A word counts where people leave notes: in a comment, and anywhere in a document.
        let opens = ["//", "#", "--"].iter().filter_map(|mark| line.find(mark)).min();
        let note = if path.ends_with(".md") { Some(0) } else { opens };
        let noted =
            note.is_some_and(|at| words.iter().any(|word| line[at..].split(|c: char| !c.is_alphanumeric()).any(|part| part == word)));
        noted || calls.iter().any(|call| line.contains(call.as_str()))
    };
    none(&lines_where(is_left), "finish it, or write down in an issue what is missing and take the mark out");
}

#[test]
fn no_path_of_one_machine_is_written_down() {
    let marks = [["/wo", "rk/"], ["/ro", "ot/"], ["/Us", "ers/"]].map(|halves| halves.concat());
    let offences = lines_where(|_, line| marks.iter().any(|mark| line.contains(mark.as_str())));
    none(&offences, "use a path from the environment, a temporary folder, or one relative to the file");
}

fn lines_where(is_offence: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut offences = Vec::new();
    for (path, text) in texts() {
        let lines = text.lines().enumerate().filter(|(_, line)| is_offence(&path, line));
        offences.extend(lines.map(|(at, line)| format!("{path}:{}: {}", at + 1, line.trim())));
    }
    offences
}

/// The name of a number that bounds something, declared on this line.
fn limit_on(line: &str) -> Option<&str> {
    let declared = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub ").strip_prefix("const ")?;
    let (name, kind) = declared.split_once(':')?;
    let is_number =
        ["u8", "u16", "u32", "u64", "usize", "i32", "i64", "Duration"].iter().any(|number| kind.trim_start().starts_with(number));
    let bounds = name.split('_').any(|word| ["MAX", "LIMIT", "TIMEOUT", "DEADLINE", "QUOTA", "BUDGET"].contains(&word));
    (is_number && bounds).then_some(name)
}

#[test]
fn limits_stand_in_limits_rs() {
    let mut offences = Vec::new();
    let guarded = |source: &&Source| source.path.starts_with("host/") && !source.is_test && !source.path.ends_with("/limits.rs");
    for source in sources().iter().filter(guarded) {
        // `MAX` inside a type is a property of the type, such as the length of an id.
        let lines = source.code.lines().enumerate().filter(|(_, line)| !line.starts_with(' '));
        offences.extend(lines.filter_map(|(at, line)| Some(source.at(at + 1, limit_on(line)?))));
    }
    none(&offences, "move it to the crate's limits.rs, with its reason");
}

#[test]
fn every_limit_has_its_reason() {
    let mut offences = Vec::new();
    for source in sources().iter().filter(|source| source.path.ends_with("/limits.rs")) {
        let lines: Vec<_> = source.text.lines().collect();
        for (at, pair) in lines.windows(2).enumerate() {
            let is_constant =
                pair[1].starts_with("pub const ") || pair[1].starts_with("pub(crate) const ") || pair[1].starts_with("const ");
            if is_constant && !pair[0].starts_with("///") && !pair[0].starts_with("//") {
                offences.push(source.at(at + 2, pair[1]));
            }
        }
    }
    none(&offences, "say on the line above why this number and not twice or half of it");
}

#[test]
fn a_limit_is_known_by_its_name_and_kind() {
    assert_eq!(limit_on("pub(crate) const MAX_TURNS: usize = 5;"), Some("MAX_TURNS"));
    assert_eq!(limit_on("const CALL_TIMEOUT: Duration = Duration::from_secs(1);"), Some("CALL_TIMEOUT"));
    assert_eq!(limit_on("const LIMIT_NOTE: &str = \"x\";"), None);
    assert_eq!(limit_on("const SEED: usize = 32;"), None);
}
