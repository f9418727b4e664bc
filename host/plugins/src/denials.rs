//! What the audit log tells an owner of one plugin: what it was refused, and up to when
//! it was granted something.
//!
//! Owns which rows count and how they read. Refuses to tell one refusal twice: a call has
//! a row of its own beside that of the door which refused it.

use crate::host::PluginHost;
use crate::limits;
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_core::admin::AdminError;
use skynet_core::ports::AuditRow;

impl PluginHost {
    /// So many of its newest refusals, and up to when it had a grant whose time is over.
    pub(crate) async fn denials(&self, id: &PluginId, limit: usize) -> Result<(Vec<Value>, Option<u64>), AdminError> {
        let rows = self.shared.audit.tail(limits::WHY_DENIED_ROWS).await?;
        let over = self.granted_until(id, &rows).await?;
        let of_plugin = |actor: &str| actor == id.as_str() || actor.split_once('@').is_some_and(|(name, _)| name == id.as_str());
        // A call that a door refused something has a row of its own; the door's says what it was.
        let twice = |row: &AuditRow| row.kind == "tool.call" && row.detail.get("door") == Some(&Value::Bool(true));
        let denied = rows.into_iter().filter(|(_, _, row)| row.verdict == "denied" && of_plugin(&row.actor) && !twice(row)).take(limit);
        let denied = denied.map(|(number, at_ms, row)| {
            let (why, reason) = (row.detail.get("why"), row.detail.get("kind"));
            json!({
                "number": number, "at_ms": at_ms, "kind": row.kind, "who": row.actor, "what": refused_act(&row), "why": why, "reason": reason,
            })
        });
        Ok((denied.collect(), over))
    }

    /// Up to when it was granted something, where that time is over and no other word came since.
    async fn granted_until(&self, id: &PluginId, rows: &[(u64, u64, AuditRow)]) -> Result<Option<u64>, AdminError> {
        if self.shared.state.grant(id).await?.is_some() {
            return Ok(None);
        }
        let word = |row: &&AuditRow| {
            row.subject == id.as_str() && row.verdict == "ok" && matches!(row.kind.as_str(), "grant" | "approve" | "revoke")
        };
        let until = rows.iter().map(|(_, _, row)| row).find(word).and_then(|row| row.detail.get("until_ms")?.as_u64());
        Ok(until.filter(|until| *until <= self.shared.clock.now_ms()))
    }

    /// Says that a grant's time was over, for the owner and in the log.
    pub(crate) async fn note_lapse(&self, id: &PluginId, until_ms: Option<u64>) {
        if let Some(entry) = self.shared.book.lock().await.plugins.get_mut(id) {
            entry.lapsed = true;
        }
        let detail = json!({ "until_ms": until_ms });
        let row = AuditRow { kind: "grant".into(), actor: "host".into(), subject: id.to_string(), verdict: "over".into(), detail };
        // It serves no more either way.
        if let Err(error) = self.shared.audit.enqueue(row).await {
            tracing::error!(plugin = %id, %error, "the end of its grant was not recorded");
        }
    }
}

/// What was refused: the subject of the row, with the function where a door of the host's was asked for one.
fn refused_act(row: &AuditRow) -> String {
    match row.detail.get("action").and_then(Value::as_str) {
        Some(action) => format!("{}.{action} {}", row.kind, row.subject).trim_end().to_owned(),
        None => row.subject.clone(),
    }
}
