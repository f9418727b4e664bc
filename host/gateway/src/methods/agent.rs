//! `agent` and `agent.wait`: a turn as a call that waits for its end.
//!
//! `agent` answers twice under one id: that the turn was accepted, then its result.

use super::chat::{thinking, timeout};
use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::auth::secret::within;
use crate::frame::Payload;
use crate::limits::{TURN_CEILING, WAIT_DEFAULT};
use crate::message_in;
use crate::refusal::Refusal;
use crate::schema::{COUNT, Field, Kind, TEXT, WORD, may, must};
use crate::turns::book::{Ended, Progress};
use crate::turns::start::{self, Start, Started};
use serde_json::{Value, json};
use skynet_core::event::TurnEnd;
use skynet_core::{SessionKey, TurnId};
use std::sync::Arc;
use std::time::Duration;

const WRITE: Option<Scope> = Some(Scope::Write);

const AGENT: &[Field] = &[
    must("message", WORD),
    may("agentId", WORD),
    may("provider", TEXT),
    may("model", TEXT),
    may("to", TEXT),
    may("replyTo", TEXT),
    may("sessionId", TEXT),
    may("sessionKey", TEXT),
    may("thinking", TEXT),
    may("deliver", Kind::Bool),
    may("attachments", Kind::List(&Kind::Any, 256)),
    may("channel", TEXT),
    may("replyChannel", TEXT),
    may("accountId", TEXT),
    may("replyAccountId", TEXT),
    may("threadId", TEXT),
    may("groupId", TEXT),
    may("groupChannel", TEXT),
    may("groupSpace", TEXT),
    may("timeout", COUNT),
    may("bestEffortDeliver", Kind::Bool),
    may("lane", TEXT),
    may("cleanupBundleMcpOnRunEnd", Kind::Bool),
    may("modelRun", Kind::Bool),
    may("promptMode", Kind::OneOf(&["full", "minimal", "none"])),
    may("extraSystemPrompt", TEXT),
    may("bootstrapContextMode", Kind::OneOf(&["full", "lightweight"])),
    may("bootstrapContextRunKind", Kind::OneOf(&["default", "heartbeat", "cron"])),
    may("acpTurnSource", Kind::OneOf(&["manual_spawn"])),
    may("internalEvents", Kind::List(&Kind::Any, 256)),
    may("inputProvenance", Kind::Any),
    may("voiceWakeTrigger", TEXT),
    must("idempotencyKey", WORD),
    may("label", Kind::Text(1, 512)),
];

pub(super) const METHODS: &[Method] = &[
    method("agent", WRITE, Some(AGENT), |call| Box::pin(agent(call))).answers_first(),
    method("agent.wait", WRITE, Some(&[must("runId", WORD), may("timeoutMs", COUNT)]), |call| Box::pin(wait(call))),
];

async fn agent(call: Call) -> Answer {
    let session = session(&call).await?;
    let run = TurnId(call.text("idempotencyKey").unwrap_or_default().to_owned());
    let start = Start {
        run: run.clone(),
        session: session.clone(),
        message: message_in::message(call.text("message").unwrap_or_default(), call.params.get("attachments"))?,
        model: model(&call)?,
        thinking: thinking(&call)?,
        timeout: timeout(call.int("timeout").and_then(|seconds| seconds.checked_mul(1000))),
        fold_same: false,
    };
    let progress = match start::start(&call.server, &call.client, start).await? {
        Started::New(progress) => {
            call.answer_early(json!({"runId": run, "status": "accepted", "acceptedAt": call.server.clock.now_ms()}));
            progress
        }
        Started::Before(progress) => {
            // Clients wait on after this one word alone; of a run that has ended they get the end.
            if progress.borrow().is_none() {
                call.answer_early(json!({"runId": run, "status": "accepted", "acceptedAt": call.server.clock.now_ms()}));
            }
            progress
        }
        Started::Same(other) => return Ok(json!({"runId": other, "status": "in_flight"}).into()),
    };
    match ended(progress, TURN_CEILING).await {
        Some(ended) => result(&call, &run, &session, &ended).await,
        None => Err(Refusal::unavailable("the turn did not end")),
    }
}

