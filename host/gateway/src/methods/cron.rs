//! `cron.*`: jobs for later, as clients of the OpenClaw protocol and of the first
//! skynet write and read them; `wish` reads what they ask, `record` writes what they get.
//!
//! A job that is over is one that is not enabled: it leaves the default list and is
//! kept to be looked at. Removing what is not there is no error, `removed` says so.
//! Whatever changes the schedule is written to the audit log first. Refuses what this
//! host would not do (delivery elsewhere, a model per job), instead of leaving it out.

mod record;
mod runs;
mod wish;

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::auth::secret::within;
use crate::frame::EventHead;
use crate::hub::Audience;
use crate::limits::{JOBS_LISTED, JOBS_LISTED_BYTES};
use crate::refusal::Refusal;
use crate::schema::{COUNT, Field, Kind, TEXT, WORD, may, must};
use serde_json::{Value, json};
use skynet_core::UserId;
use skynet_core::ports::AuditRow;
use skynet_core::schedule::{Fire, Job, JobFilter, ScheduleError, When};
use std::cmp::Ordering;
use std::collections::HashMap;

const READ: Option<Scope> = Some(Scope::Read);
const ADMIN: Option<Scope> = Some(Scope::Admin);

const LIST: &[Field] = &[
    may("includeDisabled", Kind::Bool),
    may("limit", Kind::Int(1, JOBS_LISTED)),
    may("offset", COUNT),
    may("query", TEXT),
    may("enabled", Kind::OneOf(&["all", "enabled", "disabled"])),
    may("sortBy", Kind::OneOf(&["nextRunAtMs", "updatedAtMs", "name"])),
    may("sortDir", Kind::OneOf(&["asc", "desc"])),
];

const REMOVE: &[Field] = &[may("id", WORD), may("jobId", WORD)];

/// The lists of clients are longer than a job can have them.
const SCHEDULE: &[Field] = &[
    must("kind", Kind::OneOf(&["at", "every", "cron", "once", "interval", "daily", "weekly"])),
    may("at", WORD),
    may("everyMs", Kind::Int(1, u64::MAX)),
    may("anchorMs", COUNT),
    may("expr", WORD),
    may("tz", TEXT),
    may("staggerMs", COUNT),
    may("every_secs", Kind::Int(1, u64::MAX)),
    may("hour", Kind::Int(0, 23)),
    may("minute", Kind::Int(0, 59)),
    may("day", Kind::Int(0, 6)),
    may("expression", WORD),
];

const PAYLOAD: &[Field] = &[
    must("kind", Kind::OneOf(&["systemEvent", "agentTurn"])),
    may("text", WORD),
    may("message", WORD),
    may("model", TEXT),
    may("fallbacks", Kind::List(&TEXT, 64)),
    may("thinking", TEXT),
    may("timeoutSeconds", Kind::Any),
    may("allowUnsafeExternalContent", Kind::Bool),
    may("lightContext", Kind::Bool),
    may("toolsAllow", Kind::OrNull(&Kind::List(&TEXT, 1024))),
];

const DELIVERY: &[Field] = &[
    must("mode", Kind::OneOf(&["none", "announce", "webhook"])),
    may("channel", TEXT),
    may("to", TEXT),
    may("threadId", Kind::Any),
    may("accountId", TEXT),
    may("bestEffort", Kind::Bool),
    may("failureDestination", Kind::Any),
];

const OR_WORD: Kind = Kind::OrNull(&WORD);
const ADD: &[Field] = &[
    must("name", WORD),
    must("schedule", Kind::Object(SCHEDULE)),
    may("action", WORD),
    may("agentId", OR_WORD),
    may("sessionKey", OR_WORD),
    may("description", TEXT),
    may("enabled", Kind::Bool),
    may("deleteAfterRun", Kind::Bool),
    may("sessionTarget", WORD),
    may("wakeMode", Kind::OneOf(&["next-heartbeat", "now"])),
    may("payload", Kind::Object(PAYLOAD)),
    may("delivery", Kind::Object(DELIVERY)),
    may("failureAlert", Kind::Any),
];

pub(super) const METHODS: &[Method] = &[
    method("cron.list", READ, Some(LIST), |call| Box::pin(list(call))),
    method("cron.status", READ, Some(&[]), |call| Box::pin(status(call))),
    method("cron.runs", READ, Some(runs::RUNS), |call| Box::pin(runs::runs(call))),
    method("cron.add", ADMIN, Some(ADD), |call| Box::pin(add(call))),
    method("cron.remove", ADMIN, Some(REMOVE), |call| Box::pin(remove(call))),
];

/// All that a client of this host may see: there is one user.
fn of_owner() -> JobFilter {
    JobFilter { user: Some(UserId::owner()), plugin: None }
}

