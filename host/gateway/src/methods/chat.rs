//! `chat.send`, `chat.abort` and their twins `sessions.send`, `sessions.steer`, `sessions.abort`.
//!
//! The answer comes at once; the text comes as events. The client's idempotency key
//! is the run's id.

mod whole;

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::message_in;
use crate::refusal::Refusal;
use crate::schema::{COUNT, Field, Kind, TEXT, WORD, may, must};
use crate::session_row::level_named;
use crate::turns::book::Ended;
use crate::turns::feed::News;
use crate::turns::start::{self, Start, Started};
use serde_json::{Value, json};
use skynet_core::event::TurnEnd;
use skynet_core::{SessionKey, ThinkingLevel, TurnId};
use std::time::Duration;
use uuid::Uuid;

const WRITE: Option<Scope> = Some(Scope::Write);
/// Longest list of attachments that is looked at.
const ATTACHMENTS: Kind = Kind::List(&Kind::Any, 256);

const PROVENANCE: Kind = Kind::Object(&[
    must("kind", Kind::OneOf(&["external_user", "inter_session", "internal_system"])),
    may("originSessionId", TEXT),
    may("sourceSessionKey", TEXT),
    may("sourceChannel", TEXT),
    may("sourceTool", TEXT),
]);

const SEND: &[Field] = &[
    must("sessionKey", Kind::Text(1, SessionKey::MAX)),
    may("sessionId", WORD),
    must("message", TEXT),
    may("thinking", TEXT),
    may("deliver", Kind::Bool),
    may("originatingChannel", TEXT),
    may("originatingTo", TEXT),
    may("originatingAccountId", TEXT),
    may("originatingThreadId", TEXT),
    may("attachments", ATTACHMENTS),
    may("timeoutMs", COUNT),
    may("systemInputProvenance", PROVENANCE),
    may("systemProvenanceReceipt", TEXT),
    must("idempotencyKey", WORD),
];

const SESSIONS_SEND: &[Field] = &[
    must("key", WORD),
    must("message", TEXT),
    may("thinking", TEXT),
    may("attachments", ATTACHMENTS),
    may("timeoutMs", COUNT),
    may("idempotencyKey", WORD),
];

pub(super) const METHODS: &[Method] = &[
    method("chat.send", WRITE, Some(SEND), |call| Box::pin(send(call))).answers_first().or_as(whole::SHAPE),
    method("chat.abort", WRITE, Some(&[must("sessionKey", WORD), may("runId", WORD)]), |call| Box::pin(abort(call))),
    method("sessions.send", WRITE, Some(SESSIONS_SEND), |call| Box::pin(sessions_send(call))).answers_first(),
    method("sessions.steer", WRITE, Some(SESSIONS_SEND), |call| Box::pin(steer(call))).answers_first(),
    method("sessions.abort", WRITE, Some(&[may("key", WORD), may("runId", WORD)]), |call| Box::pin(sessions_abort(call))),
];

const RESERVED: [&str; 6] = [
    "originatingChannel",
    "originatingTo",
    "originatingAccountId",
    "originatingThreadId",
    "systemInputProvenance",
    "systemProvenanceReceipt",
];

async fn send(call: Call) -> Answer {
    if !call.params.contains_key("sessionKey") {
        return whole::send(call).await;
    }
    if RESERVED.iter().any(|key| call.params.contains_key(*key)) {
        call.need(Scope::Admin)?;
    }
    let session = call.session("sessionKey")?;
    let run = TurnId(call.text("idempotencyKey").unwrap_or_default().to_owned());
    send_to(&call, session, run).await
}

async fn sessions_send(call: Call) -> Answer {
    let session = call.session("key")?;
    let run = TurnId(call.text("idempotencyKey").map_or_else(|| Uuid::new_v4().to_string(), str::to_owned));
    send_to(&call, session, run).await
}

/// Stops what runs, then sends.
async fn steer(call: Call) -> Answer {
    let session = call.session("key")?;
    call.server.agent.abort(&session, None, "rpc");
    sessions_send(call).await
}

