//! Plugins, for their owner.
//!
//! Whatever changes one is written to the audit log first; what cannot be written
//! there is not done.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::limits::ADMIN_DEADLINE;
use crate::refusal::Refusal;
use crate::schema::{Field, Kind, WORD, may, must};
use serde_json::json;
use skynet_core::PluginId;
use skynet_core::admin::AdminError;

const ADMIN: Option<Scope> = Some(Scope::Admin);
const ID: &[Field] = &[must("id", WORD)];
const GRANT: &[Field] = &[must("id", WORD), may("permissions", Kind::Any), may("untilMs", Kind::Int(0, u64::MAX))];

pub(super) const METHODS: &[Method] = &[
    method("plugins.list", ADMIN, Some(&[]), |call| Box::pin(list(call))),
    method("plugins.info", ADMIN, Some(ID), |call| Box::pin(info(call))),
    method("plugins.enable", ADMIN, Some(ID), |call| Box::pin(switch(call, true))),
    method("plugins.disable", ADMIN, Some(ID), |call| Box::pin(switch(call, false))),
    method("plugins.grant", ADMIN, Some(GRANT), |call| Box::pin(grant(call))),
    method("plugins.grants", ADMIN, Some(&[]), |call| Box::pin(grants(call))),
    method("plugins.whyDenied", ADMIN, Some(&[must("id", WORD), may("limit", Kind::Int(1, 200))]), |call| Box::pin(why_denied(call))),
    method("plugins.revoke", ADMIN, Some(ID), |call| Box::pin(revoke(call))),
    method("plugins.deny", ADMIN, Some(ID), |call| Box::pin(deny(call))),
    method("plugins.rollback", ADMIN, Some(ID), |call| Box::pin(rollback(call))),
    method("plugins.reload", ADMIN, Some(&[]), |call| Box::pin(reload(call))),
];

fn id(call: &Call) -> Result<PluginId, Refusal> {
    PluginId::new(call.text("id").unwrap_or_default()).map_err(|error| Refusal::invalid(error.to_string()))
}

async fn within<T>(what: impl Future<Output = Result<T, AdminError>>) -> Result<T, Refusal> {
    match tokio::time::timeout(ADMIN_DEADLINE, what).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Refusal::unavailable(format!("the plugin host did not answer within {} s; see the log", ADMIN_DEADLINE.as_secs()))),
    }
}

async fn record(call: &Call, kind: &str, id: &PluginId, action: &str) -> Result<(), Refusal> {
    call.server.record(kind, &call.client.actor(), id.as_str(), "ok", json!({"action": action, "by": "gateway"})).await
}

async fn list(call: Call) -> Answer {
    let plugins = within(async { Ok(call.server.admin.list().await) }).await?;
    Ok(json!({"ts": call.server.clock.now_ms(), "plugins": plugins}).into())
}

async fn info(call: Call) -> Answer {
    let id = id(&call)?;
    Ok(within(call.server.admin.info(&id)).await?.into())
}

async fn switch(call: Call, on: bool) -> Answer {
    let id = id(&call)?;
    record(&call, "admission", &id, if on { "enable" } else { "disable" }).await?;
    within(call.server.admin.set_enabled(&id, on)).await?;
    call.server.health.stale();
    Ok(json!({"ok": true, "id": id, "enabled": on}).into())
}

async fn grant(call: Call) -> Answer {
    let id = id(&call)?;
    record(&call, "grant", &id, "grant").await?;
    let permissions = call.params.get("permissions").filter(|value| !value.is_null()).cloned();
    let until_ms = call.int("untilMs");
    within(call.server.admin.grant_until(&id, permissions, until_ms, &call.client.actor())).await?;
    call.server.health.stale();
    Ok(json!({"ok": true, "id": id}).into())
}

async fn grants(call: Call) -> Answer {
    Ok(json!({"grants": within(call.server.admin.grants()).await?}).into())
}

async fn why_denied(call: Call) -> Answer {
    let limit = call.int("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(20);
    Ok(within(call.server.admin.why_denied(&id(&call)?, limit)).await?.into())
}

async fn deny(call: Call) -> Answer {
    let id = id(&call)?;
    record(&call, "deny", &id, "deny").await?;
    within(call.server.admin.deny(&id, &call.client.actor())).await?;
    call.server.health.stale();
    Ok(json!({"ok": true, "id": id}).into())
}

async fn revoke(call: Call) -> Answer {
    let id = id(&call)?;
    record(&call, "revoke", &id, "revoke").await?;
    within(call.server.admin.revoke(&id)).await?;
    call.server.health.stale();
    Ok(json!({"ok": true, "id": id}).into())
}

async fn rollback(call: Call) -> Answer {
    let id = id(&call)?;
    record(&call, "admission", &id, "rollback").await?;
    let serving = within(call.server.admin.rollback(&id)).await?;
    call.server.health.stale();
    Ok(json!({"ok": true, "id": id, "serving": serving}).into())
}

async fn reload(call: Call) -> Answer {
    within(call.server.admin.rescan()).await?;
    call.server.health.stale();
    Ok(json!({"ok": true}).into())
}
