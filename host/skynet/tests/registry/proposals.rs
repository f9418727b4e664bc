//! "Install the clock" in a chat: looked for and proposed by a tool, installed by the owner's
//! code, and by nothing else.

use crate::keeper::{CLOCK, Keeper, NET, key};
use skynet_policy::registry::advisories::AdvisoryKind;

pub(crate) fn asking() -> (Keeper, String) {
    let mut keeper = Keeper::new();
    let digest = keeper.publish("1.0.0", NET);
    keeper.home.install("provider-offline");
    keeper.home.install("tool-plugins");
    keeper.home.start();
    keeper.home.until_model();
    keeper.home.until_state("skynet/tool-plugins", "pending");
    keeper.home.run(&["plugin", "grant", "skynet/tool-plugins", "--yes"]).done();
    keeper.home.until_state("skynet/tool-plugins", "serving");
    (keeper, digest)
}

pub(crate) fn tool(keeper: &Keeper, call: &str) -> String {
    keeper.home.run(&["chat", &format!("/tool {call}")]).done()
}

/// Its id, and a code for it.
pub(crate) fn waiting(keeper: &Keeper) -> (String, String) {
    let list = keeper.home.run(&["--json", "proposals", "list"]).json();
    let id = list[0]["id"].as_str().expect("one that waits").to_owned();
    let shown = keeper.home.run(&["--json", "proposals", "show", &id]).json();
    (id, shown["code"].as_str().expect("a code").to_owned())
}

#[test]
fn a_plugin_that_the_model_asks_for_comes_with_the_owners_code_and_its_grant() {
    let (keeper, digest) = asking();
    assert!(tool(&keeper, r#"plugin_search {"query":"time"}"#).contains("acme/clock 1.0.0 (main): Tells the time."));
    let said = tool(&keeper, r#"plugin_install {"id":"acme/clock"}"#);
    assert!(said.contains("not installed") && said.contains("time.example.org"), "{said}");
    let (id, code) = waiting(&keeper);
    assert_eq!((keeper.locked(), keeper.in_folder()), (None, None), "a proposal changes nothing");
    let shown = keeper.home.run(&["proposals", "show", &id]).done();
    assert!(shown.contains("from the registry main") && shown.contains(&digest) && shown.contains("time.example.org"), "{shown}");
    let (_, newer) = waiting(&keeper);
    keeper.home.run(&["proposals", "approve", &id, &code]).refused(4, &["not the code"]);
    assert_eq!(keeper.in_folder(), None);
    let code = newer;
    keeper.home.run(&["proposals", "approve", &id, &code]).done();
    keeper.serves("1.0.0");
    assert_eq!(keeper.locked().as_deref(), Some("1.0.0"));
    assert!(keeper.home.run(&["plugin", "grants", CLOCK]).done().contains("time.example.org"));
    assert!(tool(&keeper, "clock__now {}").contains("gave"));
    assert!(tool(&keeper, r#"plugin_install {"id":"acme/clock"}"#).contains("installed already"));
    let rows = keeper.home.run(&["audit", "tail", "-n", "100"]).done();
    assert!(rows.contains("plugin.install") && rows.contains("proposal"), "{rows}");
    keeper.home.run(&["audit", "verify"]).done();
}

#[test]
fn what_was_revoked_between_the_proposal_and_the_yes_is_not_installed() {
    let (keeper, digest) = asking();
    tool(&keeper, r#"plugin_install {"id":"acme/clock","version":"1.0.0"}"#);
    let (id, code) = waiting(&keeper);
    keeper.advise(AdvisoryKind::Revoked, &digest);
    keeper.home.run(&["proposals", "approve", &id, &code]).refused(4, &["as it was proposed"]);
    assert_eq!((keeper.locked(), keeper.in_folder()), (None, None));
    let said = tool(&keeper, r#"plugin_install {"id":"acme/other"}"#);
    assert!(said.contains("did not work") && said.contains("acme/other"), "{said}");
}

#[test]
fn a_key_that_joined_since_the_owner_looked_has_to_be_shown_first() {
    let (keeper, _) = asking();
    tool(&keeper, r#"plugin_install {"id":"acme/clock"}"#);
    let (id, code) = waiting(&keeper);
    keeper.joined_by(9);
    let new = key(9).public().key_id().to_string();
    keeper.home.run(&["proposals", "approve", &id, &code]).refused(4, &["proposed again", &new, "may sign for acme"]);
    assert_eq!((keeper.locked(), keeper.in_folder()), (None, None));
    assert!(!keeper.home.run(&["key", "list"]).done().contains(&new));
    // Proposed again it says so, and a yes to that counts.
    tool(&keeper, r#"plugin_install {"id":"acme/clock"}"#);
    let (id, _) = waiting(&keeper);
    assert!(keeper.home.run(&["proposals", "show", &id]).done().contains(&new));
    let (_, code) = waiting(&keeper);
    keeper.home.run(&["proposals", "approve", &id, &code]).done();
    keeper.serves("1.0.0");
    assert!(keeper.home.run(&["key", "list"]).done().contains(&new));
}

#[test]
fn an_approved_upgrade_that_does_not_serve_leaves_the_version_before_it_and_its_grant() {
    let (keeper, _) = asking();
    keeper.install();
    keeper.serves("1.0.0");
    keeper.publish("1.1.0", "\n[permissions]\nnet = [{ url = \"https://more.example.org\", methods = [\"GET\"] }]\n");
    keeper.home.run(&["plugin", "disable", CLOCK]).done();
    let state = || (keeper.locked(), keeper.in_folder(), keeper.home.run(&["--json", "plugin", "grants", CLOCK]).done());
    let before = state();
    tool(&keeper, r#"plugin_install {"id":"acme/clock"}"#);
    let (id, code) = waiting(&keeper);
    let said = keeper.home.run(&["proposals", "approve", &id, &code]);
    assert!(said.code != 0 && said.err.contains("could not be installed"), "{}", said.err);
    assert_eq!(state(), before);
    assert!(!keeper.home.home().join("registries/before.json").exists());
    let rows = keeper.home.run(&["audit", "tail", "-n", "100"]).done();
    assert!(rows.contains("plugin.update") && rows.contains("plugin.rollback"), "{rows}");
}
