//! Who may own what: the dangerous things have one owner each.

use crate::source::Source;
use crate::tree::{manifests, none, sources};

/// `(crate, what its manifest must not name)`.
const MUST_NOT_SEE: [(&str, &[&str]); 8] = [
    ("host/core", &["tokio", "hyper", "axum", "rusqlite", "wasmtime"]),
    ("host/policy", &["tokio", "hyper", "axum", "rusqlite", "wasmtime", "cap-std"]),
    ("host/store", &["wasmtime", "axum", "hyper"]),
    ("host/plugins", &["axum", "rusqlite"]),
    ("host/review", &["tokio", "hyper", "axum", "rusqlite", "wasmtime", "cap-std"]),
    ("host/scripts", &["wasmtime", "rusqlite", "axum"]),
    ("host/agent", &["wasmtime", "axum", "rusqlite", "hyper"]),
    ("host/gateway", &["wasmtime", "rusqlite"]),
];

/// Names that only plugins may know.
const VENDORS: [&str; 7] = ["anthropic", "openai", "ollama", "discord", "telegram", "claude", "gpt"];

/// Where such a name may stand all the same, and why.
const VENDORS_ALLOWED: [(&str, &str, &str); 2] = [
    ("host/gateway/src/transports/", "discord", "the socket is driven by a library there; all that is said on it comes from the component"),
    ("host/gateway/src/http/", "openai", "the wire format that this route speaks has that name, and clients know its session keys"),
];

fn within(source: &Source, folders: &[&str]) -> bool {
    folders.iter().any(|folder| source.path.starts_with(folder))
}

/// Every place outside `owners` where code that ships names one of `words`.
fn named_outside(owners: &[&str], words: &[&str]) -> Vec<String> {
    let all = sources();
    let outside = all.iter().filter(|source| !within(source, owners));
    outside.flat_map(|source| words.iter().flat_map(|word| source.names(word))).collect()
}

/// The names on the left of a manifest's dependency tables, tests' own ones left out.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut counts = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            counts = table.ends_with("dependencies]") && !table.contains("dev-");
        } else if counts && let Some((name, _)) = line.split_once(['.', ' ', '=']) {
            found.push(name);
        }
    }
    found
}

#[test]
fn no_crate_depends_on_what_it_must_not_see() {
    let manifests = manifests();
    let mut offences = Vec::new();
    for (folder, forbidden) in MUST_NOT_SEE {
        let path = format!("{folder}/Cargo.toml");
        let Some((_, text)) = manifests.iter().find(|(known, _)| *known == path) else { panic!("{path} is gone; mend this table") };
        for name in dependencies(text) {
            if forbidden.iter().any(|forbidden| name == *forbidden || name.starts_with(&format!("{forbidden}-"))) {
                offences.push(format!("{path} names {name}"));
            }
        }
    }
    none(&offences, "reach it through a port of skynet-core instead; ARCHITECTURE.md has the table");
}

#[test]
fn only_the_component_host_names_the_engine() {
    let mut offences = named_outside(&["host/plugins/"], &["wasmtime", "wasmtime_wasi", "wasmtime_wasi_http", "wasmtime_wasi_io"]);
    for (path, text) in manifests() {
        if !path.starts_with("host/plugins/") && dependencies(&text).iter().any(|name| name.starts_with("wasmtime")) {
            offences.push(format!("{path} depends on the engine"));
        }
    }
    none(&offences, "host/plugins owns the engine; give it a method that says what you need");
}

#[test]
fn only_the_review_names_the_rule_engine() {
    let mut offences = named_outside(&["host/review/"], &["boreal"]);
    let others = manifests().into_iter().filter(|(path, _)| !path.starts_with("host/review/"));
    offences.extend(others.filter(|(_, text)| dependencies(text).contains(&"boreal")).map(|(path, _)| format!("{path} depends on boreal")));
    none(&offences, "host/review owns the text rules; give it a function that says what you need");
}

#[test]
fn generated_types_of_the_contract_are_made_in_one_folder() {
    let offences = named_outside(&["host/plugins/src/bindings"], &["bindgen"]);
    none(&offences, "types from wit/ end in host/plugins/src/bindings; the rest speaks skynet-core");
}

