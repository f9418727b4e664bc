//! The second wall around the running product: every thread is behind it, doctor
//! and status tell its layers, and what the host needs goes on.

use crate::household::Household;
use serde_json::Value;
use std::fs;

fn wall(home: &Household) -> Vec<(String, String, String)> {
    let doctor: Value = serde_json::from_str(&home.run(&["--json", "doctor"]).out).unwrap();
    let findings = doctor["findings"].as_array().unwrap().iter().filter(|finding| finding["check"] == "wall");
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    findings.map(|finding| (text(finding, "grade"), text(finding, "finding"), text(finding, "remedy"))).collect()
}

#[track_caller]
fn check(home: &Household, finding: &str, grade: &str, remedy: &str) {
    let wall = wall(home);
    let found = wall.iter().find(|(_, text, _)| text.starts_with(finding));
    assert!(found.is_some_and(|(found, _, way)| found == grade && way.contains(remedy)), "{finding}: {wall:?}");
}

#[test]
fn every_thread_of_the_host_is_behind_the_wall() {
    let mut home = Household::new();
    check(&home, "no new privileges, landlock, seccomp, no core dumps: unknown", "note", "skynet daemon start");
    home.install("tool-time");
    home.start();
    // It was compiled by a child of the confined host.
    home.until_state("skynet/tool-time", "serving");
    let status = home.run(&["--json", "status"]).json();
    let pid = status["pid"].as_u64().unwrap();
    let tasks: Vec<_> = fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(|task| task.unwrap().path()).collect();
    assert!(tasks.len() > 2, "{tasks:?}");
    for task in tasks {
        let said = fs::read_to_string(task.join("status")).unwrap();
        assert!(said.contains("NoNewPrivs:\t1\n") && said.contains("Seccomp:\t2\n"), "{said}");
    }
    for layer in ["no new privileges: on", "landlock: on", "seccomp: on", "no core dumps: on"] {
        check(&home, layer, "good", "");
    }
    assert_eq!(status["wall"]["landlock"]["state"], "on", "{status}");
    assert!(home.run(&["status"]).done().contains("wall     no new privileges on, landlock on, seccomp on, no core dumps on"));
    // Its memory belongs to nobody but root from now on.
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(format!("/proc/{pid}/mem")).unwrap());
    assert_eq!(owner, 0);
    assert_eq!(home.terminate(), 0);
}

#[test]
fn a_layer_that_the_owner_switched_off_is_shown_off_with_its_remedy() {
    let mut home = Household::new();
    home.run(&["config", "set", "wall.landlock", "off"]).done();
    home.run(&["config", "set", "wall.seccomp", "off"]).done();
    home.run(&["config", "set", "wall.seccomp", "perhaps"]).refused(78, &["wall.seccomp", "on"]);
    home.start();
    check(&home, "landlock: OFF", "note", "skynet config set wall.landlock on && skynet daemon restart");
    check(&home, "seccomp: OFF", "note", "skynet config set wall.seccomp on && skynet daemon restart");
    check(&home, "no new privileges: on", "good", "");
    assert!(home.run(&["status"]).done().contains("landlock OFF, seccomp OFF"));
}

#[test]
fn a_named_root_elsewhere_is_inside_the_wall_and_a_later_one_after_a_restart() {
    let mut home = Household::new();
    let elsewhere = home.home().join("../elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("list.md"), "buy milk").unwrap();
    let root = format!("{{ path = {:?} }}", elsewhere.canonicalize().unwrap());
    for plugin in ["provider-offline", "tool-files"] {
        home.install(plugin);
    }
    home.start();
    home.until_state("skynet/tool-files", "pending");
    home.run(&["plugin", "grant", "--yes", "skynet/tool-files"]).done();
    home.run(&["config", "set", "roots.notes", &root]).done();
    check(&home, "the folder of root `notes` is new since the host started", "note", "skynet daemon restart");
    assert_eq!(home.terminate(), 0);

    home.start();
    home.until_model();
    assert!(wall(&home).iter().all(|(grade, ..)| grade == "good"), "{:?}", wall(&home));
    home.until_state("skynet/tool-files", "serving");
    assert!(home.run(&["chat", "/tool files__read {\"path\":\"notes/list.md\"}"]).done().contains("buy milk"));
}
