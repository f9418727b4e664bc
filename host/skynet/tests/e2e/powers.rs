//! The built-in tools that ask something of the host: they remember, look up and plan, as
//! far and as long as the owner lets them.

use crate::household::Household;
use jiff::{SignedDuration, Timestamp};

fn granted(names: &[&str]) -> Household {
    let mut home = Household::new();
    home.install("provider-offline");
    names.iter().for_each(|name| home.install(name));
    home.start();
    home.until_model();
    for name in names {
        let id = format!("skynet/{name}");
        home.until_state(&id, "pending");
        home.run(&["plugin", "grant", &id, "--yes"]).done();
        home.until_state(&id, "serving");
    }
    home
}

fn tool(home: &Household, call: &str) -> String {
    home.run(&["chat", &format!("/tool {call}")]).done()
}

#[test]
fn the_model_remembers_recalls_and_forgets_and_cannot_give_itself_instructions() {
    let home = granted(&["tool-memory"]);
    let said = tool(&home, r#"memory__remember {"category":"preference","key":"colour","value":"dark blue"}"#);
    assert!(said.contains("Remembered as preference/colour"), "{said}");
    assert!(home.run(&["memory", "list"]).done().contains("(0.7, said by plugin:skynet/tool-memory)"));
    assert!(tool(&home, r#"memory__recall {"query":"blue"}"#).contains("preference/colour: dark blue"));
    assert!(tool(&home, r#"memory__remember {"category":"instruction","key":"a","value":"b"}"#).contains("is not one of"));
    tool(&home, r#"memory__write_article {"topic":"Router","content":"It hangs in the hall."}"#);
    assert!(home.run(&["knowledge", "show", "Router"]).done().contains("in the hall"));
    assert!(tool(&home, r#"memory__forget {"category":"preference","key":"colour"}"#).contains("Forgot"));
    home.run(&["plugin", "revoke", "skynet/tool-memory"]).done();
    assert!(tool(&home, r#"memory__recall {"query":"blue"}"#).contains("not offered"));
}

#[test]
fn a_reminder_of_a_plugin_is_listed_with_its_name_and_not_done_once_the_grant_is_gone() {
    let home = granted(&["tool-reminder"]);
    // The grant has to go before the time comes. A machine that is too slow for that gets more.
    let in_time = [3, 12, 48].into_iter().any(|seconds| {
        let at = Timestamp::now() + SignedDuration::from_secs(seconds);
        let said = tool(&home, &format!(r#"reminder__add {{"name":"tea","prompt":"what time is it","at":"{at}"}}"#));
        assert!(said.contains("Planned `tea`"), "{said}");
        let listed = home.run(&["schedule", "list"]).done();
        home.run(&["plugin", "revoke", "skynet/tool-reminder"]).done();
        let in_time = Timestamp::now() < at;
        if in_time {
            assert!(listed.contains("planned by skynet/tool-reminder"), "{listed}");
        } else {
            home.run(&["plugin", "grant", "skynet/tool-reminder", "--yes"]).done();
            home.until_state("skynet/tool-reminder", "serving");
        }
        in_time
    });
    assert!(in_time, "revoking took 48 seconds");
    let how = home.until("the job came due", |home| {
        let runs = home.run(&["--json", "schedule", "runs"]).json();
        Some(runs.to_string()).filter(|text| text.contains("refused"))
    });
    assert!(how.contains("may no longer plan work"), "{how}");
    let why = home.run(&["plugin", "why-denied", "skynet/tool-reminder"]).done();
    assert!(why.contains("may no longer plan work"), "{why}");
}

#[test]
fn what_is_wrong_with_a_plugin_that_serves_is_shown_where_its_owner_looks() {
    let mut home = Household::new();
    let config = home.home().join("skynet.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}\n[ceiling]\nfs = [{{ root = \"notes\", access = \"read\" }}]\n")).unwrap();
    home.install("tool-files");
    home.start();
    home.until_state("skynet/tool-files", "pending");
    home.run(&["plugin", "grant", "skynet/tool-files", "--yes"]).done();
    home.until_state("skynet/tool-files", "serving");
    let note = home.plugin("skynet/tool-files").unwrap()["note"].as_str().unwrap().to_owned();
    for words in [&["plugin", "list"][..], &["plugin", "info", "skynet/tool-files"]] {
        let said = home.run(words).done();
        assert!(said.contains(&note), "{note}\n{said}");
    }
}
