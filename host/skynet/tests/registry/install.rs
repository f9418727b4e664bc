//! A plugin comes: looked for, shown, agreed to, installed, with a host and without one.

use crate::household::Household;
use crate::keeper::{CLOCK, Keeper, NET};

#[test]
fn a_plugin_is_found_shown_agreed_to_and_serves_at_once() {
    let mut keeper = Keeper::new();
    let digest = keeper.publish("1.0.0", NET);
    keeper.home.start();

    assert!(keeper.home.run(&["plugin", "search", "time"]).done().contains("acme/clock"));
    let info = keeper.home.run(&["plugin", "info", CLOCK]).done();
    assert!(info.contains("1.0.0") && info.contains("time.example.org") && info.contains(&digest), "{info}");

    let plan = keeper.home.run(&["plugin", "install", CLOCK, "--plan"]).done();
    for word in ["install 1.0.0", "time.example.org", "signed by", &digest] {
        assert!(plan.contains(word), "`{word}` is not in: {plan}");
    }
    assert_eq!((keeper.locked(), keeper.in_folder()), (None, None), "a plan changes nothing");

    // Nobody is here to agree: not by itself, not by --yes alone, not by another digest.
    for arguments in [vec![], vec!["--yes"], vec!["--yes", "--release", "aaaaaaaaaaaaaaaaaaaa"]] {
        let all: Vec<&str> = ["plugin", "install", CLOCK].into_iter().chain(arguments).collect();
        keeper.home.run(&all).refused(4, &["nothing was changed"]);
    }
    assert_eq!((keeper.locked(), keeper.in_folder()), (None, None));

    let said = keeper.home.run(&["plugin", "install", CLOCK, "--yes", "--release", &digest]).done();
    assert!(said.contains("acme/clock 1.0.0 serves"), "{said}");
    assert_eq!(keeper.locked().as_deref(), Some("1.0.0"));
    let grants = keeper.home.run(&["plugin", "grants", CLOCK]).done();
    assert!(grants.contains("time.example.org"), "{grants}");
    assert!(keeper.home.run(&["plugin", "install", CLOCK, "--yes", "--unseen"]).done().contains("installed already"));

    let rows = keeper.home.run(&["audit", "tail", "-n", "60"]).done();
    assert!(rows.contains("plugin.install ok") && rows.contains("plugin.install refused"), "{rows}");
    keeper.home.run(&["audit", "verify"]).done();
}

#[test]
fn what_was_installed_without_a_host_serves_when_it_starts_and_goes_when_it_is_removed() {
    let mut keeper = Keeper::new();
    keeper.publish("1.0.0", NET);
    let said = keeper.install();
    assert!(said.contains("serves when the host runs"), "{said}");
    keeper.home.start();
    keeper.serves("1.0.0");
    keeper.home.run(&["plugin", "remove", CLOCK]).refused(4, &["--yes"]);
    keeper.home.run(&["plugin", "remove", CLOCK, "--yes"]).done();
    keeper.home.until_state(CLOCK, "disabled");
    assert_eq!((keeper.locked(), keeper.in_folder()), (None, None));
    assert!(keeper.home.run(&["plugin", "grants", CLOCK]).done().contains("has no grant"));
    let keys = keeper.home.run(&["key", "list"]).done();
    assert!(!keys.contains("acme"), "the publisher's key counts no longer: {keys}");
    keeper.home.run(&["plugin", "remove", CLOCK, "--yes"]).refused(5, &["did not come from a registry"]);
}

