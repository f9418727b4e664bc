//! Servers that lie: each lie is refused in words with a remedy, and what serves serves on.

use crate::household::Household;
use crate::keeper::{CLOCK, Keeper, days_ago, key};
use crate::server::{Act, Server};
use skynet_policy::signature::KeyId;
use std::path::Path;

/// A household in which 1.0.0 serves, and a registry that has 1.1.0.
fn behind() -> Keeper {
    let keeper = Keeper::serving("1.0.0");
    keeper.publish("1.1.0", "");
    keeper
}

#[track_caller]
fn refused(keeper: &Keeper, code: i32, words: &[&str]) {
    let before = keeper.in_folder();
    keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).refused(code, words);
    assert_eq!((keeper.in_folder(), keeper.locked().as_deref()), (before, Some("1.0.0")));
    keeper.serves("1.0.0");
}

fn newest(folder: &Path, end: &str) -> (String, Vec<u8>) {
    let number = |name: &str| name.split('.').next().and_then(|number| number.parse::<u64>().ok());
    let names = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    let name = names.filter(|name| name.ends_with(end)).max_by_key(|name| number(name)).unwrap();
    (name.clone(), std::fs::read(folder.join(name)).unwrap())
}

#[test]
fn lies_of_a_server_change_nothing() {
    let keeper = behind();
    let metadata = keeper.path("registry/metadata");
    let says = |path: &str, bytes: Vec<u8>| keeper.server.act(path, Act::Say(bytes));

    // The component is another one, of the same length; then longer than was signed.
    let blob = std::fs::read_dir(keeper.path("registry/blobs/sha256")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(std::fs::read_dir(blob).unwrap().next().unwrap().unwrap().path()).unwrap();
    bytes[100] ^= 1;
    // What is kept whole already would not be fetched: this release is another component's only in its documents.
    std::fs::remove_dir_all(keeper.home.home().join("registries/quarantine")).unwrap();
    says("blobs/", bytes.clone());
    refused(&keeper, 4, &["its sha256 is", "another mirror"]);
    bytes.push(0);
    says("blobs/", bytes);
    refused(&keeper, 4, &["publisher signed", "another mirror"]);
    keeper.server.behave();

    // Truncated lists.
    for list in ["targets.json", "snapshot.json"] {
        let (name, whole) = newest(&metadata, list);
        says(&name, whole[..whole.len() / 2].to_vec());
        refused(&keeper, 4, &["refused", "Nothing was changed"]);
        keeper.server.behave();
    }
    let (_, timestamp) = newest(&metadata, "timestamp.json");
    says("timestamp.json", timestamp[..timestamp.len() / 2].to_vec());
    refused(&keeper, 4, &["refused"]);

    // Sent elsewhere: to another scheme, to another server.
    for to in ["ftp://127.0.0.1/", "https://127.0.0.1:1/", "http://127.0.0.1:1/"] {
        keeper.server.act("timestamp.json", Act::Redirect(to.into()));
        refused(&keeper, 4, &["redirected", "stays where it was named"]);
    }
    keeper.server.behave();
    keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done();
    keeper.serves("1.1.0");
}

#[test]
fn an_old_copy_and_a_mixed_one_are_refused() {
    let keeper = behind();
    let metadata = keeper.path("registry/metadata");
    let (_, old) = newest(&metadata, "timestamp.json");
    let (old_snapshot, old_list) = newest(&metadata, "snapshot.json");
    // Seen, and then something newer seen.
    keeper.home.run(&["plugin", "outdated"]).done();
    keeper.publish("1.2.0", "");
    keeper.home.run(&["plugin", "outdated"]).done();
    keeper.server.act("timestamp.json", Act::Say(old));
    refused(&keeper, 4, &["an old copy is being served", "registry reset main"]);
    keeper.server.behave();
    // The new timestamp, and the lists of before under the new name.
    let (snapshot, _) = newest(&metadata, "snapshot.json");
    assert_ne!(snapshot, old_snapshot);
    keeper.server.act(&snapshot, Act::Say(old_list));
    refused(&keeper, 4, &["refused"]);
}

#[test]
fn lists_whose_dates_are_over_are_refused() {
    let keeper = Keeper::since(days_ago(8));
    keeper.publish_at("1.0.0", "", days_ago(8));
    keeper.home.run(&["plugin", "install", CLOCK, "--yes", "--unseen"]).refused(4, &["timestamp", "was good until", "registry refresh"]);
    assert_eq!(keeper.in_folder(), None);
}

#[test]
fn names_that_fool_a_reader_or_belong_to_others_get_nowhere() {
    let keeper = Keeper::new();
    keeper.publish("1.0.0", "");
    let install = |name: &str| keeper.home.run(&["plugin", "install", name, "--yes", "--unseen"]);
    for (name, code, word) in [
        // A Cyrillic letter, capitals, a path, and namespaces for which nobody answers.
        ("acme/cl\u{43e}ck", 4, "namespace/name"),
        ("acme/Clock", 4, "namespace/name"),
        ("../acme/clock", 4, "namespace/name"),
        ("acme/clock/x", 4, "namespace/name"),
        ("acmee/clock", 5, "a registry for the namespace acmee"),
        ("acme/clocks", 5, "plugin search"),
        ("acme/clock@9", 5, "plugin search"),
        ("acme/clock@newest", 4, "version"),
    ] {
        install(name).refused(code, &[word]);
    }
    assert_eq!(keeper.in_folder(), None);
}

#[test]
fn a_namespace_that_is_signed_here_by_others_is_not_taken_over() {
    let keeper = Keeper::new();
    keeper.publish("1.0.0", "");
    let own = key(9).public();
    keeper.home.run(&["key", "trust", &own.text(), "--name", "mine", "--namespace", "acme"]).done();
    let why = keeper.home.run(&["plugin", "install", CLOCK, "--yes", "--unseen"]);
    why.refused(4, &["are signed by", own.key_id().as_str(), "skynet key list"]);
    assert_eq!(keeper.in_folder(), None);
}

#[test]
fn a_key_that_the_owner_revoked_stays_revoked_whatever_a_registry_says() {
    let keeper = Keeper::new();
    keeper.publish("1.0.0", "");
    keeper.install();
    keeper.publish("1.1.0", "");
    let id: KeyId = key(1).public().key_id();
    keeper.home.run(&["key", "revoke", id.as_str(), "--reason", "stolen"]).done();
    keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).refused(4, &["Nothing was changed"]);
    assert_eq!(keeper.locked().as_deref(), Some("1.0.0"));
}

