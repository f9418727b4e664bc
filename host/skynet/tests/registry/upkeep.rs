//! A registry as its keeper keeps it: made, published to, served, looked through, copied.

use crate::household::{Household, guest};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

pub(crate) struct Keeper {
    pub(crate) house: Household,
    folder: tempfile::TempDir,
}

impl Keeper {
    pub(crate) fn new() -> Self {
        let keeper = Self { house: Household::new(), folder: tempfile::tempdir().unwrap() };
        keeper.run(&["registry", "init", "@registry", "--keys", "@keys"]).done();
        keeper.run(&["registry", "publisher", "new", "acme", "--out", "@acme.json"]).done();
        keeper.run(&["registry", "publisher", "add", "@registry", "@acme.json", "--keys", "@keys"]).done();
        keeper
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Words that begin with `@` are names in the keeper's folder.
    pub(crate) fn run(&self, words: &[&str]) -> crate::household::Said {
        let words: Vec<String> = words.iter().map(|word| self.word(word)).collect();
        self.house.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub(crate) fn word(&self, word: &str) -> String {
        word.strip_prefix('@').map_or_else(|| word.to_owned(), |name| self.path(name).to_str().unwrap().to_owned())
    }

    /// A release of acme/clock, packed after another and signed.
    pub(crate) fn release(&self, version: &str, after: Option<&str>) -> String {
        let out = self.packed(version, after);
        self.run(&["plugin", "sign", &out]).done();
        out
    }

    /// The same, not signed.
    pub(crate) fn packed(&self, version: &str, after: Option<&str>) -> String {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../builtin-plugins/tool-time/plugin.toml");
        let text = std::fs::read_to_string(source).unwrap();
        let lines = text.lines().map(|line| match line.split_once(" = ") {
            Some(("id", _)) => "id = \"acme/clock\"".to_owned(),
            Some(("version", _)) => format!("version = \"{version}\""),
            _ => line.to_owned(),
        });
        std::fs::write(self.path("plugin.toml"), lines.collect::<Vec<_>>().join("\n")).unwrap();
        let (component, out) = (guest("tool-time"), format!("@clock-{version}.wasm"));
        let mut words = vec!["plugin", "pack", component.to_str().unwrap(), "-m", "@plugin.toml", "-o", &out];
        words.extend(after.iter().flat_map(|after| ["--after", *after]));
        self.run(&words).done();
        out
    }

    pub(crate) fn publish(&self, file: &str, more: &[&str]) -> crate::household::Said {
        let mut words = vec!["--json", "registry", "publish", "@registry", file, "--keys", "@keys"];
        words.extend(more);
        self.run(&words)
    }
}

#[test]
fn releases_are_shown_listed_once_and_in_order() {
    let keeper = Keeper::new();
    let one = keeper.release("1.0.0", None);
    let plan = keeper.publish(&one, &["--plan"]).json();
    assert_eq!(plan["published"], false);
    assert!(plan["findings"]["findings"].is_array(), "a keeper sees what a review finds: {plan}");
    let shown = keeper.run(&["registry", "publish", "@registry", &one, "--keys", "@keys", "--plan"]).done();
    assert!(shown.contains("a review of it found"), "{shown}");
    keeper.publish(&one, &[]).refused(4, &["acme/clock 1.0.0 was not listed", "--yes"]);
    assert_eq!(keeper.publish(&one, &["--yes"]).json()["published"], true);
    assert_eq!(keeper.publish(&one, &["--yes"]).json()["published"], false, "the same again is no news");
    let new = keeper.release("1.0.1", Some(&one));
    keeper.publish(&new, &["--yes", "--oci", "oci://no reference"]).refused(4, &["oci://"]);
    assert_eq!(keeper.publish(&new, &["--plan"]).json()["listed"], false, "nothing is listed on the way to a name that is none");
    let orphan = keeper.release("1.1.0", None);
    keeper.publish(&orphan, &["--plan"]).refused(4, &["`prev` must be"]);
    keeper.publish(&orphan, &["--yes"]).refused(4, &["`prev` must be"]);
    let two = keeper.release("1.1.0", Some(&one));
    assert_eq!(keeper.publish(&two, &["--yes"]).json()["before"], "1.0.0");
    let to = ["plugin", "publish", &two, "--to", "@registry"];
    keeper.run(&to).refused(4, &["--keys"]);
    keeper.run(&[&to[..], &["--keys", "@keys"]].concat()).done();
    keeper.run(&["plugin", "publish", &two, "--to", "https://registry.example/"]).refused(4, &["nothing can be written"]);
    keeper.run(&["registry", "init", "@registry", "--keys", "@more"]).refused(4, &["there is a registry already"]);

    keeper.run(&["registry", "advise", "@registry", "revoked", "acme/clock@1.0.0", "--reason", "it leaks", "--keys", "@keys"]).done();
    let said = keeper.run(&["--json", "registry", "advisories", "@registry"]).json();
    let id = said["advisories"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(said["advisories"][0]["kind"], "revoked");
    keeper.run(&["registry", "withdraw", "@registry", &id, "--keys", "@keys"]).done();
    keeper.run(&["registry", "withdraw", "@registry", &id, "--keys", "@keys"]).refused(5, &[&id]);
    let standing = keeper.run(&["--json", "registry", "show", "@registry"]).json()["standing"].clone();
    assert_eq!((&standing["releases"], &standing["advisories"]), (&Value::from(2), &Value::from(0)));
}

#[test]
fn a_registry_is_served_with_one_key_and_copied_by_who_knows_its_root() {
    let keeper = Keeper::new();
    keeper.publish(&keeper.release("1.0.0", None), &["--yes"]).done();
    keeper.run(&["registry", "rotate", "@registry", "--keys", "@keys", "--replace", "timestamp", "--new-keys", "@online"]).done();
    keeper.run(&["registry", "refresh", "@registry", "--keys", "@keys"]).refused(4, &["timestamp"]);
    keeper.run(&["registry", "serve", "@registry", "--key-folder", "@empty"]).refused(5, &["empty"]);
    let words =
        ["--json", "registry", "serve", "@registry", "--key-folder", "@online", "--listen", "127.0.0.1:0"].map(|word| keeper.word(word));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut server = keeper.house.command(&words).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines =
        BufReader::new(server.stdout.take().unwrap()).lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let at = lines.next().unwrap()["at"].as_str().unwrap().to_owned();
    assert!(lines.next().unwrap()["renewed"].is_string());

    let print = keeper.run(&["--json", "registry", "show", "@registry", "--root", "@root.json"]).json()["standing"]["fingerprint"].clone();
    keeper.run(&["registry", "verify", &at]).refused(4, &["--fingerprint"]);
    keeper.run(&["registry", "verify", &at, "--fingerprint", &"0".repeat(64)]).refused(4, &["its fingerprint is", print.as_str().unwrap()]);
    assert_eq!(keeper.run(&["--json", "registry", "verify", &at, "--root", "@root.json"]).json()["releases"], 1);
    keeper.run(&["registry", "mirror", &at, "@copy", "--fingerprint", print.as_str().unwrap()]).done();
    assert_eq!(keeper.run(&["--json", "registry", "verify", "@copy"]).json()["releases"], 1);
    let copy = format!("file://{}", keeper.path("copy").to_str().unwrap());
    assert_eq!(keeper.run(&["--json", "registry", "verify", &copy, "--private"]).json()["releases"], 1);

    // An old state in place of the new one: the copy remembers.
    let timestamp = keeper.path("registry/metadata/timestamp.json");
    let old = std::fs::read(&timestamp).unwrap();
    keeper.run(&["registry", "refresh", "@registry", "--keys", "@online"]).done();
    keeper.run(&["registry", "mirror", &at, "@copy"]).done();
    std::fs::write(&timestamp, old).unwrap();
    keeper.run(&["registry", "mirror", &at, "@copy"]).refused(4, &["timestamp"]);
    keeper.run(&["registry", "mirror", "@registry", "@copy"]).refused(4, &["another folder"]);
    server.kill().unwrap();
    server.wait().unwrap();
    keeper.run(&["registry", "verify", &at, "--root", "@root.json"]).refused(75, &["nobody listens"]);
}

#[test]
fn what_was_tampered_with_is_found() {
    let keeper = Keeper::new();
    keeper.publish(&keeper.release("1.0.0", None), &["--yes"]).done();
    let blobs = keeper.path("registry/blobs/sha256");
    let prefix = std::fs::read_dir(blobs).unwrap().next().unwrap().unwrap().path();
    let blob = std::fs::read_dir(prefix).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    keeper.run(&["registry", "verify", "@registry"]).refused(4, &["1 faults"]);
    keeper.run(&["registry", "mirror", "@registry", "@copy"]).refused(4, &["acme/clock 1.0.0", "sha256"]);
    assert!(!keeper.path("copy/metadata/timestamp.json").exists());
}

#[test]
fn a_second_release_is_made_with_the_words_of_the_refusal() {
    let keeper = Keeper::new();
    let script =
        "export const tools = [{ name: 'add', description: 'Adds.', parameters: { type: 'object' }, call() { return 'VERSION'; } }];";
    let runtime = guest("js-runtime");
    let made = |version: &str, more: &[&str]| {
        std::fs::write(keeper.path("calc.js"), script.replace("VERSION", version)).unwrap();
        let manifest =
            "schema = 1\nid = \"acme/calc\"\nversion = \"VERSION\"\nsummary = \"Adds.\"\nworld = \"tool-plugin\"\nwit = \"^0.1.0\"\n";
        std::fs::write(keeper.path("plugin.toml"), manifest.replace("VERSION", version) + "[permissions]\n").unwrap();
        let words = ["plugin", "new", "--instant", "@calc.js", "--path", "@", "--runtime", runtime.to_str().unwrap()];
        keeper.run(&[&words[..], more].concat())
    };
    made("1.0.0", &[]).done();
    let first = keeper.publish("@calc.wasm", &["--yes"]).json();
    let digest = first["release"].as_str().unwrap().to_owned();
    std::fs::copy(keeper.path("calc.wasm"), keeper.path("calc-1.0.0.wasm")).unwrap();
    made("1.1.0", &[]).done();
    let how = format!("skynet plugin build --after {digest}");
    keeper.publish("@calc.wasm", &["--yes"]).refused(4, &["`prev` must be", &how, "--instant"]);
    made("1.1.0", &["--after", &digest]).done();
    assert_eq!(keeper.publish("@calc.wasm", &["--plan"]).json()["before"], "1.0.0");
    made("1.1.0", &["--after", "@calc-1.0.0.wasm"]).done();
    assert_eq!(keeper.publish("@calc.wasm", &["--yes"]).json()["before"], "1.0.0");
}

#[test]
fn a_folder_that_is_not_there_is_named_and_is_no_refusal() {
    let keeper = Keeper::new();
    keeper.run(&["registry", "review", "@none", "--registry", "@registry"]).refused(5, &[&keeper.word("@none"), "submission"]);
    keeper.run(&["registry", "review", "@keys", "--registry", "@none"]).refused(5, &[&keeper.word("@none"), "--registry"]);
}