fn refused(error: ScheduleError) -> Refusal {
    match error {
        ScheduleError::Invalid(why) => Refusal::invalid(why),
        ScheduleError::Quota(_) => Refusal::invalid(error.to_string()),
        ScheduleError::Store(error) => error.into(),
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Which page of a list was asked for.
struct Page {
    offset: u64,
    limit: u64,
}

impl Page {
    fn of(call: &Call, most: u64) -> Self {
        Self { offset: call.int("offset").unwrap_or(0), limit: call.int("limit").unwrap_or(most) }
    }

    /// What is on it, at most.
    fn cut<T>(&self, all: Vec<T>) -> impl Iterator<Item = T> {
        all.into_iter().skip(size(self.offset)).take(size(self.limit))
    }

    /// The answer, with what a client needs to ask for the next page.
    fn answer(&self, key: &str, rows: Vec<Value>, total: usize) -> Value {
        let next = size(self.offset).saturating_add(rows.len());
        let has_more = next < total;
        let mut answer = json!({
            "total": total, "offset": self.offset, "limit": self.limit, "hasMore": has_more, "nextOffset": has_more.then_some(next),
        });
        if let Some(answer) = answer.as_object_mut() {
            answer.insert(key.into(), rows.into());
        }
        answer
    }
}

async fn list(call: Call) -> Answer {
    let mut jobs = within(call.server.schedule.jobs(&of_owner())).await?;
    let which = call.text("enabled").unwrap_or(if call.flag("includeDisabled") { "all" } else { "enabled" });
    let query = call.text("query").map(|text| text.trim().to_lowercase()).unwrap_or_default();
    jobs.retain(|job| match which {
        "all" => true,
        "disabled" => job.next_ms.is_none(),
        _ => job.next_ms.is_some(),
    });
    jobs.retain(|job| job.name.to_lowercase().contains(&query) || job.prompt.to_lowercase().contains(&query));
    let sort = call.text("sortBy").unwrap_or("nextRunAtMs");
    jobs.sort_by(|left, right| order(sort, left, right));
    if call.text("sortDir") == Some("desc") {
        jobs.reverse();
    }
    let (page, total) = (Page::of(&call, JOBS_LISTED), jobs.len());
    let last = within(call.server.schedule.newest_fires(&of_owner(), 1)).await?;
    let last: HashMap<&str, &Fire> = last.iter().map(|fire| (fire.job.as_str(), fire)).collect();
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for job in page.cut(jobs) {
        let record = record::record(&job, last.get(job.id.as_str()).copied());
        bytes += record.to_string().len();
        // One goes out however long it is, or nobody would get past it.
        if bytes > JOBS_LISTED_BYTES && !rows.is_empty() {
            break;
        }
        rows.push(record);
    }
    let mut answer = page.answer("jobs", rows, total);
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("deliveryPreviews".into(), json!({}));
    }
    Ok(answer.into())
}

fn order(by: &str, left: &Job, right: &Job) -> Ordering {
    match by {
        "name" => left.name.to_lowercase().cmp(&right.name.to_lowercase()),
        "updatedAtMs" => left.created_ms.cmp(&right.created_ms),
        _ => (left.next_ms.is_none(), left.next_ms).cmp(&(right.next_ms.is_none(), right.next_ms)),
    }
}

async fn status(call: Call) -> Answer {
    let jobs = within(call.server.schedule.jobs(&of_owner())).await?;
    let next = jobs.iter().filter_map(|job| job.next_ms).min();
    let alive = jobs.iter().filter(|job| job.next_ms.is_some()).count();
    // Clients show where the jobs are kept.
    let place = call.server.state_dir.clone().unwrap_or_default();
    Ok(json!({"enabled": true, "storePath": place, "jobs": alive, "nextWakeAtMs": next}).into())
}

async fn add(call: Call) -> Answer {
    let wish = wish::of(&call)?;
    let kind = match wish.when {
        When::At { .. } => "at",
        When::Every { .. } => "every",
        When::Cron { .. } => "cron",
    };
    let (actor, session) = (call.client.actor(), wish.session.clone());
    let act = async { call.server.schedule.add(wish).await.map_err(refused) };
    let job = call.recorded("schedule", session.as_str(), json!({"action": "add", "kind": kind, "by": "gateway"}), act).await?;
    // The row before had no id to name: the store gives it.
    let detail = json!({"action": "added", "kind": kind, "session": session, "by": "gateway"});
    let row = AuditRow { kind: "schedule".into(), actor, subject: job.id.clone(), verdict: "ok".into(), detail };
    if let Err(error) = call.server.enqueue(row).await {
        tracing::error!(job = %job.id, %error, "that a job was planned is in the audit log, but not under its id");
    }
    let mut answer = record::record(&job, None);
    tell(&call, &job.id, "added", Some(&answer));
    let whole = answer.clone();
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("job".into(), whole);
    }
    Ok(answer.into())
}

async fn remove(call: Call) -> Answer {
    let Some(id) = call.text("id").or(call.text("jobId")) else {
        return Err(Refusal::invalid("invalid cron.remove params: must have required property 'id'"));
    };
    let id = id.to_owned();
    let known = within(call.server.schedule.jobs(&of_owner())).await?.iter().any(|job| job.id == id);
    let act = async { Ok(call.server.schedule.remove(&id, &of_owner()).await?) };
    let removed = known && call.recorded("schedule", &id, json!({"action": "remove", "by": "gateway"}), act).await?;
    if removed {
        tell(&call, &id, "removed", None);
    }
    Ok(json!({"ok": true, "removed": removed}).into())
}

fn tell(call: &Call, id: &str, action: &str, job: Option<&Value>) {
    let mut payload = json!({"jobId": id, "action": action});
    if let (Some(payload), Some(job)) = (payload.as_object_mut(), job) {
        payload.insert("job".into(), job.clone());
        payload.insert("nextRunAtMs".into(), job.pointer("/state/nextRunAtMs").cloned().unwrap_or_default());
    }
    call.server.hub.broadcast(&EventHead::new("cron", &payload), Audience::Scope(Scope::Read), false);
}