#[test]
fn only_scripts_starts_processes() {
    let spawns = |source: &Source| -> Vec<String> {
        let mut found = Vec::new();
        for (at, _) in source.code.match_indices("process::") {
            // Up to the end of the statement: an import may list several names, over several lines.
            let statement = source.code[at..].split(';').next().unwrap_or_default();
            let first = statement.trim_start_matches("process::");
            let named = if first.starts_with('{') { first } else { first.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default() };
            if named.split(|c: char| !c.is_alphanumeric()).any(|word| word == "Command") {
                found.push(source.at(source.code[..at].lines().count(), statement.lines().next().unwrap_or_default()));
            }
        }
        found
    };
    // The workshop is no part of the product, and hands one of its words over to a script.
    let owners = ["host/scripts/", "host/xtask/src/fuzz.rs"];
    let offences: Vec<_> = sources().iter().filter(|source| !within(source, &owners)).flat_map(spawns).collect();
    none(&offences, "host/scripts owns child processes, with their deadlines and groups; call it");
}

#[test]
fn only_the_store_contains_sql() {
    const STARTS: [&str; 10] = [
        "SELECT ",
        "INSERT INTO ",
        "INSERT OR ",
        "UPDATE ",
        "DELETE FROM ",
        "CREATE TABLE ",
        "CREATE INDEX ",
        "ALTER TABLE ",
        "DROP TABLE ",
        "PRAGMA ",
    ];
    let mut offences = named_outside(&["host/store/"], &["rusqlite"]);
    for source in sources().iter().filter(|source| !within(source, &["host/store/"])) {
        let sql = source.strings.iter().filter(|(_, text)| STARTS.iter().any(|start| text.trim_start().starts_with(start)));
        offences.extend(sql.map(|(line, text)| source.at(*line, text)));
    }
    none(&offences, "host/store owns SQL; add a method to the port that you use");
}

#[test]
fn only_the_egress_door_dials() {
    let dials = |source: &Source| -> Vec<String> {
        let calls = ["TcpStream::connect", "TcpSocket::new", "UdpSocket::bind", "UnixStream::connect", "connect_async"];
        let lines = source.code.lines().enumerate().filter(|(_, line)| calls.iter().any(|call| line.contains(call)));
        lines.map(|(at, line)| source.at(at + 1, line)).collect()
    };
    // The command line reaches its own gateway, on the address that it serves.
    let owners = ["host/plugins/src/http/dial.rs", "host/skynet/src/client.rs"];
    let host: Vec<_> = sources().into_iter().filter(|source| source.path.starts_with("host/") && !within(source, &owners)).collect();
    none(&host.iter().flat_map(dials).collect::<Vec<_>>(), "go through the egress door, which asks policy::egress and pins the address");
}

#[test]
fn no_vendor_is_known_to_the_host() {
    let mut offences = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("host/")) {
        let code = source.code.lines().enumerate().map(|(at, line)| (at + 1, line.to_owned()));
        for (line, text) in code.chain(source.strings.iter().cloned()) {
            for vendor in vendors_in(&text) {
                let allowed = VENDORS_ALLOWED.iter().any(|(path, name, _)| source.path.starts_with(path) && *name == vendor);
                if !allowed {
                    offences.push(source.at(line, &text));
                }
            }
        }
    }
    none(&offences, "what is special about a vendor belongs to its plugin; the host knows kinds, not names");
}

fn vendors_in(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).collect();
    // A short name is also a part of other words, so it must begin one.
    let found = |vendor: &str| if vendor.len() > 4 { text.contains(vendor) } else { words.iter().any(|word| word.starts_with(vendor)) };
    VENDORS.into_iter().filter(|vendor| found(vendor)).collect()
}

#[test]
fn a_vendor_is_found_in_any_spelling() {
    assert_eq!(vendors_in("let x = OpenAiClient::new(\"Claude\")"), ["openai", "claude"]);
    assert_eq!(vendors_in("gpt-4o"), ["gpt"]);
    assert_eq!(vendors_in("the egptian"), Vec::<&str>::new());
}

#[test]
fn dependencies_are_read_from_all_tables_but_those_of_tests() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = \"1\"\n[dev-dependencies]\nc = \"1\"\n[target.'cfg(unix)'.dependencies]\nd-e = \"1\"\n";
    assert_eq!(dependencies(manifest), ["a", "b", "d-e"]);
}
