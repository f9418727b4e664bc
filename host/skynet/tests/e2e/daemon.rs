//! Background running: second start refused, SIGTERM drains, status tells.

use crate::household::Household;

#[test]
fn a_second_host_on_the_same_folder_is_refused_with_the_process_that_holds_it() {
    let mut home = Household::new();
    home.start();
    home.run(&["start"]).refused(4, &["already runs", "process", "skynet daemon stop"]);
    assert_eq!(home.terminate(), 0, "SIGTERM is a clean end");
    home.run(&["status"]).refused(3, &["skynet daemon start"]);
}

#[test]
fn the_daemon_starts_once_restarts_and_stops() {
    let home = Household::new();
    let first = home.run(&["--json", "daemon", "start"]).json();
    assert_eq!(first["started"], true);
    let again = home.run(&["--json", "daemon", "start"]).json();
    assert_eq!((&again["started"], &again["pid"]), (&false.into(), &first["pid"]));
    let restarted = home.run(&["daemon", "restart"]).done();
    assert!(restarted.contains("stopped") && restarted.contains("runs"), "{restarted}");
    assert_eq!(home.run(&["--json", "daemon", "status"]).json()["running"], true);
    home.run(&["daemon", "stop"]).done();
    home.run(&["daemon", "stop"]).done();
    home.run(&["daemon", "status"]).refused(3, &["not running"]);
}

#[test]
fn a_daemon_that_cannot_start_says_why() {
    let home = Household::new();
    std::fs::write(home.home().join("skynet.toml"), "[gateway]\nprot = 1\n").unwrap();
    home.run(&["daemon", "start"]).refused(78, &["skynet.toml", "prot"]);
}

#[test]
fn the_daemon_starts_on_the_folder_that_was_named_not_on_the_one_of_the_environment() {
    let (named, elsewhere) = (Household::new(), Household::new());
    let said = named
        .command(&["--home", named.home().to_str().unwrap(), "--json", "daemon", "start"])
        .env("SKYNET_HOME", elsewhere.home())
        .output();
    let said: crate::household::Said = said.unwrap().into();
    assert_eq!(said.json()["started"], true);
    elsewhere.run(&["daemon", "status"]).refused(3, &["not running"]);
    named.run(&["daemon", "stop"]).done();
}

#[test]
fn a_daemon_that_dies_at_once_ends_the_command_with_its_own_word_and_exit_code() {
    let home = Household::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    home.run(&["config", "set", "gateway.port", &port]).done();
    // A host that was waited for in vain would be 3.
    home.run(&["daemon", "start"]).refused(1, &["ended before it was ready", &port]);
    home.run(&["config", "set", "gateway.port", "0"]).done();
    let token = home.home().join("owner.token");
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    home.run(&["daemon", "start"]).refused(78, &["owner.token"]);
}
