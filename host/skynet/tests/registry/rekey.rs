//! A publisher takes new keys: the old ones sign for them, and who installed before goes along.

use crate::household::Said;
use crate::upkeep::Keeper;

/// A registry with a release by the first key, and the same household as its user.
fn published() -> (Keeper, String) {
    let keeper = Keeper::new();
    let one = keeper.release("1.0.0", None);
    keeper.publish(&one, &["--yes"]).done();
    keeper.run(&["key", "new", "second", "--out", "@second.key"]).done();
    keeper.run(&["registry", "show", "@registry", "--root", "@root.json"]).done();
    (keeper, one)
}

/// The user is somebody else: their machine does not hold the publisher's keys.
fn user(keeper: &Keeper) -> crate::household::Household {
    let user = crate::household::Household::new();
    let (folder, root) = (keeper.word("@registry"), keeper.word("@root.json"));
    user.run(&["registry", "add", &folder, "--name", "main", "--root", &root, "--namespace", "acme"]).done();
    user.run(&["plugin", "install", "acme/clock", "--yes", "--unseen"]).done();
    user
}

fn signed(keeper: &Keeper, version: &str, after: &str, key: &str) -> String {
    let file = keeper.packed(version, Some(after));
    keeper.run(&["plugin", "sign", &file, "--key", key]).done();
    file
}

fn rekey(keeper: &Keeper, more: &[&str]) -> Said {
    let old = keeper.house.home().join("keys/dev.key");
    let words = ["registry", "publisher", "rekey", "@acme.json", "--old", old.to_str().unwrap(), "--key", "@second.key"];
    keeper.run(&[&words[..], more].concat())
}

#[test]
fn keys_that_the_old_ones_signed_for_are_followed() {
    let (keeper, one) = published();
    let user = user(&keeper);
    let two = signed(&keeper, "1.1.0", &one, "@second.key");
    keeper.publish(&two, &["--yes"]).refused(4, &["sign"]);

    assert!(rekey(&keeper, &[]).done().contains("statement 2 of namespace acme"));
    keeper.run(&["registry", "publisher", "add", "@registry", "@acme.json", "--keys", "@keys"]).done();
    keeper.publish(&two, &["--yes"]).done();
    let listed = keeper.run(&["--json", "registry", "publisher", "list", "@registry", "acme"]).json();
    assert_eq!(listed[0]["statements"], 2);

    let plan = user.run(&["plugin", "update", "--plan"]).done();
    assert!(plan.contains("its publisher changed its keys, and the old ones signed for that"), "{plan}");
    user.run(&["plugin", "update", "--yes", "--unseen"]).done();
    let lock = std::fs::read_to_string(user.home().join("registries/plugins.lock")).unwrap();
    assert!(lock.contains("version = \"1.1.0\""), "{lock}");
    let keys = user.run(&["--json", "key", "list"]).json().to_string();
    let new = listed[0]["keys"][0].as_str().unwrap();
    assert!(keys.contains(new), "the new key is trusted for the namespace: {keys}");
}

#[test]
fn a_record_that_the_old_keys_did_not_sign_is_refused_and_one_put_in_its_place_is_told() {
    let (keeper, one) = published();
    let user = user(&keeper);
    keeper.run(&["registry", "publisher", "new", "acme", "--key", "@second.key", "--out", "@stranger.json"]).done();
    let add = ["registry", "publisher", "add", "@registry", "@stranger.json", "--keys", "@keys"];
    keeper.run(&add).refused(4, &["acme"]);
    // The keeper may begin the namespace anew; whoever installed from it before is told, and asked.
    keeper.run(&[&add[..], &["--anew"]].concat()).done();
    let two = signed(&keeper, "1.1.0", &one, "@second.key");
    keeper.publish(&two, &["--yes"]).done();
    let plan = user.run(&["plugin", "update", "--plan"]).done();
    assert!(plan.contains("keys are not those that this machine knows"), "{plan}");
    user.run(&["plugin", "update"]).refused(4, &["nobody is here"]);
}

#[test]
fn a_stolen_key_is_withdrawn_and_what_it_signs_from_then_on_counts_for_nobody() {
    let (keeper, one) = published();
    let stolen = keeper.run(&["--json", "registry", "publisher", "list", "@registry", "acme"]).json()[0]["keys"][0].clone();
    rekey(&keeper, &["--withdraw", stolen.as_str().unwrap()]).done();
    keeper.run(&["registry", "publisher", "add", "@registry", "@acme.json", "--keys", "@keys"]).done();
    let file = keeper.packed("1.1.0", Some(&one));
    keeper.run(&["plugin", "sign", &file]).done();
    keeper.publish(&file, &["--yes"]).refused(4, &["sign"]);
}
