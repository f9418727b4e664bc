//! Plugins, for their owner.
//!
//! The plugin host writes each change to the audit log, together with the change itself,
//! under the name that it is given here; so nothing is written here.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::limits::ADMIN_DEADLINE;
use crate::refusal::Refusal;
use crate::schema::{Field, Kind, WORD, may, must};
use serde_json::json;
use skynet_core::PluginId;
use skynet_core::admin::{AdminError, PluginAdmin};
use std::sync::Arc;

const ADMIN: Option<Scope> = Some(Scope::Admin);
const ID: &[Field] = &[must("id", WORD)];
/// `release`: the digest of the release that its caller looked at.
const GRANT: &[Field] = &[must("id", WORD), may("permissions", Kind::Any), may("untilMs", Kind::Int(0, u64::MAX)), may("release", WORD)];

pub(super) const METHODS: &[Method] = &[
    method("plugins.list", ADMIN, Some(&[]), |call| Box::pin(list(call))),
    method("plugins.info", ADMIN, Some(ID), |call| Box::pin(info(call))),
    method("plugins.enable", ADMIN, Some(ID), |call| Box::pin(switch(call, true))),
    method("plugins.disable", ADMIN, Some(ID), |call| Box::pin(switch(call, false))),
    method("plugins.grant", ADMIN, Some(GRANT), |call| Box::pin(grant(call))),
    method("plugins.approve", ADMIN, Some(&[must("id", WORD), must("files", WORD)]), |call| Box::pin(approve(call))),
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

/// Does what changes something, with the caller's name. Once begun it is carried through,
/// even when nobody waits for the answer any more: between what is on record and what
/// serves it must not stop.
async fn change<T, F>(call: &Call, work: impl FnOnce(Arc<dyn PluginAdmin>, PluginId, String) -> F) -> Result<(PluginId, T), Refusal>
where
    T: Send + 'static,
    F: Future<Output = Result<T, AdminError>> + Send + 'static,
{
    let id = id(call)?;
    let doing = tokio::spawn(work(Arc::clone(&call.server.admin), id.clone(), call.client.actor()));
    let done = within(async { doing.await.unwrap_or_else(|error| Err(AdminError::Bug(error.to_string()))) }).await?;
    call.server.health.stale();
    Ok((id, done))
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
    let (id, ()) = change(&call, |admin, id, by| async move { admin.set_enabled(&id, on, &by).await }).await?;
    Ok(json!({"ok": true, "id": id, "enabled": on}).into())
}

async fn grant(call: Call) -> Answer {
    let permissions = call.params.get("permissions").filter(|value| !value.is_null()).cloned();
    let until_ms = call.int("untilMs");
    let release = call.text("release").map(str::to_owned);
    let grant = |admin: Arc<dyn PluginAdmin>, id, by: String| async move {
        admin.grant_release(&id, permissions, until_ms, release.as_deref(), &by).await
    };
    let (id, ()) = change(&call, grant).await?;
    Ok(json!({"ok": true, "id": id}).into())
}

async fn approve(call: Call) -> Answer {
    let files = call.text("files").unwrap_or_default().to_owned();
    let (id, ()) = change(&call, |admin, id, by| async move { admin.approve(&id, &files, &by).await }).await?;
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
    let (id, ()) = change(&call, |admin, id, by| async move { admin.deny(&id, &by).await }).await?;
    Ok(json!({"ok": true, "id": id}).into())
}

async fn revoke(call: Call) -> Answer {
    let (id, ()) = change(&call, |admin, id, by| async move { admin.revoke(&id, &by).await }).await?;
    Ok(json!({"ok": true, "id": id}).into())
}

async fn rollback(call: Call) -> Answer {
    let (id, serving) = change(&call, |admin, id, by| async move { admin.rollback(&id, &by).await }).await?;
    Ok(json!({"ok": true, "id": id, "serving": serving}).into())
}

async fn reload(call: Call) -> Answer {
    within(call.server.admin.rescan()).await?;
    call.server.health.stale();
    Ok(json!({"ok": true}).into())
}
