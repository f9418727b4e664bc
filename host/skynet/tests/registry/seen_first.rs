//! What a review finds is seen before the yes, and keeps out only what a policy names.

use crate::household::Household;
use crate::keeper::{CLOCK, Keeper, NET};
use jiff::Timestamp;
use serde_json::Value;

/// The rule that speaks against a permission that the component never uses.
const RULE: &str = "permission-unused";

fn install(keeper: &Keeper, more: &[&str]) -> crate::household::Said {
    keeper.home.run(&[&["plugin", "install", CLOCK], more].concat())
}

#[test]
fn findings_stand_beside_what_is_asked_for_before_anybody_agrees() {
    let keeper = Keeper::new();
    let digest = keeper.publish("1.0.0", NET);
    // Nobody is there to agree, and yet everything was shown.
    let said = install(&keeper, &[]);
    assert!(said.out.contains("asks: ") && said.out.contains("finding:") && said.out.contains(RULE), "{}", said.out);
    assert!(said.out.find(RULE) < said.out.find(&digest), "findings come ahead of the release that is agreed to");
    said.refused(4, &["nothing was changed", &digest]);

    let plan = install(&keeper, &["--plan"]).done();
    assert!(plan.contains(RULE) && plan.contains("a review of it found"), "{plan}");
    let plan: Value = keeper.home.run(&["--json", "plugin", "install", CLOCK, "--plan"]).json();
    let findings = plan["plan"][0]["findings"]["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["rule"] == RULE && finding["severity"] == "medium"), "{plan}");
    assert_eq!((keeper.locked(), keeper.in_folder()), (None, None));

    // What was looked at is what is installed: it is not fetched again.
    keeper.server.heard("");
    install(&keeper, &["--yes", "--release", &digest]).done();
    assert!(keeper.server.heard("blobs/").is_empty());
    assert_eq!(keeper.locked().as_deref(), Some("1.0.0"));
}

#[test]
fn only_a_policy_keeps_out_and_somebody_who_looked_lets_in() {
    let keeper = Keeper::new();
    keeper.publish("1.0.0", NET);
    let strict = ["--yes", "--unseen", "--block-from", "medium"];
    install(&keeper, &strict).refused(4, &["does not pass the review", RULE, "--allow"]);
    install(&keeper, &["--plan", "--block", RULE]).refused(4, &["does not pass the review"]);
    install(&keeper, &["--yes", "--unseen", "--block", "permision-unused"]).refused(4, &["no rule `permision-unused`"]);
    assert_eq!((keeper.locked(), keeper.in_folder()), (None, None));
    install(&keeper, &[&strict[..], &["--allow", RULE]].concat()).done();

    // An update is looked through like an installation.
    keeper.publish("1.1.0", NET);
    let plan = keeper.home.run(&["--json", "plugin", "update", "--plan"]).json();
    assert!(plan["plan"][0]["findings"]["findings"].as_array().is_some_and(|findings| !findings.is_empty()), "{plan}");
    keeper.home.run(&["plugin", "update", "--yes", "--unseen", "--block", RULE]).refused(4, &["1.1.0 does not pass the review"]);
    assert_eq!(keeper.locked().as_deref(), Some("1.0.0"));
    keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done();
    assert_eq!(keeper.locked().as_deref(), Some("1.1.0"));
}

#[test]
fn a_name_a_slip_away_from_another_is_said_before_anybody_agrees() {
    let keeper = Keeper::new();
    keeper.publisher_at("zeta", 2, Timestamp::now());
    keeper.publish_first("acme/weather", "1.0.0", "", 1);
    keeper.publish_first("zeta/wheather", "1.0.0", "", 2);
    let user = Household::new();
    let add = ["registry", "add", &keeper.server.url(), "--name", "main", "--root", &keeper.root(), "--namespace", "acme"];
    user.run(&[&add[..], &["--namespace", "zeta"]].concat()).done();
    let plan = user.run(&["plugin", "install", "zeta/wheather", "--plan"]).done();
    assert!(plan.contains("near-another") && plan.contains("acme/weather"), "{plan}");
    let blocked = ["plugin", "install", "zeta/wheather", "--yes", "--unseen", "--block", "near-another"];
    user.run(&blocked).refused(4, &["does not pass the review", "near-another"]);
    // Whoever looked and took it is not told again.
    user.run(&["plugin", "install", "zeta/wheather", "--yes", "--unseen"]).done();
    let again = user.run(&["plugin", "install", "--locked", "--plan"]).done();
    assert!(again.contains("zeta/wheather") && !again.contains("near-another"), "{again}");
}
