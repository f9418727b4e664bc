//! What is decided about plugins, made durable together with its audit row.
//!
//! Owns the rule that each attempt leaves one row and that the row is true: a change and
//! its row are one transaction, and what was refused or failed before it has a row that
//! says so. What follows in memory begins after that and has no row of its own.

use crate::host::PluginHost;
use crate::scrub::Scrub as _;
use serde_json::{Value, json};
use skynet_core::StoreError;
use skynet_core::admin::AdminError;
use skynet_core::ports::{AuditRow, PluginChange};
use skynet_policy::naming;

/// Characters of a reason in a row: a refusal may quote what somebody sent.
const WHY: usize = 400;

/// What is done to what, and by whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Act<'a> {
    pub(crate) kind: &'static str,
    pub(crate) by: &'a str,
    pub(crate) subject: &'a str,
}

impl Act<'_> {
    fn row(self, verdict: &str, detail: Value) -> AuditRow {
        AuditRow { kind: self.kind.into(), actor: self.by.into(), subject: self.subject.into(), verdict: verdict.into(), detail }
    }
}

impl PluginHost {
    /// Takes the steps and writes the row that tells of them, or does neither.
    pub(crate) async fn change(&self, act: Act<'_>, detail: Value, steps: Vec<PluginChange>) -> Result<(), StoreError> {
        let row = act.row("ok", detail).scrubbed(&self.shared.runtime.known);
        self.shared.state.change(steps, row).await
    }

    /// An attempt that came to nothing leaves a row with the reason; one that came to
    /// something has its row already.
    pub(crate) async fn noted<T>(&self, act: Act<'_>, attempt: impl Future<Output = Result<T, AdminError>>) -> Result<T, AdminError> {
        let ended = attempt.await;
        if let Err(error) = &ended {
            let verdict = match error {
                AdminError::NotFound(_) | AdminError::Refused(_) => "denied",
                AdminError::Store(_) | AdminError::Unfinished(_) | AdminError::Bug(_) => "error",
            };
            let why = naming::plain_line(&error.to_string(), WHY);
            // Nothing was changed, so nothing is undone for want of this row.
            if let Err(unwritten) = self.shared.audit.record(act.row(verdict, json!({ "why": why }))).await {
                tracing::error!(error = %unwritten, kind = act.kind, by = act.by, subject = act.subject, %why, "an attempt was not recorded");
            }
        }
        ended
    }
}

/// What came of it once it was decided and on record.
pub(crate) fn unfinished(error: AdminError) -> AdminError {
    match error {
        AdminError::Unfinished(why) => AdminError::Unfinished(why),
        other => AdminError::Unfinished(other.to_string()),
    }
}