async fn session(call: &Call) -> Result<SessionKey, Refusal> {
    if let Some(agent) = call.text("agentId").filter(|agent| *agent != "main") {
        return Err(Refusal::invalid(format!("unknown agent id \"{}\"", crate::schema::shown(agent))));
    }
    if call.text("sessionKey").is_some_and(|key| !key.trim().is_empty()) {
        return call.session("sessionKey");
    }
    let Some(id) = call.text("sessionId").filter(|id| !id.is_empty()) else { return Ok(SessionKey::main()) };
    let sessions = within(call.server.memory.sessions(crate::limits::SESSIONS_LISTED)).await?;
    match sessions.into_iter().find(|session| session.id == id) {
        Some(session) => Ok(session.key),
        None => SessionKey::canonical(&format!("agent:main:explicit:{id}")).map_err(|error| Refusal::invalid(error.to_string())),
    }
}

/// A model other than the session's is the owner's to choose.
pub(super) fn model(call: &Call) -> Result<Option<String>, Refusal> {
    let Some(model) = call.text("model").filter(|model| !model.is_empty()) else { return Ok(None) };
    call.need(Scope::Admin)?;
    Ok(Some(match call.text("provider").filter(|provider| !provider.is_empty()) {
        Some(provider) => format!("{provider}/{model}"),
        None => model.to_owned(),
    }))
}

/// Waits for the end, so long.
pub(super) async fn ended(mut progress: Progress, patience: Duration) -> Option<Arc<Ended>> {
    let seen = tokio::time::timeout(patience, progress.wait_for(Option::is_some)).await.ok()?.ok()?;
    seen.clone()
}

async fn result(call: &Call, run: &TurnId, session: &SessionKey, ended: &Ended) -> Answer {
    let (text, usage, model, aborted) = match &ended.end {
        TurnEnd::Done { text, usage, model, .. } => (text, *usage, model.as_str(), false),
        TurnEnd::Aborted { text, usage, .. } => (text, *usage, "", true),
        TurnEnd::Failed { message, class } => {
            return Err(Refusal::unavailable(message).with(json!({"runId": run, "status": "error", "summary": message, "kind": class})));
        }
    };
    let session_id = within(call.server.memory.session(session)).await?.map(|session| session.id);
    let (provider, name) = model.split_once('/').unwrap_or(("", model));
    let payloads: Vec<Value> = if text.is_empty() { vec![] } else { vec![json!({"text": text, "mediaUrl": null})] };
    let agent_meta = json!({
        "sessionId": session_id, "provider": provider, "model": name,
        "usage": {"input": usage.input, "output": usage.output, "total": usage.input.saturating_add(usage.output)},
    });
    let duration = ended.ended_ms.saturating_sub(ended.started_ms);
    let answer: Payload = json!({
        "runId": run, "status": "ok", "summary": if aborted { "aborted" } else { "completed" },
        "result": {"payloads": payloads, "meta": {"durationMs": duration, "agentMeta": agent_meta, "aborted": aborted}},
    })
    .into();
    Ok(answer)
}

async fn wait(call: Call) -> Answer {
    let run = TurnId(call.text("runId").unwrap_or_default().to_owned());
    let timed_out = json!({"runId": run, "status": "timeout"});
    let Some(progress) = call.server.runs.progress(&run) else { return Ok(timed_out.into()) };
    let patience = call.int("timeoutMs").map_or(WAIT_DEFAULT, Duration::from_millis).min(TURN_CEILING);
    let Some(ended) = ended(progress, patience).await else { return Ok(timed_out.into()) };
    let mut answer = json!({"runId": run, "startedAt": ended.started_ms, "endedAt": ended.ended_ms});
    let (status, more) = match &ended.end {
        TurnEnd::Done { stop, .. } => ("ok", ("stopReason", crate::transcript::stop_reason(Some(stop)).to_owned())),
        TurnEnd::Aborted { reason, .. } => ("ok", ("stopReason", reason.clone())),
        TurnEnd::Failed { message, .. } => ("error", ("error", message.clone())),
    };
    if let Some(map) = answer.as_object_mut() {
        map.insert("status".into(), status.into());
        map.insert(more.0.into(), more.1.into());
    }
    Ok(answer.into())
}