#[test]
fn a_lockfile_gives_the_same_bytes_on_another_machine_or_a_refusal() {
    let keeper = Keeper::new();
    keeper.publish("1.0.0", NET);
    keeper.install();
    let bytes = keeper.in_folder();
    keeper.publish("2.0.0", NET);

    let mut other = Household::new();
    other.run(&["registry", "add", &keeper.server.url(), "--name", "main", "--root", &keeper.root(), "--namespace", "acme"]).done();
    let lock = std::fs::read_to_string(keeper.home.home().join("registries/plugins.lock")).unwrap();
    let there = other.home().join("registries/plugins.lock");
    std::fs::write(&there, &lock).unwrap();
    other.run(&["plugin", "install", "--locked"]).refused(4, &["nobody is here to agree"]);
    other.run(&["plugin", "install", "--locked", "--yes"]).done();
    let file = std::fs::read(other.home().join("plugins/acme--clock.wasm")).unwrap();
    assert_eq!(Some(skynet_policy::sha256_hex(&file)), bytes);
    other.start();
    other.until_state(CLOCK, "serving");
    other.terminate();

    // A lockfile that names other bytes takes nothing.
    let component = lock.lines().find_map(|line| line.strip_prefix("component = \"")).unwrap().trim_end_matches('"').to_owned();
    std::fs::write(&there, lock.replace(&component, &"0".repeat(64))).unwrap();
    other.run(&["plugin", "install", "--locked", "--yes"]).refused(4, &["component", "plugins.lock says"]);
    std::fs::write(&there, &lock[..lock.len() / 2]).unwrap();
    other.run(&["plugin", "install", "--locked", "--yes"]).refused(4, &["plugins.lock", "backup"]);
}

#[test]
fn a_bundle_installs_where_there_is_no_network() {
    let keeper = Keeper::new();
    keeper.publish("1.0.0", "");
    let bundle = keeper.path("clock.agentpkg");
    let file = bundle.to_str().unwrap();
    keeper.home.run(&["plugin", "export", CLOCK, "--out", file]).done();

    let other = Household::new();
    // Nobody answers there.
    other.run(&["registry", "add", "http://127.0.0.1:9/", "--name", "main", "--root", &keeper.root(), "--namespace", "acme"]).done();
    other.run(&["plugin", "install", CLOCK, "--yes", "--unseen"]).refused(75, &["could not be fetched"]);
    other.run(&["plugin", "install", CLOCK, "--bundle", file, "--yes", "--unseen"]).done();
    assert!(other.home().join("plugins/acme--clock.wasm").is_file());

    let mut bytes = std::fs::read(&bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&bundle, bytes).unwrap();
    let third = Household::new();
    third.run(&["registry", "add", "http://127.0.0.1:9/", "--name", "main", "--root", &keeper.root(), "--namespace", "acme"]).done();
    third.run(&["plugin", "install", CLOCK, "--bundle", file, "--yes", "--unseen"]).refused(4, &["refused"]);
    assert!(!third.home().join("plugins/acme--clock.wasm").exists());
}

#[test]
fn a_registry_is_known_by_its_keepers_word_alone() {
    let keeper = Keeper::new();
    let url = keeper.server.url();
    let other = Household::new();
    let add = |more: &[&str]| other.run(&[&["registry", "add", url.as_str(), "--namespace", "acme"], more].concat());
    assert_eq!(add(&[]).code, 2, "nobody is trusted at first sight");
    add(&["--fingerprint", &"0".repeat(64)]).refused(4, &["its fingerprint is"]);
    let root = skynet_policy::sha256_hex(&std::fs::read(keeper.root()).unwrap());
    assert!(add(&["--fingerprint", &root]).done().contains("at-127-0-0-1"));
    add(&["--fingerprint", &root]).refused(4, &["there is one of that name"]);
    add(&["--fingerprint", &root, "--name", "second"]).refused(4, &["at-127-0-0-1 answers for the namespace acme already"]);
    let wide = other.run(&["registry", "add", "http://registry.example/", "--root", &keeper.root(), "--namespace", "bob"]);
    wide.refused(4, &["plain http"]);
    let list = other.run(&["--json", "registry", "list"]).json();
    assert_eq!((list[0]["name"].as_str(), list.as_array().unwrap().len()), (Some("at-127-0-0-1"), 1));
    other.run(&["registry", "remove", "at-127-0-0-1"]).done();
    other.run(&["registry", "remove", "at-127-0-0-1"]).refused(5, &["registry list"]);
}
