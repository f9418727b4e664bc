//! What a person teaches stays, is found, and goes when it is told to.

use crate::household::Household;
use serde_json::json;

#[test]
fn a_fact_and_an_article_survive_restarts_and_are_forgotten_on_demand() {
    let mut home = Household::new();
    home.run(&["memory", "list"]).refused(3, &["skynet daemon start"]);
    home.start();
    assert!(home.run(&["memory", "list"]).done().contains("skynet memory learn"));
    home.run(&["memory", "learn", "preference", "drink", "green tea, no sugar"]).done();
    home.run_with(&["knowledge", "write", "deploy", "--tag", "ops", "--tag", "b"], "# How\n\tPush\u{1b}[31m, wait.\n").done();
    home.kill();
    home.start();
    let facts = home.run(&["--json", "memory", "search", "green", "te"]).json();
    assert_eq!((&facts[0]["key"], &facts[0]["value"]), (&json!("drink"), &json!("green tea, no sugar")));
    assert_eq!((&facts[0]["confidence"], &facts[0]["source"], &facts[1]), (&json!(1.0), &json!("user"), &json!(null)));
    assert_eq!(home.terminate(), 0);
    home.start();
    assert!(home.run(&["memory", "list"]).done().starts_with("preference/drink  green tea, no sugar"));
    assert!(home.run(&["memory", "search", "value:green", "OR", "x"]).done().contains("nothing that is remembered"));
    assert_eq!(home.run(&["knowledge", "search", "push"]).done(), "deploy  [ops, b] written by user\n");
    assert_eq!(home.run(&["knowledge", "list"]).done(), "deploy  [ops, b] written by user\n");
    assert_eq!(home.run(&["knowledge", "show", "deploy"]).done(), "# How\n\tPush[31m, wait.\n", "nothing drives the terminal");
    let whole = home.run(&["--json", "knowledge", "show", "deploy"]).json();
    assert_eq!(whole["content"], "# How\n\tPush\u{1b}[31m, wait.\n");
    home.run(&["memory", "forget", "preference", "drink"]).done();
    home.run(&["knowledge", "delete", "deploy"]).done();
    assert_eq!(home.run(&["--json", "memory", "list"]).json(), json!([]));
    assert_eq!(home.run(&["--json", "knowledge", "list"]).json(), json!([]));
    let audit = home.run(&["audit", "tail", "-n", "100"]).done();
    assert!(audit.contains("preference/drink") && audit.contains("deploy"), "{audit}");
    let export = home.run(&["audit", "export"]).done();
    assert!(!export.contains("green tea") && !export.contains("wait."), "values are not in the log");
}

#[test]
fn what_cannot_be_kept_is_refused_with_its_reason() {
    let mut home = Household::new();
    home.start();
    home.run(&["memory", "learn", "Fact", "k", "v"]).refused(4, &["a category is"]);
    home.run(&["memory", "learn", "fact", "k"]).refused(2, &["<VALUE>"]);
    home.run(&["memory", "learn", "fact", "k", "sure"]).done();
    home.run(&["memory", "learn", "fact", "k", "guess", "--confidence", "0.5"]).refused(4, &["surer", "--confidence"]);
    assert!(home.run(&["memory", "list"]).done().contains("sure"));
    home.run(&["memory", "forget", "fact", "other"]).refused(5, &["fact/other"]);
    home.run(&["knowledge", "show", "nothing"]).refused(5, &["there is no article nothing"]);
    home.run(&["knowledge", "delete", "nothing"]).refused(5, &["there is no article nothing"]);
    home.run(&["knowledge", "write", "empty"]).refused(4, &["an article has"]);
    home.run_with(&["knowledge", "write", "large"], &"x".repeat(64 * 1024 + 1)).refused(4, &["more than 65536 bytes"]);
    home.run(&["knowledge", "write", "a", "--file", "/no/such/file"]).refused(5, &["/no/such/file"]);
}
