//! What the audit log has of proposals: who, which plugin at which digest, how it ended.
//!
//! No source, no summary, no code, no answer of a trial.

use serde_json::{Value, json};
use skynet_core::ports::AuditRow;
use skynet_core::proposals::{Candidate, Proposal};

/// A row about something that has no id yet, or need not.
pub(super) fn of_candidate(actor: &str, action: &str, verdict: &str, candidate: &Candidate, more: Value) -> AuditRow {
    let mut detail = json!({
        "action": action, "digest": candidate.digest, "publisher": candidate.publisher, "permissions": candidate.permissions,
        "from": candidate.kind,
    });
    if let (Some(detail), Value::Object(more)) = (detail.as_object_mut(), more) {
        detail.extend(more);
    }
    let subject = format!("{} {}", candidate.subject, candidate.version);
    AuditRow { kind: "proposal".into(), actor: actor.into(), subject, verdict: verdict.into(), detail }
}

/// The same about one with an id.
pub(super) fn of(actor: &str, action: &str, verdict: &str, proposal: &Proposal, why: &str) -> AuditRow {
    let mut more = json!({ "id": proposal.id });
    if !why.is_empty() {
        more["why"] = why.into();
    }
    of_candidate(actor, action, verdict, &proposal.candidate, more)
}
