//! Jobs from the command line to the answer in their session.

use crate::household::Household;
use serde_json::{Value, json};

#[test]
fn a_job_is_planned_runs_by_itself_and_is_removed() {
    let mut home = Household::new();
    home.install("provider-offline");
    home.start();
    home.until_model();

    assert!(home.run(&["schedule", "list"]).done().contains("skynet schedule add"));
    let added = home.run(&["--json", "schedule", "add", "hello", "hello", "--at", &now(), "-s", "jobs"]).json();
    let id = added["id"].as_str().unwrap().to_owned();
    let run = home.until("a run", |home| {
        let runs: Value = serde_json::from_str(&home.run(&["--json", "schedule", "runs", &id]).out).ok()?;
        runs.get(0).cloned()
    });
    assert_eq!((&run["status"], &run["sessionKey"]), (&json!("ok"), &json!("agent:main:jobs")));
    assert!(home.run(&["schedule", "runs"]).done().contains("done ("));
    assert!(!home.run(&["schedule", "list"]).done().contains(&id), "it is over");
    assert!(home.run(&["schedule", "list", "--all"]).done().contains("over"));

    home.run(&["schedule", "add", "beat", "Look.", "--every", "2h"]).done();
    home.run(&["schedule", "add", "news", "Read.", "--cron", "0 9 * * 1-5", "--zone", "Europe/Rome"]).done();
    let listed = home.run(&["schedule", "list"]).done();
    assert!(listed.contains("every 2h") && listed.contains("0 9 * * 1-5 Europe/Rome"), "{listed}");
    home.run(&["schedule", "add", "bad", "x", "--cron", "0 0 30 2 *"]).refused(4, &["would never come"]);
    home.run(&["schedule", "add", "bad", "x"]).refused(2, &["--every"]);

    home.kill();
    home.start();
    let kept: Value = home.run(&["--json", "schedule", "list"]).json();
    assert_eq!(kept.as_array().unwrap().len(), 2, "jobs outlive the host: {kept}");
    let runs = home.run(&["--json", "schedule", "runs", &id]).json();
    assert_eq!(runs.as_array().unwrap().len(), 1, "and none runs twice: {runs}");
    home.run(&["schedule", "remove", &id]).done();
    home.run(&["schedule", "remove", &id]).refused(5, &["schedule list"]);
    let rows = home.run(&["audit", "tail", "-n", "200", "--kind", "schedule"]).done();
    assert!(rows.contains(&id), "{rows}");
}

/// The present time, as `--at` takes it.
fn now() -> String {
    jiff::Timestamp::now().to_string()
}
