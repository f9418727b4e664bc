//! How the gateway is: kept in memory for a second, so that asking often costs nothing.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::auth::secret::within;
use crate::limits::SESSIONS_RECENT;
use crate::{presence, session_row};
use serde_json::{Value, json};

const READ: Option<Scope> = Some(Scope::Read);

pub(super) const METHODS: &[Method] = &[
    method("health", None, None, |call| Box::pin(health(call))),
    method("ping", None, None, |_| Box::pin(async { Ok(json!({"pong": true}).into()) })),
    method("status", READ, None, |call| Box::pin(status(call))),
    method("system-presence", READ, None, |call| Box::pin(async move { Ok(Value::from(presence::list(&call.server)).into()) })),
];

async fn health(call: Call) -> Answer {
    crate::health::fresh(&call.server).await?;
    Ok(call.server.health_payload())
}

async fn status(call: Call) -> Answer {
    let server = &call.server;
    let sessions = within(server.memory.sessions(crate::limits::SESSIONS_LISTED)).await?;
    let rows = session_row::Rows::new(server);
    let recent: Vec<_> = sessions.iter().take(SESSIONS_RECENT).map(|session| rows.row(session)).collect();
    let defaults = json!({"model": server.agent.default_model(), "contextTokens": rows.default_context()});
    Ok(json!({
        "runtimeVersion": server.version,
        "heartbeat": {"defaultAgentId": "main", "agents": []},
        "channelSummary": [],
        "queuedSystemEvents": [],
        "uptimeMs": server.uptime_ms(),
        "clients": server.hub.len(),
        "sessions": {
            "paths": [], "count": sessions.len(), "defaults": defaults, "recent": recent,
            "byAgent": [{"agentId": "main", "path": "", "count": sessions.len(), "recent": recent}],
        },
        "tasks": {"active": server.agent.active().len()},
    })
    .into())
}
