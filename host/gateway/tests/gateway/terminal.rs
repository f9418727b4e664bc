//! `terminal.*`: only owners reach it, a slow command holds up nobody, and no row has the words of a command.

use crate::world::World;
use async_trait::async_trait;
use serde_json::json;
use skynet_core::terminal::{CommandOutcome, Console, JobProgress, JobRow, ShellRow, ShellSaid, TerminalError};
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::Notify;

/// One shell, `s1`, and one job, `j1`; the command `slow` ends when it is let go.
#[derive(Default)]
pub(crate) struct FakeConsole {
    heard: Mutex<Vec<String>>,
    begun: Notify,
    go: Notify,
    dropped: Notify,
}

impl FakeConsole {
    fn hear(&self, what: String) {
        self.heard.lock().unwrap().push(what);
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().join("; ")
    }
}

struct Tells<'a>(&'a Notify);

impl Drop for Tells<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn known(id: &str, name: &str) -> Result<(), TerminalError> {
    if id == name { Ok(()) } else { Err(TerminalError::Unknown(format!("there is no {id}"))) }
}

fn done(code: i32) -> CommandOutcome {
    CommandOutcome { exit_code: Some(code), stdout: "out".into(), stderr: "err".into() }
}

fn row(progress: JobProgress) -> JobRow {
    JobRow { id: "j1".into(), command: "make\nall".into(), started_ms: 7, progress }
}

#[async_trait]
impl Console for FakeConsole {
    async fn exec(&self, command: &str, wall: Duration, max_output: usize) -> Result<CommandOutcome, TerminalError> {
        self.hear(format!("exec {command} {} {max_output}", wall.as_secs()));
        match command {
            "slow" => {
                let _tells = Tells(&self.dropped);
                self.begun.notify_one();
                self.go.notified().await;
                Ok(done(0))
            }
            "late" => Ok(CommandOutcome { exit_code: None, ..done(0) }),
            "off" => Err(TerminalError::Denied("scripts are off here".into())),
            _ => Ok(done(3)),
        }
    }

    async fn create(&self, shell: Option<&str>, cwd: Option<&str>, size: (u16, u16)) -> Result<String, TerminalError> {
        self.hear(format!("create {shell:?} {cwd:?} {size:?}"));
        Ok("s1".into())
    }

    async fn write(&self, id: &str, input: &str) -> Result<(), TerminalError> {
        self.hear(format!("write {input:?}"));
        known(id, "s1")
    }

    async fn read(&self, id: &str) -> Result<ShellSaid, TerminalError> {
        known(id, "s1")?;
        Ok(ShellSaid { text: "said".into(), dropped: 5, running: true, ..ShellSaid::default() })
    }

    async fn resize(&self, id: &str, columns: u16, rows: u16) -> Result<(), TerminalError> {
        self.hear(format!("resize {columns} {rows}"));
        known(id, "s1")
    }

    async fn kill(&self, id: &str) -> Result<(), TerminalError> {
        known(id, "s1")
    }

    async fn list(&self) -> Vec<ShellRow> {
        vec![ShellRow { id: "s1".into(), shell: "bash".into(), cwd: None, created_ms: 5, is_alive: true }]
    }

    async fn begin(&self, command: &str) -> Result<String, TerminalError> {
        self.hear(format!("begin {command}"));
        Ok("j1".into())
    }

    async fn job(&self, id: &str) -> Result<JobRow, TerminalError> {
        Ok(row(match id {
            "j1" => JobProgress::Ended(done(0)),
            "j2" => JobProgress::Ended(done(1)),
            "j3" => JobProgress::TimedOut(CommandOutcome { exit_code: None, ..done(0) }),
            "j4" => JobProgress::Failed("no sandbox".into()),
            _ => return Err(TerminalError::Unknown(format!("there is no {id}"))),
        }))
    }

    async fn jobs(&self) -> Vec<JobRow> {
        vec![row(JobProgress::Running), row(JobProgress::Killed), row(JobProgress::Ended(done(0)))]
    }

    async fn kill_job(&self, id: &str) -> Result<(), TerminalError> {
        known(id, "j1")
    }
}

#[tokio::test]
async fn a_command_gives_its_code_its_streams_and_what_stands_out() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let answer = owner.call("terminal.exec", json!({"command": "sudo make"})).await;
    let advice = json!({"verdict": "dangerous", "reason": "it asks for the rights of another user"});
    assert_eq!(answer, json!({"exit_code": 3, "stdout": "out", "stderr": "err", "timed_out": false, "advice": advice}));
    let answer = owner.call("terminal.exec", json!({"command": "late", "timeout": 900, "max_output": 1_000_000})).await;
    assert_eq!((&answer["exit_code"], &answer["timed_out"]), (&json!(null), &json!(true)));
    owner.call("terminal.exec", json!({"command": "ls", "timeout": 2, "max_output": 100})).await;
    // Time and output have defaults and ends.
    assert_eq!(world.console.heard(), "exec sudo make 30 30000; exec late 300 30000; exec ls 2 100");
    assert_eq!(owner.refused("terminal.exec", json!({"command": "off"})).await, "UNAVAILABLE scripts are off here");
    assert!(owner.refused("terminal.exec", json!({"command": ""})).await.starts_with("INVALID_REQUEST"));
}

