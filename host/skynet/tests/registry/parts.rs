//! One registry that gives no answer leaves the others theirs, and the command says so.

use crate::household::Household;
use crate::keeper::{CLOCK, Keeper, NET};
use jiff::Timestamp;
use serde_json::Value;

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:9/";

/// A household with plugins of two registries, the second of which is gone for good.
fn half_dead() -> (Keeper, Keeper) {
    let (keeper, other) = (Keeper::new(), Keeper::new());
    keeper.publish("1.0.0", "");
    other.publisher_at("bob", 2, Timestamp::now());
    other.publish_first("bob/clock", "1.0.0", "", 2);
    let add = ["registry", "add", &other.server.url(), "--name", "second", "--root", &other.root(), "--namespace", "bob"];
    keeper.home.run(&add).done();
    keeper.home.run(&["plugin", "install", CLOCK, "bob/clock", "--yes", "--unseen"]).done();
    keeper.publish("1.1.0", NET);
    let places = keeper.home.home().join("registries/registries.toml");
    let text = std::fs::read_to_string(&places).unwrap();
    std::fs::write(&places, text.replace(&other.server.url(), NOBODY)).unwrap();
    (keeper, other)
}

#[test]
fn what_answers_is_updated_and_what_does_not_is_named() {
    let (keeper, _other) = half_dead();
    let found = keeper.home.run(&["plugin", "search", "clock"]);
    assert!(found.out.contains(CLOCK) && !found.out.contains("bob/clock"), "{}", found.out);
    found.refused(9, &["`second`", "nobody listens"]);

    let outdated = keeper.home.run(&["--json", "plugin", "outdated"]);
    let known: Value = serde_json::from_str(&outdated.out).unwrap();
    assert_eq!((known["updates"][0]["to"].as_str(), known["faults"].as_array().map(Vec::len)), (Some("1.1.0"), Some(1)));
    outdated.refused(9, &["`second`"]);

    let updated = keeper.home.run(&["plugin", "update", "--yes", "--unseen"]);
    assert!(updated.out.contains("update 1.0.0 → 1.1.0"), "{}", updated.out);
    updated.refused(9, &["`second`", "try again later"]);
    assert_eq!(keeper.locked().as_deref(), Some("1.1.0"));

    let again = keeper.home.run(&["plugin", "update", "--yes", "--unseen"]);
    assert!(again.out.contains("nothing newer is listed where an answer came"), "{}", again.out);
    again.refused(9, &["`second`"]);
    keeper.home.run(&["plugin", "update", CLOCK, "--yes", "--unseen"]).done();
}

#[test]
fn where_nobody_answers_nothing_was_done_and_trying_again_may_help() {
    let (keeper, _other) = half_dead();
    keeper.home.run(&["plugin", "update", "bob/clock", "--yes", "--unseen"]).refused(75, &["`second`", "try again later"]);
    keeper.home.run(&["registry", "remove", "main"]).done();
    keeper.home.run(&["plugin", "search", "clock"]).refused(75, &["`second`"]);
    keeper.home.run(&["plugin", "outdated"]).refused(75, &["`second`", "registry main, which was removed"]);
    assert_eq!(keeper.locked().as_deref(), Some("1.0.0"));
}

#[test]
fn what_is_known_of_one_registrys_plugins_is_told_whatever_ails_another() {
    let (keeper, _other) = half_dead();
    let audit = || keeper.home.run(&["--json", "plugin", "audit"]);
    let said: Value = serde_json::from_str(&audit().out).unwrap();
    assert_eq!((said["plugins"].as_u64(), said["faults"].as_array().map(Vec::len)), (Some(2), Some(1)));
    audit().refused(9, &["`second`"]);
    // An authority that is none: its way cannot even be made.
    let places = keeper.home.home().join("registries/registries.toml");
    let text = std::fs::read_to_string(&places).unwrap();
    let broken = "url = \"https://127.0.0.1:9/\"\nca = \"nothing\"";
    std::fs::write(&places, text.replace(&format!("url = \"{NOBODY}\""), broken)).unwrap();
    let said = audit();
    assert!(said.out.contains("\"plugins\":2"), "{}", said.out);
    said.refused(9, &["registry second"]);
}

/// A bundle is of one registry. A machine with plugins of two takes two.
#[test]
fn a_machine_without_a_network_takes_a_bundle_of_each_of_its_registries() {
    let (keeper, other) = (Keeper::new(), Keeper::new());
    keeper.publish("1.0.0", "");
    other.publisher_at("bob", 2, Timestamp::now());
    other.publish_first("bob/clock", "1.0.0", "", 2);
    let second = |url: &str, home: &Household| {
        home.run(&["registry", "add", url, "--name", "second", "--root", &other.root(), "--namespace", "bob"]).done();
    };
    second(&other.server.url(), &keeper.home);
    keeper.home.run(&["plugin", "install", CLOCK, "bob/clock", "--yes", "--unseen"]).done();
    let bundle = |name: &str| keeper.path(name).to_str().unwrap().to_owned();
    let (ours, theirs) = (bundle("ours"), bundle("theirs"));
    keeper.home.run(&["plugin", "export", CLOCK, "bob/clock", "-o", &bundle("both")]).refused(4, &["several registries", "one for each"]);
    assert!(!keeper.path("both").exists());
    keeper.home.run(&["plugin", "export", CLOCK, "-o", &ours]).done();
    keeper.home.run(&["plugin", "export", "bob/clock", "-o", &theirs]).done();

    let away = Household::new();
    away.run(&["registry", "add", NOBODY, "--name", "main", "--root", &keeper.root(), "--namespace", "acme"]).done();
    second(NOBODY, &away);
    std::fs::copy(keeper.home.home().join("registries/plugins.lock"), away.home().join("registries/plugins.lock")).unwrap();
    let there = |name: &str| away.home().join("plugins").join(name).is_file();
    let locked = |bundle: &str| away.run(&["plugin", "install", "--locked", "--bundle", bundle, "--yes"]);
    locked(&ours).refused(9, &["bob/clock is not in this bundle", "registry second"]);
    assert_eq!((there("acme--clock.wasm"), there("bob--clock.wasm")), (true, false));
    locked(&theirs).done();
    assert!(there("bob--clock.wasm"));
    assert!(locked(&ours).done().contains("installed as the lockfile says"));
    // Named alone, it is what the whole command was about.
    away.run(&["plugin", "install", "bob/clock", "--locked", "--bundle", &ours, "--yes"]).refused(4, &["refused"]);
    // The names that two registries signed are each looked at as their own.
    keeper.publish("1.1.0", "");
    keeper.home.run(&["plugin", "export", CLOCK, "-o", &ours]).done();
    away.run(&["plugin", "update", "--bundle", &ours, "--yes", "--unseen"]).done();
    let lock = std::fs::read_to_string(away.home().join("registries/plugins.lock")).unwrap();
    assert!(lock.contains("version = \"1.1.0\"") && lock.contains("version = \"1.0.0\""), "{lock}");
}
