//! Making, changing, emptying and deleting sessions.
//!
//! A session is emptied or deleted only when nothing runs in it: its turn is
//! stopped first and given a moment to write down what it has.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::auth::secret::within;
use crate::limits::{QUIESCE_DEADLINE, SESSIONS_LISTED};
use crate::message_in;
use crate::refusal::Refusal;
use crate::schema::{COUNT, Field, Kind, TEXT, WORD, may, must};
use crate::session_row::{Rows, level_named};
use crate::turns::feed::News;
use crate::turns::start::{self, Start};
use serde_json::{Map, Value, json};
use skynet_core::session::{Session, SessionPatch};
use skynet_core::{SessionKey, TurnId};
use std::collections::HashSet;
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

const ADMIN: Option<Scope> = Some(Scope::Admin);
const LABEL: Kind = Kind::Text(1, 512);

const CREATE: &[Field] = &[
    may("key", WORD),
    may("agentId", WORD),
    may("label", LABEL),
    may("model", WORD),
    may("parentSessionKey", WORD),
    may("emitCommandHooks", Kind::Bool),
    may("task", TEXT),
    may("message", TEXT),
];

const OR_WORD: Kind = Kind::OrNull(&WORD);
const PATCH: &[Field] = &[
    must("key", WORD),
    may("label", Kind::OrNull(&LABEL)),
    may("thinkingLevel", OR_WORD),
    may("fastMode", Kind::OrNull(&Kind::Bool)),
    may("verboseLevel", OR_WORD),
    may("traceLevel", OR_WORD),
    may("reasoningLevel", OR_WORD),
    may("responseUsage", Kind::OrNull(&Kind::OneOf(&["off", "tokens", "full", "on"]))),
    may("elevatedLevel", OR_WORD),
    may("execHost", OR_WORD),
    may("execSecurity", OR_WORD),
    may("execAsk", OR_WORD),
    may("execNode", OR_WORD),
    may("model", OR_WORD),
    may("spawnedBy", OR_WORD),
    may("spawnedWorkspaceDir", OR_WORD),
    may("spawnDepth", Kind::OrNull(&COUNT)),
    may("subagentRole", Kind::OrNull(&Kind::OneOf(&["orchestrator", "leaf"]))),
    may("subagentControlScope", Kind::OrNull(&Kind::OneOf(&["children", "none"]))),
    may("sendPolicy", Kind::OrNull(&Kind::OneOf(&["allow", "deny"]))),
    may("groupActivation", Kind::OrNull(&Kind::OneOf(&["mention", "always"]))),
];

pub(super) const METHODS: &[Method] = &[
    method("sessions.create", Some(Scope::Write), Some(CREATE), |call| Box::pin(create(call))).answers_first(),
    method("sessions.patch", ADMIN, Some(PATCH), |call| Box::pin(patch(call))),
    method("sessions.reset", ADMIN, Some(&[must("key", WORD), may("reason", Kind::OneOf(&["new", "reset"]))]), |call| {
        Box::pin(reset(call))
    }),
    method(
        "sessions.delete",
        ADMIN,
        Some(&[must("key", WORD), may("deleteTranscript", Kind::Bool), may("emitLifecycleHooks", Kind::Bool)]),
        |call| Box::pin(delete(call)),
    ),
];

/// The part of a session that clients call its entry.
fn entry(session: &Session) -> Value {
    let mut entry = Map::new();
    entry.insert("sessionId".into(), session.id.as_str().into());
    entry.insert("updatedAt".into(), session.updated_ms.into());
    if let Some(label) = &session.label {
        entry.insert("label".into(), label.as_str().into());
    }
    if let Some(level) = session.thinking {
        entry.insert("thinkingLevel".into(), crate::session_row::level(level).into());
    }
    if let Some((provider, model)) = session.model.as_deref().and_then(|model| model.split_once('/')) {
        entry.insert("providerOverride".into(), provider.into());
        entry.insert("modelOverride".into(), model.into());
    }
    Value::Object(entry)
}

/// The whole name of a model that serves; `auto` and `default` clear the choice.
fn model_named(call: &Call, name: &str) -> Result<Option<String>, Refusal> {
    if matches!(name, "auto" | "default") {
        return Ok(None);
    }
    let models = call.server.agent.models();
    let named = models.iter().find(|entry| entry.full_name() == name);
    let mut bare = models.iter().filter(|entry| entry.info.id == name);
    match (named, bare.next(), bare.next()) {
        (Some(entry), _, _) | (None, Some(entry), None) => Ok(Some(entry.full_name())),
        (None, Some(_), Some(_)) => Err(Refusal::invalid(format!("model `{name}` is served by several providers: write provider/model"))),
        (None, None, _) => Err(Refusal::invalid(format!("unknown model: {}; models.list tells which serve", crate::schema::shown(name)))),
    }
}

async fn label_is_free(call: &Call, key: &SessionKey, label: &str) -> Result<(), Refusal> {
    let sessions = within(call.server.memory.sessions(SESSIONS_LISTED)).await?;
    if sessions.iter().any(|session| session.key != *key && session.label.as_deref() == Some(label)) {
        return Err(Refusal::invalid(format!("label already in use: {}", crate::schema::shown(label))));
    }
    Ok(())
}

