//! `terminal.*`: commands and shells of the owner's, in the sandbox, as clients of the first skynet ask for them.
//!
//! Owns the bounds on time and output. What stands out in a command is said in its answer, and refuses
//! nothing. Rows are in the audit log ahead of the act, without the words of a command. Refuses all without the
//! owner's scope. A client that leaves ends the command that it waits for.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::limits::{COMMAND_OUTPUT, COMMAND_WALL, COMMAND_WALL_MOST, JOB_COMMAND, TERMINAL_DEADLINE};
use crate::refusal::Refusal;
use crate::schema::{COUNT, Field, Kind, TEXT, WORD, may, must};
use serde_json::{Value, json};
use skynet_core::terminal::{CommandOutcome, JobProgress, JobRow, TerminalError};
use skynet_policy::safety::{self, Verdict};
use std::sync::Arc;
use std::time::Duration;

const ADMIN: Option<Scope> = Some(Scope::Admin);
const SESSION: &[Field] = &[must("session_id", WORD)];
const JOB: &[Field] = &[must("id", WORD)];
const SIDE: Kind = Kind::Int(1, u16::MAX as u64);

const EXEC: &[Field] = &[must("command", WORD), may("timeout", Kind::Int(1, u64::MAX)), may("max_output", COUNT)];
const CREATE: &[Field] = &[may("shell", TEXT), may("cwd", TEXT), may("columns", SIDE), may("rows", SIDE)];
const WRITE: &[Field] = &[must("session_id", WORD), must("input", TEXT)];
const RESIZE: &[Field] = &[must("session_id", WORD), must("columns", SIDE), must("rows", SIDE)];

pub(super) const METHODS: &[Method] = &[
    method("terminal.exec", ADMIN, Some(EXEC), |call| Box::pin(exec(call))),
    method("terminal.create", ADMIN, Some(CREATE), |call| Box::pin(create(call))),
    method("terminal.write", ADMIN, Some(WRITE), |call| Box::pin(write(call))),
    method("terminal.read", ADMIN, Some(SESSION), |call| Box::pin(read(call))),
    method("terminal.resize", ADMIN, Some(RESIZE), |call| Box::pin(resize(call))),
    method("terminal.kill", ADMIN, Some(SESSION), |call| Box::pin(kill(call))),
    method("terminal.list", ADMIN, Some(&[]), |call| Box::pin(list(call))),
    method("terminal.exec_bg", ADMIN, Some(&[must("command", WORD)]), |call| Box::pin(exec_bg(call))),
    method("terminal.job_status", ADMIN, Some(JOB), |call| Box::pin(job_status(call))),
    method("terminal.job_list", ADMIN, Some(&[]), |call| Box::pin(job_list(call))),
    method("terminal.job_kill", ADMIN, Some(JOB), |call| Box::pin(job_kill(call))),
];

impl From<TerminalError> for Refusal {
    fn from(error: TerminalError) -> Self {
        let message = error.to_string();
        match error {
            TerminalError::Unknown(_) => Self::not_found(message),
            TerminalError::Refused(_) => Self::invalid(message),
            TerminalError::Denied(_) | TerminalError::Failed(_) => Self::unavailable(message),
        }
    }
}

/// The size of a terminal when nobody says one.
const SIZE: (u64, u64) = (80, 24);

fn advice(verdict: Verdict) -> Value {
    json!({"verdict": verdict.word(), "reason": verdict.reason()})
}

async fn within<T>(what: impl Future<Output = Result<T, TerminalError>>) -> Result<T, Refusal> {
    match tokio::time::timeout(TERMINAL_DEADLINE, what).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Refusal::unavailable(format!("this took more than {} s; see the log", TERMINAL_DEADLINE.as_secs()))),
    }
}

fn outcome(outcome: &CommandOutcome, timed_out: bool) -> Value {
    json!({"exit_code": outcome.exit_code, "stdout": outcome.stdout, "stderr": outcome.stderr, "timed_out": timed_out})
}

async fn exec(call: Call) -> Answer {
    let command = call.text("command").unwrap_or_default();
    let wall = call.int("timeout").map_or(COMMAND_WALL, Duration::from_secs).min(COMMAND_WALL_MOST);
    let most = call.int("max_output").and_then(|most| usize::try_from(most).ok()).unwrap_or(COMMAND_OUTPUT).min(COMMAND_OUTPUT);
    let verdict = safety::look(command);
    let console = Arc::clone(&call.server.console);
    let act = async {
        tokio::select! {
            // Its own deadline is the console's, which kills it; this one is for a system that does not let it go.
            outcome = tokio::time::timeout(wall.saturating_add(TERMINAL_DEADLINE), console.exec(command, wall, most)) => match outcome {
                Ok(outcome) => Ok(outcome?),
                Err(_) => Err(Refusal::unavailable("the command was killed at its deadline and does not end; see the log")),
            },
            () = call.client.mailbox.gone() => Err(Refusal::unavailable("the client left, so the command was killed")),
        }
    };
    let detail = json!({"action": "exec", "advice": verdict.advice(), "by": "gateway"});
    let done = call.recorded("terminal", "", detail, act).await?;
    let mut answer = outcome(&done, done.exit_code.is_none());
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("advice".into(), advice(verdict));
    }
    Ok(answer.into())
}

