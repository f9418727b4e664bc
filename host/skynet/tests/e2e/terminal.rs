//! A shell as a model has it: asked for by a tool call, one for each conversation, gone when its owner says so.

use crate::household::Household;
use serde_json::{Value, json};
use std::thread::JoinHandle;

/// A host with the granted tool; none, with the reason in print, where this machine cannot confine scripts.
fn host() -> Option<Household> {
    let mut home = Household::new();
    home.install("provider-offline");
    home.install("tool-terminal");
    home.start();
    home.until_model();
    let scripts = home.run(&["--json", "status"]).json()["scripts"]["scripts"].clone();
    if scripts["state"] == "off" {
        eprintln!("not tested here: {}", scripts["says"]);
        return None;
    }
    home.until_state("skynet/tool-terminal", "pending");
    Some(home)
}

fn grant(home: &Household) {
    home.run(&["plugin", "grant", "skynet/tool-terminal", "--yes"]).done();
    home.until_state("skynet/tool-terminal", "serving");
}

fn tool(home: &Household, session: &str, name: &str, arguments: &Value) -> String {
    home.run(&["chat", "--session", session, &format!("/tool terminal__{name} {arguments}")]).done()
}

fn command(home: &Household, session: &str, text: &str) -> String {
    tool(home, session, "run", &json!({ "command": text }))
}

#[test]
fn a_model_runs_commands_in_a_shell_of_its_conversation_once_its_owner_allows_that() {
    let Some(home) = host() else { return };
    assert!(command(&home, "main", "echo hello").contains("not offered"));
    let shown = home.run(&["plugin", "grant", "skynet/tool-terminal"]);
    assert!(shown.out.contains("RUN ANY COMMAND in a shell"), "{}", shown.out);
    shown.refused(4, &["nothing was granted"]);
    grant(&home);

    let said = command(&home, "main", "echo hello; mood=good; cd /usr; (exit 3)");
    assert!(said.contains("hello") && said.contains("[exit code 3]") && said.contains("[advice: unremarked]"), "{said}");
    let said = command(&home, "main", "echo \"<$mood>\"; pwd");
    assert!(said.contains("<good>") && said.contains("/usr"), "{said}");
    // Another conversation has another shell.
    let said = command(&home, "other", "echo \"<$mood>\"");
    assert!(said.contains("<>"), "{said}");

    // Its folders, and no others; no secrets of the host's.
    let workspace = home.home().join("workspace");
    let said = command(&home, "main", &format!("echo made > ~/workspace/file && env && cat {}/owner.token", home.home().display()));
    let own = said.lines().filter(|line| line.contains("SKYNET"));
    assert!(
        own.clone().count() > 0 && own.clone().all(|line| line.starts_with("SKYNET_ROOT_")),
        "its folders, and nothing else of ours: {said}"
    );
    assert!(said.contains("[exit code 1]"), "{said}");
    assert_eq!(std::fs::read_to_string(workspace.join("file")).unwrap(), "made\n");

    // What takes long goes on, is read, and is interrupted.
    let said = tool(&home, "main", "run", &json!({ "command": "echo begun; sleep 1000", "wait_s": 1 }));
    assert!(said.contains("[still running]"), "{said}");
    assert!(command(&home, "main", "echo two").contains("still running"));
    let said = tool(&home, "main", "input", &json!({ "keys": ["ctrl-c"], "wait_s": 60 }));
    assert!(said.contains("[exit code 130]"), "{said}");
    assert!(command(&home, "main", "sudo ls").contains("dangerous: it asks for the rights of another user"));

    assert!(tool(&home, "main", "kill", &json!({})).contains("is killed"));
    assert!(command(&home, "main", "echo \"<$mood>\"").contains("<>"));

    // The log has who, which shell and what stood out; of the command not a word.
    let rows = home.run(&["--json", "audit", "tail", "-n", "200"]).done();
    let rows: Vec<&str> = rows.lines().filter(|row| row.contains("\"terminal\"")).collect();
    assert!(rows.iter().any(|row| row.contains("dangerous: it asks")) && rows.iter().any(|row| row.contains("other")), "{rows:?}");
    assert!(!rows.iter().any(|row| row.contains("mood") || row.contains("sudo ls")), "{rows:?}");

    home.run(&["plugin", "revoke", "skynet/tool-terminal"]).done();
    assert!(command(&home, "main", "echo hello").contains("not offered"));
}

/// Begins something in the shell that wants to stay. What is given ends when nothing of that shell is alive.
fn stays(home: &Household, name: &str) -> JoinHandle<std::io::Result<String>> {
    let pipe = home.home().join("workspace").join(name);
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reads = pipe.clone();
    let line = std::thread::spawn(move || std::fs::read_to_string(reads));
    let said =
        command(home, "main", &format!("exec 9>{}; (trap '' HUP TERM; setsid sleep 1000) & echo up >&9; echo begun", pipe.display()));
    assert!(said.contains("begun"), "{said}");
    line
}

#[test]
fn a_shell_dies_with_its_grant_and_with_its_host() {
    let Some(mut home) = host() else { return };
    grant(&home);
    let line = stays(&home, "one");
    home.run(&["plugin", "revoke", "skynet/tool-terminal"]).done();
    assert_eq!(line.join().unwrap().unwrap(), "up\n");
    grant(&home);
    let line = stays(&home, "two");
    home.kill();
    assert_eq!(line.join().unwrap().unwrap(), "up\n");
}