#[test]
fn a_second_registry_is_not_asked_for_a_namespace_that_has_one() {
    let keeper = Keeper::new();
    let other = Keeper::new();
    other.publish("9.9.9", "");
    let home: &Household = &keeper.home;
    let server: &Server = &other.server;
    home.run(&["registry", "add", &server.url(), "--name", "rest", "--root", &other.root(), "--namespace", "*"]).done();
    server.heard("");
    home.run(&["plugin", "install", CLOCK, "--yes", "--unseen"]).refused(5, &["registry `main`"]);
    assert!(server.heard("").is_empty());
    let found = home.run(&["plugin", "search", "clock"]).done();
    assert!(found.contains("nothing fits"), "what it may not bring is not shown as if it could: {found}");
}

#[test]
fn a_password_in_an_address_that_was_typed_stands_in_no_row() {
    let keeper = Keeper::new();
    let add = ["registry", "add", "https://me:s3cr3t@127.0.0.1:9/", "--root", &keeper.root(), "--namespace", "bob"];
    keeper.home.run(&add).refused(4, &["no user"]);
    keeper.home.run(&["plugin", "install", "oci://me:s3cr3t@127.0.0.1:9/bob/x:1", "--yes", "--unseen"]).refused(4, &["its host is none"]);
    let rows = keeper.home.run(&["--json", "audit", "tail", "-n", "100"]).done();
    assert!(rows.contains("plugin.install") && rows.contains("127.0.0.1:9/bob/x:1"), "{rows}");
    assert!(!rows.contains("s3cr3t"), "{rows}");
}