async fn send_to(call: &Call, session: SessionKey, run: TurnId) -> Answer {
    let text = call.text("message").unwrap_or_default();
    if is_stop_word(text) {
        return Ok(aborted(call, &session, None, "stop").into());
    }
    let message = message_in::message(text, call.params.get("attachments"))?;
    let start = Start {
        run: run.clone(),
        session: session.clone(),
        message,
        model: None,
        thinking: thinking(call)?,
        timeout: timeout(call.int("timeoutMs")),
        fold_same: true,
    };
    match start::start(&call.server, &call.client, start).await? {
        Started::New(_) => {
            call.server.feed.send(News::Changed { session, reason: "send" });
            Ok(json!({"runId": run, "status": "started"}).into())
        }
        Started::Same(run) => Ok(json!({"runId": run, "status": "in_flight"}).into()),
        Started::Before(progress) => {
            let ended = progress.borrow().clone();
            again(&run, ended.as_deref())
        }
    }
}

/// The answer to a key that was used before.
fn again(run: &TurnId, ended: Option<&Ended>) -> Answer {
    match ended.map(|ended| &ended.end) {
        None => Ok(json!({"runId": run, "status": "in_flight"}).into()),
        Some(TurnEnd::Failed { message, .. }) => Err(Refusal::unavailable(message).with(json!({"runId": run, "status": "error"}))),
        Some(_) => Ok(json!({"runId": run, "status": "ok"}).into()),
    }
}

/// A message that is nothing but the wish that it stop.
fn is_stop_word(text: &str) -> bool {
    matches!(text.trim().to_ascii_lowercase().as_str(), "stop" | "/stop" | "abort" | "/abort" | "esc" | "interrupt")
}

/// The reasoning that was asked for.
pub(super) fn thinking(call: &Call) -> Result<Option<ThinkingLevel>, Refusal> {
    let Some(name) = call.text("thinking").filter(|name| !name.trim().is_empty()) else { return Ok(None) };
    match level_named(name) {
        Some(level) => Ok(Some(level)),
        None => Err(Refusal::invalid(format!("unknown thinking level `{}`: use off, low, medium or high", crate::schema::shown(name)))),
    }
}

/// No time at all means the usual time.
pub(super) fn timeout(ms: Option<u64>) -> Option<Duration> {
    ms.filter(|ms| *ms > 0).map(Duration::from_millis)
}

async fn abort(call: Call) -> Answer {
    let session = call.session("sessionKey")?;
    let run = call.text("runId").map(|run| TurnId(run.to_owned()));
    Ok(aborted(&call, &session, run.as_ref(), "rpc").into())
}

async fn sessions_abort(call: Call) -> Answer {
    let run = call.text("runId").map(|run| TurnId(run.to_owned()));
    let session = match (call.text("key"), &run) {
        (Some(_), _) => Some(call.session("key")?),
        (None, Some(run)) => call.server.runs.session(run),
        (None, None) => return Err(Refusal::invalid("invalid sessions.abort params: key or runId required")),
    };
    let answer = session.map(|session| aborted(&call, &session, run.as_ref(), "rpc"));
    let runs = answer.and_then(|mut answer| Some(answer.get_mut("runIds")?.take())).unwrap_or_else(|| json!([]));
    let first = runs.get(0).cloned().unwrap_or(Value::Null);
    let status = if first.is_null() { "no-active-run" } else { "aborted" };
    Ok(json!({"ok": true, "abortedRunId": first, "status": status}).into())
}

fn aborted(call: &Call, session: &SessionKey, run: Option<&TurnId>, reason: &str) -> Value {
    let runs = call.server.agent.abort(session, run, reason);
    if !runs.is_empty() {
        call.server.feed.send(News::Changed { session: session.clone(), reason: "abort" });
    }
    json!({"ok": true, "aborted": !runs.is_empty(), "runIds": runs})
}