#[tokio::test]
async fn a_shell_is_made_typed_to_read_resized_listed_and_killed() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    assert_eq!(owner.call("terminal.create", json!({})).await, json!({"session_id": "s1"}));
    owner.call("terminal.create", json!({"shell": "sh", "cwd": "/w", "columns": 100, "rows": 30})).await;
    let s1 = json!({"session_id": "s1"});
    assert_eq!(owner.call("terminal.write", json!({"session_id": "s1", "input": "secret word\n"})).await, json!({"ok": true}));
    let read = owner.call("terminal.read", s1.clone()).await;
    assert_eq!((&read["output"], &read["dropped"], &read["is_alive"]), (&json!("said"), &json!(5), &json!(true)));
    assert_eq!(owner.call("terminal.resize", json!({"session_id": "s1", "columns": 90, "rows": 20})).await, json!({"ok": true}));
    let list = owner.call("terminal.list", json!({})).await;
    assert_eq!(list, json!({"sessions": [{"id": "s1", "shell": "bash", "cwd": null, "created_at": 5, "is_alive": true}]}));
    assert_eq!(owner.call("terminal.kill", s1).await, json!({"ok": true}));
    let heard = world.console.heard();
    assert!(heard.starts_with("create None None (80, 24); create Some(\"sh\") Some(\"/w\") (100, 30); write"), "{heard}");
    for method in ["read", "kill"] {
        let refused = owner.refused(&format!("terminal.{method}"), json!({"session_id": "other"})).await;
        assert_eq!(refused, "NOT_FOUND there is no other", "{method}");
    }
    assert!(owner.refused("terminal.resize", json!({"session_id": "s1", "columns": 0, "rows": 1})).await.starts_with("INVALID_REQUEST"));
}

#[tokio::test]
async fn a_job_is_begun_looked_at_listed_and_killed() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let begun = owner.call("terminal.exec_bg", json!({"command": "make"})).await;
    assert_eq!((&begun["job_id"], &begun["advice"]["verdict"]), (&json!("j1"), &json!("unremarked")));
    for (id, status) in [("j1", "completed"), ("j2", "failed"), ("j3", "timed_out"), ("j4", "failed")] {
        let job = owner.call("terminal.job_status", json!({"id": id})).await["job"].clone();
        assert_eq!((&job["status"], &job["started_at"]), (&json!(status), &json!(7)), "{id}");
        assert!(job["result"].is_object() && !job["command"].as_str().unwrap().contains('\n'), "{job}");
    }
    let list = owner.call("terminal.job_list", json!({})).await;
    let states: Vec<&str> = list["jobs"].as_array().unwrap().iter().map(|job| job["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["running", "killed", "completed"]);
    assert!(list["jobs"][2].get("result").is_none());
    assert_eq!(owner.call("terminal.job_kill", json!({"id": "j1"})).await, json!({"ok": true}));
    assert_eq!(owner.refused("terminal.job_status", json!({"id": "j9"})).await, "NOT_FOUND there is no j9");
}

#[tokio::test]
async fn a_slow_command_holds_up_nobody_and_ends_with_who_waits_for_it() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    owner.ask("terminal.exec", json!({"command": "slow"})).await;
    world.console.begun.notified().await;
    // The same socket and another one are answered meanwhile.
    assert_eq!(owner.call("ping", json!({})).await["pong"], json!(true));
    let mut other = world.owner().await;
    assert_eq!(other.call("terminal.exec", json!({"command": "ls"})).await["exit_code"], json!(3));
    drop(owner);
    world.console.dropped.notified().await;
}

#[tokio::test]
async fn nobody_without_the_owners_scope_gets_a_shell() {
    let world = World::start().await;
    let mut other = world.scoped(&["operator.read", "operator.write", "operator.approvals", "operator.pairing"]).await;
    for (method, params) in [
        ("exec", json!({"command": "ls"})),
        ("create", json!({})),
        ("write", json!({"session_id": "s1", "input": "ls\n"})),
        ("read", json!({"session_id": "s1"})),
        ("resize", json!({"session_id": "s1", "columns": 80, "rows": 24})),
        ("kill", json!({"session_id": "s1"})),
        ("list", json!({})),
        ("exec_bg", json!({"command": "ls"})),
        ("job_status", json!({"id": "j1"})),
        ("job_list", json!({})),
        ("job_kill", json!({"id": "j1"})),
    ] {
        let refused = other.refused(&format!("terminal.{method}"), params).await;
        assert_eq!(refused, "INVALID_REQUEST missing scope: operator.admin", "{method}");
    }
    assert_eq!(world.console.heard(), "");
}

#[tokio::test]
async fn rows_say_what_was_done_and_never_the_words_of_a_command() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    owner.call("terminal.exec", json!({"command": "sudo hunter2"})).await;
    owner.call("terminal.exec_bg", json!({"command": "hunter2"})).await;
    owner.call("terminal.write", json!({"session_id": "s1", "input": "hunter2\n"})).await;
    owner.refused("terminal.write", json!({"session_id": "gone", "input": "hunter2\n"})).await;
    owner.call("terminal.kill", json!({"session_id": "s1"})).await;
    let rows: Vec<_> = world.audit.0.lock().unwrap().clone().into_iter().filter(|row| row.kind == "terminal").collect();
    let told: Vec<String> =
        rows.iter().map(|row| format!("{} {} {}", row.verdict, row.detail["action"].as_str().unwrap(), row.subject)).collect();
    assert_eq!(told, ["ok exec ", "ok exec_bg ", "ok write s1", "ok write gone", "error write gone", "ok kill s1"]);
    assert_eq!(rows[0].detail["advice"], "dangerous: it asks for the rights of another user");
    assert!(!format!("{rows:?}").contains("hunter2"));
}
