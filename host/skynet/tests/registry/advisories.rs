//! What was said of a release after it was installed: it ends, or warns, also offline.

use crate::keeper::{CLOCK, Keeper};
use skynet_policy::registry::advisories::AdvisoryKind;

#[test]
fn a_revoked_release_ends_where_it_serves_and_does_not_start_again_offline() {
    let mut keeper = Keeper::new();
    let bad = keeper.publish("1.0.0", "");
    keeper.install();
    keeper.home.start();
    keeper.serves("1.0.0");
    keeper.advise(AdvisoryKind::Revoked, &bad);
    keeper.home.run(&["plugin", "audit", "--offline"]).done();
    keeper.home.run(&["plugin", "audit"]).refused(4, &["must not run: acme/clock"]);
    let line = keeper.home.until_state(CLOCK, "refused");
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.contains("sends mail to strangers") && reason.contains("skynet plugin update"), "{reason}");
    keeper.home.terminate();

    // The registry is gone; what was heard stays.
    std::fs::rename(keeper.path("registry"), keeper.path("gone")).unwrap();
    keeper.home.start();
    keeper.home.until_state("acme--clock.wasm", "refused");
    keeper.home.run(&["plugin", "audit", "--offline"]).refused(4, &["must not run"]);
    std::fs::rename(keeper.path("gone"), keeper.path("registry")).unwrap();

    keeper.publish("1.0.1", "");
    keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done();
    keeper.serves("1.0.1");
    // And there is no way back to it.
    keeper.home.run(&["plugin", "rollback", CLOCK]).refused(5, &["Kept are: none"]);
    keeper.serves("1.0.1");
}

#[test]
fn a_flaw_is_a_warning_and_a_yanked_release_is_not_installed_any_more() {
    let mut keeper = Keeper::new();
    let flawed = keeper.publish("1.0.0", "");
    keeper.install();
    keeper.home.start();
    keeper.serves("1.0.0");
    keeper.advise(AdvisoryKind::Vulnerable, &flawed);
    let audit = keeper.home.run(&["plugin", "audit"]).done();
    assert!(audit.contains("sends mail to strangers"), "{audit}");
    keeper.home.until("a note", |home| home.plugin(CLOCK)?["note"].as_str().filter(|note| note.contains("sends mail")).map(drop));
    keeper.serves("1.0.0");

    let yanked = keeper.publish("1.1.0", "");
    keeper.advise(AdvisoryKind::Yanked, &yanked);
    assert!(keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done().contains("nothing newer"));
    keeper.home.run(&["plugin", "install", "acme/clock@1.1.0", "--yes", "--unseen"]).refused(4, &["yanked", "Choose another version"]);
    keeper.serves("1.0.0");
    let found = keeper.home.run(&["--json", "plugin", "search", "clock"]).json();
    assert_eq!(found[0]["version"], "1.0.0", "what cannot be installed is not shown as what there is: {found}");

    // Who goes back to the flawed one is told.
    keeper.publish("1.2.0", "");
    keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done();
    let back = keeper.home.run(&["plugin", "rollback", CLOCK]).done();
    assert!(back.contains("1.0.0 is vulnerable") && back.contains("sends mail to strangers"), "{back}");
}

#[test]
fn a_plugin_of_which_all_is_withdrawn_is_listed_as_not_to_be_had() {
    let keeper = Keeper::new();
    let only = keeper.publish("1.0.0", "");
    keeper.advise(AdvisoryKind::Revoked, &only);
    assert!(keeper.home.run(&["plugin", "search", "clock"]).done().contains("none to be had"));
    assert!(keeper.home.run(&["--json", "plugin", "search", "clock"]).json()[0]["version"].is_null());
}

#[test]
fn who_cannot_read_what_was_revoked_does_not_run_as_if_nothing_were() {
    let mut keeper = Keeper::new();
    keeper.publish("1.0.0", "");
    keeper.install();
    for file in std::fs::read_dir(keeper.home.home().join("registries/known")).unwrap().flatten() {
        if file.metadata().unwrap().len() > 0 {
            std::fs::write(file.path(), "rubbish").unwrap();
        }
    }
    keeper.home.start();
    let line = keeper.home.until_state("acme--clock.wasm", "refused");
    assert!(line["reason"].as_str().unwrap().contains("registry reset main"), "{line}");
    keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).refused(4, &["registry reset main"]);
    keeper.home.run(&["registry", "reset", "main", "--root", &keeper.root()]).done();
    keeper.home.run(&["plugin", "audit"]).done();
    keeper.serves("1.0.0");
}
