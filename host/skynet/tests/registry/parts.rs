//! One registry that gives no answer leaves the others theirs, and the command says so.

use crate::keeper::{CLOCK, Keeper, NET};
use jiff::Timestamp;
use serde_json::Value;

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
    // Nobody listens there.
    std::fs::write(&places, text.replace(&other.server.url(), "http://127.0.0.1:9/")).unwrap();
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
