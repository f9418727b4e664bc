//! `proposals.*`: plugins that somebody asks the owner for, and the owner's answer.
//!
//! The only place where a code leaves the host, in the answer to the owner who asked to see
//! that proposal. What models wrote is given as it is; whoever shows it makes it plain.
//! Refuses all without the owner's scope. The desk writes the audit rows.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::frame::EventHead;
use crate::hub::Audience;
use crate::limits::{ADMIN_DEADLINE, PROPOSAL_WORD};
use crate::refusal::Refusal;
use crate::schema::{Field, Kind, WORD, may, must};
use crate::server::Server;
use serde_json::{Value, json};
use skynet_core::proposals::{ApprovalError, Proposal};
use std::sync::Arc;

const ADMIN: Option<Scope> = Some(Scope::Admin);
const ID: &[Field] = &[must("id", WORD)];

pub(super) const METHODS: &[Method] = &[
    method("proposals.list", ADMIN, Some(&[may("all", Kind::Bool)]), |call| Box::pin(list(call))),
    method("proposals.show", ADMIN, Some(ID), |call| Box::pin(show(call))),
    method("proposals.approve", ADMIN, Some(&[must("id", WORD), must("code", WORD)]), |call| Box::pin(approve(call))),
    method("proposals.refuse", ADMIN, Some(ID), |call| Box::pin(refuse(call))),
];

impl From<ApprovalError> for Refusal {
    fn from(error: ApprovalError) -> Self {
        let message = error.to_string();
        match error {
            ApprovalError::Unknown(_) => Self::not_found(message),
            ApprovalError::Refused(_) => Self::invalid(message),
            ApprovalError::NotInstalled(_) => Self::unavailable(message),
            ApprovalError::Store(error) => error.into(),
        }
    }
}

/// Tells owners of each new proposal. Neither its source nor a code is in it.
pub(crate) fn announce(server: &Arc<Server>) {
    let weak = Arc::downgrade(server);
    server.approvals.watch(Box::new(move |proposal: &Proposal| {
        let Some(server) = weak.upgrade() else { return };
        let candidate = &proposal.candidate;
        let payload = json!({
            "id": proposal.id, "plugin": candidate.subject, "version": candidate.version, "digest": candidate.digest,
            "kind": candidate.kind, "asks": candidate.asks, "findings": candidate.findings, "by": proposal.by,
            "createdAtMs": proposal.created_ms, "expiresAtMs": proposal.expires_ms,
        });
        server.hub.broadcast(&EventHead::new("proposal.created", &payload), Audience::Scope(Scope::Admin), false);
    }));
}

fn id(call: &Call) -> Result<&str, Refusal> {
    let id = call.text("id").unwrap_or_default();
    if id.len() > PROPOSAL_WORD {
        return Err(Refusal::invalid("an id of a proposal is six letters; proposals.list shows them"));
    }
    Ok(id)
}

async fn within<T>(what: impl Future<Output = Result<T, ApprovalError>>) -> Result<T, Refusal> {
    match tokio::time::timeout(ADMIN_DEADLINE, what).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Refusal::unavailable(format!(
            "this takes more than {} s and goes on; `skynet proposals list --all` tells how it ends",
            ADMIN_DEADLINE.as_secs()
        ))),
    }
}

/// Once begun it is carried through, even when nobody waits for the answer any more.
async fn carried<T: Send + 'static>(doing: impl Future<Output = Result<T, ApprovalError>> + Send + 'static) -> Result<T, Refusal> {
    let doing = tokio::spawn(doing);
    within(async { doing.await.unwrap_or_else(|error| Err(ApprovalError::NotInstalled(error.to_string()))) }).await
}

/// A line of a list: everything but the source.
fn line(proposal: &Proposal) -> Value {
    let mut row = json!(proposal);
    if let Some(candidate) = row.get_mut("candidate").and_then(Value::as_object_mut) {
        candidate.remove("source");
    }
    row
}

async fn list(call: Call) -> Answer {
    let all = within(call.server.approvals.list(!call.flag("all"))).await?;
    let rows: Vec<Value> = all.iter().map(line).collect();
    Ok(json!({"ts": call.server.clock.now_ms(), "proposals": rows}).into())
}

async fn show(call: Call) -> Answer {
    let shown = within(call.server.approvals.show(id(&call)?, &call.client.actor())).await?;
    let until = shown.code.is_some().then_some(shown.until_ms);
    Ok(json!({"proposal": shown.proposal, "code": shown.code, "codeUntilMs": until}).into())
}

async fn approve(call: Call) -> Answer {
    let (id, code) = (id(&call)?.to_owned(), call.text("code").unwrap_or_default().to_owned());
    if code.len() > PROPOSAL_WORD {
        return Err(Refusal::invalid("a code is eight letters; proposals.show gives one"));
    }
    let (approvals, by) = (Arc::clone(&call.server.approvals), call.client.actor());
    let done = carried(async move { approvals.approve(&id, &code, &by).await }).await;
    call.server.health.stale();
    Ok(json!({"ok": true, "proposal": line(&done?)}).into())
}

async fn refuse(call: Call) -> Answer {
    let id = id(&call)?.to_owned();
    let (approvals, by) = (Arc::clone(&call.server.approvals), call.client.actor());
    let done = carried(async move { approvals.refuse(&id, &by).await }).await?;
    Ok(json!({"ok": true, "proposal": line(&done)}).into())
}
