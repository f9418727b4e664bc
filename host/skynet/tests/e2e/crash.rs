//! kill -9 at any time leaves the old or the new, never neither.

use crate::household::Household;

#[test]
fn what_was_answered_is_still_there_after_kill_9() {
    let mut home = Household::compiling();
    for plugin in ["provider-offline", "tool-time"] {
        home.install(plugin);
    }
    home.start();
    home.until_state("skynet/tool-time", "serving");
    home.until_model();
    for round in 0..3 {
        home.run(&["chat", "-s", "crash", &format!("hello {round}")]).done();
        home.kill();
        home.start();
        // The last good set serves at once.
        let line = home.plugin("skynet/tool-time").expect("known at once");
        assert_eq!(line["state"], "serving", "{line}");
        home.until_model();
    }
    let doctor = home.run(&["--json", "doctor"]).json();
    assert_eq!(doctor["wrong"], 0, "{doctor}");
}

#[test]
fn a_host_killed_while_plugins_arrive_serves_them_after_the_next_start() {
    let mut home = Household::compiling();
    home.start();
    for plugin in ["provider-offline", "tool-time"] {
        home.install(plugin);
    }
    home.kill();
    home.start();
    home.until_state("skynet/tool-time", "serving");
    home.until_state("skynet/provider-offline", "serving");
}
