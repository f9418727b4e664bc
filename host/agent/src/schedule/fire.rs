//! One fire, from its claim to its end: the audit row, the turn, and how it went.
//!
//! The first row is taken before the turn is; without it nothing runs. The message says
//! which job it is, when it was due, and who planned it, since no person is there.

use crate::agent::Agent;
use crate::ledger::within;
use crate::limits::{JOB_LATE_MS, SENTENCE_CHARS};
use crate::prompt::minute;
use crate::request::{Offer, Submitted, TurnInput, TurnRequest};
use crate::result::cut;
use crate::schedule::plan::Planner;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use skynet_core::event::{TurnEnd, TurnEventKind};
use skynet_core::ports::AuditRow;
use skynet_core::schedule::Job;
use skynet_core::{Message, Role, StoreError, TurnId};
use std::sync::Arc;

/// A job whose time has come, claimed.
pub(super) struct Due {
    pub(super) job: Job,
    pub(super) scheduled_ms: u64,
    pub(super) now_ms: u64,
    pub(super) turn: TurnId,
    /// In which times are told.
    pub(super) zone: TimeZone,
    /// Whether who planned it may still have it done.
    pub(super) allowed: bool,
}

/// How it went: for the fire's row, and the audit log's verdict.
struct Outcome {
    how: String,
    verdict: &'static str,
    /// Its sort alone, fit for the audit log.
    sort: String,
}

impl Outcome {
    fn refused(why: impl std::fmt::Display) -> Self {
        Self { how: format!("refused: {why}"), verdict: "denied", sort: "refused".into() }
    }

    fn of(end: &TurnEnd) -> Self {
        match end {
            TurnEnd::Done { .. } => Self { how: "done".into(), verdict: "ok", sort: "done".into() },
            TurnEnd::Aborted { reason, .. } => Self { how: format!("aborted: {reason}"), verdict: "error", sort: "aborted".into() },
            TurnEnd::Failed { message, class } => {
                let how = format!("failed: {class}: {}", cut(message, SENTENCE_CHARS));
                Self { how, verdict: "error", sort: format!("failed: {class}") }
            }
        }
    }
}

/// Runs it to its end, and writes that down.
pub(super) async fn run(agent: Agent, planner: Arc<Planner>, due: Due) {
    let outcome = play(&agent, &due).await;
    if outcome.verdict != "ok" {
        tracing::warn!(job = %due.job.id, turn = %due.turn, how = %outcome.sort, "a scheduled turn did not end well");
    }
    let mut detail = json!({ "how": outcome.sort });
    if let (Some(detail), "denied") = (detail.as_object_mut(), outcome.verdict) {
        // Why the host would not: none of it is the words of a person or a model.
        detail.insert("why".into(), outcome.how.trim_start_matches("refused: ").into());
    }
    // A job whose plugin lost its grant comes again and again: one row says it.
    let repeated = !due.allowed && refused_before(&planner, &due.job.id, &outcome.how).await;
    if !repeated && let Err(error) = record(&agent, &due, "schedule.end", outcome.verdict, detail).await {
        tracing::error!(job = %due.job.id, %error, "the end of a scheduled turn could not be audited");
    }
    let end = planner.jobs.end_fire(&due.job.id, due.scheduled_ms, &outcome.how);
    if let Err(error) = within(&*planner.clock, end).await {
        tracing::error!(job = %due.job.id, %error, "the end of a scheduled turn could not be written");
    }
}

/// Whether the fire before this one ended with the same words.
async fn refused_before(planner: &Planner, job: &str, how: &str) -> bool {
    let fires = within(&*planner.clock, planner.jobs.fires(job, 2)).await.unwrap_or_default();
    fires.get(1).is_some_and(|before| before.how.as_deref() == Some(how))
}

async fn play(agent: &Agent, due: &Due) -> Outcome {
    if let (Some(plugin), false) = (&due.job.plugin, due.allowed) {
        return Outcome::refused(format!("{plugin} does not serve, or may no longer plan work; `skynet plugin info {plugin}` says which"));
    }
    let late_ms = due.now_ms.saturating_sub(due.scheduled_ms);
    if let Err(error) = record(agent, due, "schedule", "ok", json!({ "late_ms": late_ms })).await {
        return Outcome::refused(format!("the audit log could not be written: {error}"));
    }
    match agent.submit(request(due)).await {
        Ok(submitted) => end_of(submitted).await,
        Err(error) => Outcome::refused(error),
    }
}

async fn end_of(mut submitted: Submitted) -> Outcome {
    while let Some(event) = submitted.events.recv().await {
        if let TurnEventKind::Ended(end) = &event.kind {
            return Outcome::of(end);
        }
    }
    Outcome::of(&TurnEnd::Failed { message: "the turn ended without a word".into(), class: "unknown" })
}

fn request(due: &Due) -> TurnRequest {
    let job = &due.job;
    let text = format!("{}\n{}", heading(due), job.prompt);
    TurnRequest {
        turn: due.turn.clone(),
        session: job.session.clone(),
        user: job.user.clone(),
        channel: "schedule".into(),
        input: TurnInput::Session { message: Message::text(Role::User, text) },
        model: None,
        thinking: None,
        timeout: None,
        time_zone: None,
        depth: 0,
        tools: Offer::All,
    }
}

/// The first line of the message.
fn heading(due: &Due) -> String {
    // Ahead of its name, which may be made to look like words of the host's.
    let planner = due.job.plugin.as_ref();
    let planned = planner.map(|plugin| format!("The plugin {plugin} planned this and wrote its name and what follows; no person did. "));
    let mut line = format!("[schedule] {}The job \"{}\"", planned.unwrap_or_default(), due.job.name);
    line.push_str(&format!(" was due on {}.", minute(due.scheduled_ms, due.zone.clone())));
    let late_ms = due.now_ms.saturating_sub(due.scheduled_ms);
    if late_ms > JOB_LATE_MS {
        line.push_str(&format!(" It comes {} late.", span(late_ms)));
    }
    line
}

/// A time span in its two largest units.
fn span(ms: u64) -> String {
    let minutes = ms / 60_000;
    let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => format!("{rest} min"),
        (0, _) => format!("{hours} h {rest} min"),
        _ => format!("{days} d {hours} h"),
    }
}

async fn record(agent: &Agent, due: &Due, kind: &str, verdict: &str, mut detail: Value) -> Result<(), StoreError> {
    if let Some(detail) = detail.as_object_mut() {
        detail.insert("turn".into(), due.turn.0.as_str().into());
        detail.insert("session".into(), due.job.session.as_str().into());
        detail.insert("scheduled_ms".into(), due.scheduled_ms.into());
    }
    let actor = due.job.plugin.as_ref().map_or_else(|| due.job.user.0.clone(), |plugin| plugin.as_str().to_owned());
    let row = AuditRow { kind: kind.into(), actor, subject: due.job.id.clone(), verdict: verdict.into(), detail };
    let ports = &agent.shared.ports;
    within(&*ports.clock, ports.audit.enqueue(row)).await
}
