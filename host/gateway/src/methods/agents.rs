//! Which agents there are, and which model answers by default.
//!
//! There is one agent, `main`; clients ask as if there were many.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::refusal::Refusal;
use crate::schema::{TEXT, WORD, may};
use serde_json::json;

const READ: Option<Scope> = Some(Scope::Read);

pub(super) const METHODS: &[Method] = &[
    method("agents.list", READ, Some(&[]), |call| Box::pin(list(call))),
    method("agent.identity.get", READ, Some(&[may("agentId", WORD), may("sessionKey", TEXT)]), |call| Box::pin(identity(call))),
    method("agent.status", READ, None, |call| Box::pin(status(call))),
    method("agent.model", READ, Some(&[may("set", WORD)]), |call| Box::pin(model(call))),
];

async fn list(call: Call) -> Answer {
    let model = call.server.agent.default_model();
    let agent = json!({
        "id": "main", "name": "main", "identity": {"name": "SmartopolAI"}, "model": {"primary": model},
        "agentRuntime": {"id": "skynet", "source": "implicit"},
    });
    Ok(json!({"defaultId": "main", "mainKey": "main", "scope": "per-sender", "agents": [agent]}).into())
}

async fn identity(call: Call) -> Answer {
    let of_session = match call.text("sessionKey").filter(|key| !key.trim().is_empty()) {
        Some(_) => Some(call.session("sessionKey")?.agent().to_owned()),
        None => None,
    };
    let agent = call.text("agentId").map(str::to_owned).or(of_session).unwrap_or_else(|| "main".into());
    Ok(json!({"agentId": agent, "name": "SmartopolAI", "avatarStatus": "none"}).into())
}

async fn status(call: Call) -> Answer {
    let agent = &call.server.agent;
    let active = agent.active();
    let status = if active.is_empty() { "idle" } else { "running" };
    Ok(json!({"agents": [{"id": "main", "model": agent.default_model(), "status": status, "turns": active.len()}]}).into())
}

async fn model(call: Call) -> Answer {
    let agent = &call.server.agent;
    let Some(wanted) = call.text("set") else { return Ok(json!({"model": agent.default_model()}).into()) };
    call.need(Scope::Admin)?;
    let previous = agent.default_model();
    agent.set_default_model(wanted).map_err(|error| Refusal::invalid(error.to_string()))?;
    call.server.health.stale();
    Ok(json!({"model": agent.default_model(), "previous": previous}).into())
}
