//! A newer release comes: what changes is shown, what grows is asked, what was can come back.

use crate::keeper::{CLOCK, Keeper, NET, days_ago};
use serde_json::Value;

#[test]
fn an_update_that_asks_for_more_is_shown_waits_for_a_word_and_can_be_taken_back() {
    let keeper = Keeper::serving("1.0.0");
    let before = keeper.in_folder();

    let digest = keeper.publish("1.1.0", NET);
    let outdated = keeper.home.run(&["plugin", "outdated"]).done();
    for word in ["update 1.0.0 → 1.1.0", "time.example.org", "asks you, because it asks for more"] {
        assert!(outdated.contains(word), "`{word}` is not in: {outdated}");
    }
    let status = keeper.home.run(&["status"]).done();
    assert!(status.contains("acme/clock 1.0.0 → 1.1.0, asks for more"), "{status}");
    let status: Value = keeper.home.run(&["--json", "status"]).json();
    assert_eq!(status["updates"][0]["release"], digest.as_str());

    keeper.home.run(&["plugin", "update"]).refused(4, &["nobody is here", &digest]);
    keeper.serves("1.0.0");
    assert_eq!(keeper.in_folder(), before);

    assert!(keeper.home.run(&["plugin", "update", "--yes", "--release", &digest]).done().contains("1.1.0 serves"));
    assert!(!keeper.home.run(&["status"]).done().contains("update "), "what was installed is no news");

    let back = keeper.home.run(&["plugin", "rollback", CLOCK]).done();
    assert!(back.contains("goes back to 1.0.0"), "{back}");
    keeper.serves("1.0.0");
    assert_eq!((keeper.in_folder(), keeper.locked().as_deref()), (before, Some("1.0.0")));

    // Going back pins, so that the next update does not bring it again.
    assert!(keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done().contains("nothing newer"));
    keeper.home.run(&["plugin", "update", CLOCK, "--yes", "--unseen"]).refused(4, &["pinned", "unpin"]);
    keeper.home.run(&["plugin", "unpin", CLOCK]).done();
    keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done();
    keeper.serves("1.1.0");
    keeper.home.run(&["plugin", "pin", CLOCK]).done();
    keeper.publish("1.2.0", NET);
    assert!(keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done().contains("pinned"));
    let known = keeper.home.run(&["--json", "plugin", "outdated"]).json();
    assert_eq!((&known["pinned"][0]["at"], &known["pinned"][0]["to"]), (&"1.1.0".into(), &"1.2.0".into()), "{known}");
    let said = keeper.home.run(&["plugin", "outdated"]).done();
    assert!(said.contains("1.1.0 is pinned, and 1.2.0 is listed") && !said.contains("nothing newer"), "{said}");
}

#[test]
fn without_a_host_an_update_and_the_way_back_hold_after_the_next_start() {
    let mut keeper = Keeper::serving("1.0.0");
    keeper.home.terminate();
    keeper.publish("2.0.0", NET);
    keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done();
    keeper.home.start();
    keeper.serves("2.0.0");
    keeper.home.terminate();
    keeper.home.run(&["plugin", "rollback", CLOCK, "--to", "1.0.0"]).done();
    keeper.home.run(&["plugin", "rollback", CLOCK, "--to", "9.0.0"]).refused(5, &["Kept are: 2.0.0"]);
    keeper.home.start();
    keeper.serves("1.0.0");
}

#[test]
fn an_older_release_by_its_version_is_said_to_go_back_and_does() {
    let mut keeper = Keeper::new();
    keeper.publish_at("1.0.0", "", days_ago(3));
    keeper.publish("2.0.0", "");
    keeper.install();
    keeper.home.start();
    keeper.serves("2.0.0");
    let plan = keeper.home.run(&["plugin", "install", "acme/clock@1.0.0", "--plan"]).done();
    assert!(plan.contains("go back 2.0.0 → 1.0.0") && plan.contains("it is older"), "{plan}");
    keeper.home.run(&["plugin", "install", "acme/clock@1.0.0", "--yes", "--unseen"]).done();
    keeper.serves("1.0.0");
}

#[test]
fn the_host_finds_updates_by_itself_and_installs_only_what_needs_no_word() {
    let mut keeper = Keeper::since(days_ago(5));
    keeper.publish_at("1.0.0", "", days_ago(5));
    keeper.publish_at("1.1.0", "", days_ago(4));
    keeper.refresh();
    keeper.home.run(&["plugin", "install", "acme/clock@1.0.0", "--yes", "--unseen"]).done();
    keeper.home.run(&["config", "set", "registries.check", "true"]).done();
    keeper.home.start();
    let found = |home: &crate::household::Household| {
        let status: Value = serde_json::from_str(&home.run(&["--json", "status"]).out).ok()?;
        status["updates"].as_array()?.first().cloned()
    };
    let update = keeper.home.until("an update that is known", found);
    assert_eq!((update["to"].as_str(), update["reasons"].as_array().map(Vec::len)), (Some("1.1.0"), Some(0)));
    assert_eq!(keeper.locked().as_deref(), Some("1.0.0"), "nothing goes by itself unless its owner says so");
    keeper.home.terminate();

    keeper.home.run(&["config", "set", "registries.auto_update", "true"]).done();
    keeper.home.start();
    keeper.serves("1.1.0");
    assert_eq!(keeper.locked().as_deref(), Some("1.1.0"));
    let rows = keeper.home.run(&["audit", "tail", "-n", "40", "--kind", "plugin.update"]).done();
    assert!(rows.contains("host (auto_update)"), "{rows}");
    keeper.home.terminate();

    // One that asks for more waits, however long it was listed.
    keeper.publish_at("1.2.0", NET, days_ago(4));
    keeper.refresh();
    keeper.home.start();
    let update = keeper.home.until("an update that waits", found);
    assert!(update["widens"].as_array().is_some_and(|widens| !widens.is_empty()), "{update}");
    assert_eq!(keeper.locked().as_deref(), Some("1.1.0"));
    keeper.serves("1.1.0");
}