async fn create(call: Call) -> Answer {
    let agent = call.text("agentId").unwrap_or("main");
    if agent != "main" {
        return Err(Refusal::invalid(format!("unknown agent id \"{}\"", crate::schema::shown(agent))));
    }
    let key = match call.text("key") {
        Some(_) => call.session("key")?,
        None => SessionKey::canonical(&format!("agent:main:dashboard:{}", Uuid::new_v4()))
            .map_err(|error| Refusal::invalid(error.to_string()))?,
    };
    let mut patch = SessionPatch::default();
    if let Some(label) = call.text("label") {
        label_is_free(&call, &key, label).await?;
        patch.label = Some(Some(label.to_owned()));
    }
    if let Some(model) = call.text("model") {
        patch.model = Some(model_named(&call, model)?);
    }
    let session = call.server.memory.patch_session(&key, patch).await?;
    call.server.feed.send(News::Changed { session: key.clone(), reason: "create" });
    let task = call.text("task").or(call.text("message")).filter(|task| !task.trim().is_empty());
    let mut answer = json!({"ok": true, "key": key, "sessionId": session.id, "entry": entry(&session), "runStarted": task.is_some()});
    if let Some(task) = task {
        let run = TurnId(Uuid::new_v4().to_string());
        let message = message_in::message(task, None)?;
        let start = Start { run: run.clone(), session: key, message, model: None, thinking: None, timeout: None, fold_same: false };
        start::start(&call.server, &call.client, start).await?;
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("runId".into(), json!(run));
        }
    }
    Ok(answer.into())
}

async fn patch(call: Call) -> Answer {
    let key = call.session("key")?;
    let known = ["key", "label", "thinkingLevel", "model"];
    if let Some((name, _)) = call.params.iter().find(|(name, value)| !known.contains(&name.as_str()) && !value.is_null()) {
        return Err(Refusal::invalid(format!("invalid sessions.patch params: at /{name}: this gateway has no such setting")));
    }
    let mut patch = SessionPatch::default();
    if let Some(label) = call.params.get("label") {
        if let Some(label) = label.as_str() {
            label_is_free(&call, &key, label).await?;
        }
        patch.label = Some(label.as_str().map(str::to_owned));
    }
    if let Some(model) = call.params.get("model") {
        patch.model = Some(match model.as_str() {
            Some(model) => model_named(&call, model)?,
            None => None,
        });
    }
    if let Some(level) = call.params.get("thinkingLevel") {
        patch.thinking = Some(match level.as_str() {
            Some(name) => Some(level_named(name).ok_or_else(|| Refusal::invalid("invalid thinkingLevel: use off, low, medium or high"))?),
            None => None,
        });
    }
    let session = call.server.memory.patch_session(&key, patch).await?;
    call.server.feed.send(News::Changed { session: key.clone(), reason: "patch" });
    let row = Rows::new(&call.server).row(&session);
    let resolved = json!({"modelProvider": row.get("modelProvider"), "model": row.get("model")});
    Ok(json!({"ok": true, "path": "", "key": key, "entry": entry(&session), "resolved": resolved}).into())
}

async fn reset(call: Call) -> Answer {
    let key = call.session("key")?;
    quiesce(&call, &key).await?;
    let session = call.server.memory.reset_session(&key).await?;
    let reason = if call.text("reason") == Some("new") { "new" } else { "reset" };
    call.server.feed.send(News::Changed { session: key.clone(), reason });
    call.server.health.stale();
    Ok(json!({"ok": true, "key": key, "entry": entry(&session)}).into())
}

async fn delete(call: Call) -> Answer {
    let key = call.session("key")?;
    if key == SessionKey::main() {
        return Err(Refusal::invalid(format!("Cannot delete the main session ({key}).")));
    }
    quiesce(&call, &key).await?;
    let deleted = call.server.memory.delete_session(&key).await?;
    if deleted {
        call.server.feed.send(News::Changed { session: key.clone(), reason: "delete" });
        call.server.health.stale();
    }
    Ok(json!({"ok": true, "key": key, "deleted": deleted, "archived": []}).into())
}

/// Stops what runs in a session and waits until it has left.
async fn quiesce(call: &Call, session: &SessionKey) -> Result<(), Refusal> {
    let agent = &call.server.agent;
    let mut events = agent.subscribe();
    let stopped: HashSet<TurnId> = agent.abort(session, None, "rpc").into_iter().collect();
    let is_free = || !agent.active().iter().any(|active| active.session == *session || stopped.contains(&active.turn));
    let wait = async {
        while !is_free() {
            if matches!(events.recv().await, Err(RecvError::Closed)) {
                return;
            }
        }
    };
    match tokio::time::timeout(QUIESCE_DEADLINE, wait).await {
        Ok(()) => Ok(()),
        Err(_) => Err(Refusal::later("the session is still active; try again in a moment", 1_000)),
    }
}
