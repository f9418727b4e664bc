//! What the doors to the host's own services have in common: memory, knowledge, schedule,
//! agent, messages, scripts, proposals, shells.
//!
//! A door asks, in this order: on whose behalf, whether it is granted, whether it is not
//! too often. A refusal is a `Denial` for the owner, one sentence for the guest and a row
//! in the audit log; an act whose row the log does not take does not happen.

use crate::ceiling;
use crate::limits;
use crate::store::CallState;
use serde_json::{Value, json};
use skynet_core::Denial;
use skynet_core::neighbours::Caller;
use skynet_core::ports::AuditRow;
use skynet_policy::naming::plain_line;

/// What a guest wants done.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    /// The kind of its audit row: the permission.
    pub(crate) kind: &'static str,
    /// The function.
    pub(crate) action: &'static str,
    /// What it is done to; empty when that is nobody's business.
    pub(crate) subject: String,
}

impl Act {
    pub(crate) fn new(kind: &'static str, action: &'static str, subject: &str) -> Self {
        Self { kind, action, subject: plain_line(subject, 160) }
    }

    fn what(&self) -> String {
        let Self { kind, action, subject } = self;
        if subject.is_empty() { format!("{kind}.{action}") } else { format!("{kind}.{action} {subject}") }
    }
}

/// Why a door stays shut, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shut {
    why: String,
    /// Absent where the grant is what is missing: which one helps depends on whose it is.
    remedy: Option<&'static str>,
}

impl Shut {
    /// The grant does not hold this.
    pub(crate) fn not_granted(what: &str) -> Self {
        Self { why: format!("it was not granted {what}"), remedy: None }
    }

    /// Not allowed here, and this is what helps.
    pub(crate) fn with(why: &str, remedy: &'static str) -> Self {
        Self { why: why.into(), remedy: Some(remedy) }
    }

    /// A bound of the host's.
    pub(crate) fn too_much(why: impl Into<String>) -> Self {
        Self { why: why.into(), remedy: Some("The plugin must do with less; tell its author") }
    }
}

/// `Ok` when `granted`, else what is missing.
pub(crate) fn granted(granted: bool, what: &str) -> Result<(), Shut> {
    if granted { Ok(()) } else { Err(Shut::not_granted(what)) }
}

impl CallState {
    /// Opens the door for this act, or says why not. The row is in the log's order before
    /// anything is done.
    pub(crate) async fn enter(&mut self, act: &Act, allowed: Result<(), Shut>) -> Result<Caller, String> {
        self.enter_with(act, allowed, json!({})).await
    }

    /// The same, with more to say in the row. Never an argument of the guest's.
    pub(crate) async fn enter_with(&mut self, act: &Act, allowed: Result<(), Shut>, detail: Value) -> Result<Caller, String> {
        let reach = &mut self.reach;
        reach.acts = reach.acts.saturating_add(1);
        let allowed = allowed.and_then(|()| {
            let many = || Shut::too_much(format!("one call may ask the host for {} such things", limits::ACTS));
            if reach.acts > limits::ACTS { Err(many()) } else { Ok(()) }
        });
        let caller = match (reach.context.clone(), allowed) {
            (Some(context), Ok(())) => Caller { plugin: reach.plugin.clone(), context },
            (None, Ok(())) => return Err(self.refuse(act, Shut::too_much("no call is under way on behalf of anybody")).await),
            (_, Err(shut)) => return Err(self.refuse(act, shut).await),
        };
        self.record(act, "ok", detail).await.map(|()| caller)
    }

    /// Refuses it.
    pub(crate) async fn refuse(&mut self, act: &Act, shut: Shut) -> String {
        let Shut { why, remedy } = shut;
        let cut = if remedy.is_none() { ceiling::cut_of(&self.reach.granted.withheld, act) } else { None };
        let id = &self.reach.plugin.id;
        let (why, remedy) = match (cut, remedy) {
            (Some(cut), _) => (cut, ceiling::REMEDY.to_owned()),
            (None, Some(remedy)) => (why, remedy.to_owned()),
            (None, None) => {
                (why, format!("`skynet plugin info {id}` shows what it asks for; the owner can allow that with `skynet plugin grant {id}`"))
            }
        };
        let denial = Denial { who: self.reach.plugin.to_string(), what: act.what(), why, remedy };
        let said = format!("denied: {}", denial.why);
        if self.hooks.budget.count_refusal() {
            // The guest is refused either way; the log that takes no rows stops the next act.
            let _ = self.record(act, "denied", json!({ "why": denial.why })).await;
        }
        self.hooks.budget.note_denial(denial);
        said
    }

    /// Says that what was allowed did not work. Gives the sentence for the guest.
    pub(crate) async fn failed(&mut self, act: &Act, why: String) -> String {
        let _ = self.record(act, "error", json!({ "why": plain_line(&why, 300) })).await;
        why
    }

    async fn record(&mut self, act: &Act, verdict: &str, mut detail: Value) -> Result<(), String> {
        let reach = &mut self.reach;
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("action".into(), act.action.into());
            if let Some(context) = &reach.context {
                detail.insert("turn".into(), context.turn.0.clone().into());
                detail.insert("user".into(), context.user.0.clone().into());
            }
        }
        let row = AuditRow {
            kind: act.kind.into(),
            actor: reach.plugin.to_string(),
            subject: act.subject.clone(),
            verdict: verdict.into(),
            detail,
        };
        reach.audit.enqueue(row).await.map_err(|error| {
            tracing::error!(plugin = %reach.plugin, act = %act.what(), %error, "the audit log did not take a row; the act is refused");
            "the host could not record this, so it was not done".into()
        })
    }

    /// A guest's text as the host keeps it or passes it on: without known secrets.
    pub(crate) fn clean(&self, text: &str) -> String {
        self.reach.known.now().text(text).into_owned()
    }

    /// The source of what this plugin writes, as the store keeps it.
    pub(crate) fn source(&self) -> String {
        format!("plugin:{}", self.reach.plugin.id)
    }
}