fn side(call: &Call, key: &str, default: u64) -> u16 {
    call.int(key).unwrap_or(default).try_into().unwrap_or(u16::MAX)
}

async fn create(call: Call) -> Answer {
    let size = (side(&call, "columns", SIZE.0), side(&call, "rows", SIZE.1));
    let act = within(call.server.console.create(call.text("shell"), call.text("cwd"), size));
    let id = call.recorded("terminal", "", json!({"action": "create", "by": "gateway"}), act).await?;
    Ok(json!({"session_id": id}).into())
}

fn session(call: &Call) -> &str {
    call.text("session_id").unwrap_or_default()
}

/// The row of what is done to a shell or a job, of which the name is the host's own or nobody's.
fn named(id: &str) -> String {
    skynet_policy::naming::plain_line(id, 32)
}

async fn write(call: Call) -> Answer {
    let act = within(call.server.console.write(session(&call), call.text("input").unwrap_or_default()));
    call.recorded("terminal", &named(session(&call)), json!({"action": "write", "by": "gateway"}), act).await?;
    Ok(json!({"ok": true}).into())
}

async fn read(call: Call) -> Answer {
    let said = within(call.server.console.read(session(&call))).await?;
    let (alive, ended) = (said.ended.is_none(), said.ended);
    Ok(json!({
        "output": said.text, "dropped": said.dropped, "running": said.running, "exit_code": said.exit_code, "is_alive": alive, "ended": ended,
    })
    .into())
}

async fn resize(call: Call) -> Answer {
    let (columns, rows) = (side(&call, "columns", SIZE.0), side(&call, "rows", SIZE.1));
    within(call.server.console.resize(session(&call), columns, rows)).await?;
    Ok(json!({"ok": true}).into())
}

async fn kill(call: Call) -> Answer {
    let act = within(call.server.console.kill(session(&call)));
    call.recorded("terminal", &named(session(&call)), json!({"action": "kill", "by": "gateway"}), act).await?;
    Ok(json!({"ok": true}).into())
}

async fn list(call: Call) -> Answer {
    let shells = within(async { Ok(call.server.console.list().await) }).await?;
    let row = |shell: &skynet_core::terminal::ShellRow| {
        json!({
            "id": shell.id, "shell": shell.shell, "cwd": shell.cwd, "created_at": shell.created_ms, "is_alive": shell.is_alive,
        })
    };
    Ok(json!({"sessions": shells.iter().map(row).collect::<Vec<_>>()}).into())
}

async fn exec_bg(call: Call) -> Answer {
    let command = call.text("command").unwrap_or_default();
    let verdict = safety::look(command);
    let detail = json!({"action": "exec_bg", "advice": verdict.advice(), "by": "gateway"});
    let id = call.recorded("terminal", "", detail, within(call.server.console.begin(command))).await?;
    Ok(json!({"job_id": id, "advice": advice(verdict)}).into())
}

fn job(row: &JobRow) -> Value {
    let (status, result) = match &row.progress {
        JobProgress::Running => ("running", None),
        JobProgress::Ended(done) if done.exit_code == Some(0) => ("completed", Some(outcome(done, false))),
        JobProgress::Ended(done) => ("failed", Some(outcome(done, false))),
        JobProgress::TimedOut(done) => ("timed_out", Some(outcome(done, true))),
        JobProgress::Killed => ("killed", None),
        JobProgress::Failed(why) => ("failed", Some(json!({"error": why}))),
    };
    let command = skynet_policy::naming::plain_line(&row.command, JOB_COMMAND);
    json!({"id": row.id, "command": command, "started_at": row.started_ms, "status": status, "result": result})
}

async fn job_status(call: Call) -> Answer {
    let row = within(call.server.console.job(call.text("id").unwrap_or_default())).await?;
    Ok(json!({"job": job(&row)}).into())
}

/// Without what they said: that of one is asked for by its name.
async fn job_list(call: Call) -> Answer {
    let rows = within(async { Ok(call.server.console.jobs().await) }).await?;
    let line = |row: &JobRow| {
        let mut line = job(row);
        if let Some(line) = line.as_object_mut() {
            line.remove("result");
        }
        line
    };
    Ok(json!({"jobs": rows.iter().map(line).collect::<Vec<_>>()}).into())
}

async fn job_kill(call: Call) -> Answer {
    let id = call.text("id").unwrap_or_default();
    let act = within(call.server.console.kill_job(id));
    call.recorded("terminal", &named(id), json!({"action": "job_kill", "by": "gateway"}), act).await?;
    Ok(json!({"ok": true}).into())
}
