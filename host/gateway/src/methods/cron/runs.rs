//! `cron.runs`: how the fires of one job, or of all, ended. Those that go on are not
//! in it; the job's record says when one does. Of many jobs only the newest fires of each
//! are looked at, and only what is on the page is written out.

use super::super::{Answer, Call};
use super::record::end_of;
use super::{Page, of_owner};
use crate::auth::secret::within;
use crate::limits::{RUNS_LISTED, RUNS_LOOKED_AT, RUNS_OF_EACH};
use crate::refusal::Refusal;
use crate::schema::{COUNT, Field, Kind, TEXT, WORD, may};
use serde_json::{Map, Value, json};
use skynet_core::schedule::{Fire, Job};
use std::collections::HashMap;

const STATUS: Kind = Kind::OneOf(&["ok", "error", "skipped"]);
const DELIVERY: Kind = Kind::OneOf(&["delivered", "not-delivered", "unknown", "not-requested"]);

/// What may be asked.
pub(super) const RUNS: &[Field] = &[
    may("scope", Kind::OneOf(&["job", "all"])),
    may("id", WORD),
    may("jobId", WORD),
    may("limit", Kind::Int(1, RUNS_LISTED)),
    may("offset", COUNT),
    may("statuses", Kind::List(&STATUS, 3)),
    may("status", Kind::OneOf(&["all", "ok", "error", "skipped"])),
    may("deliveryStatuses", Kind::List(&DELIVERY, 4)),
    may("deliveryStatus", DELIVERY),
    may("query", TEXT),
    may("sortDir", Kind::OneOf(&["asc", "desc"])),
];

/// The values that a parameter in either form lets through; `None` lets all.
fn wanted(call: &Call, one: &str, many: &str) -> Option<Vec<String>> {
    if let Some(list) = call.params.get(many).and_then(Value::as_array) {
        return Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    }
    call.text(one).filter(|word| *word != "all").map(|word| vec![word.to_owned()])
}

pub(super) async fn runs(call: Call) -> Answer {
    let id = call.text("id").or(call.text("jobId"));
    if call.text("scope") == Some("job") && id.is_none() {
        return Err(Refusal::invalid("invalid cron.runs params: scope job needs the job's id"));
    }
    let mut jobs = within(call.server.schedule.jobs(&of_owner())).await?;
    jobs.retain(|job| id.is_none_or(|id| job.id == id));
    let statuses = wanted(&call, "status", "statuses");
    let deliveries = wanted(&call, "deliveryStatus", "deliveryStatuses");
    // Nothing is delivered anywhere: see `wish`.
    let delivery_fits = deliveries.is_none_or(|wanted| wanted.iter().any(|word| word == "not-requested"));
    let query = call.text("query").map(|text| text.trim().to_lowercase()).unwrap_or_default();
    let of_each = RUNS_LOOKED_AT.checked_div(jobs.len()).unwrap_or(0).max(RUNS_OF_EACH);
    let fires = match (id, delivery_fits) {
        (_, false) => Vec::new(),
        (Some(id), true) => within(call.server.schedule.fires(id, of_each)).await?,
        (None, true) => within(call.server.schedule.newest_fires(&of_owner(), of_each)).await?,
    };
    let by_id: HashMap<&str, &Job> = jobs.iter().map(|job| (job.id.as_str(), job)).collect();
    let fits = |job: &Job, fire: &Fire| {
        let Some((status, why)) = end_of(fire) else { return false };
        let told = || format!("{} {}", job.name, why.unwrap_or_default()).to_lowercase();
        let of_status = statuses.as_ref().is_none_or(|wanted| wanted.iter().any(|word| word == status));
        of_status && (query.is_empty() || told().contains(&query))
    };
    // Of a job that is another's, or came since, nothing is told.
    let known = fires.into_iter().filter_map(|fire| Some((*by_id.get(fire.job.as_str())?, fire)));
    let mut ended: Vec<(&Job, Fire)> = known.filter(|(job, fire)| fits(job, fire)).collect();
    ended.sort_by_key(|(_, fire)| fire.begun_ms);
    if call.text("sortDir") != Some("asc") {
        ended.reverse();
    }
    let (page, total) = (Page::of(&call, RUNS_LISTED), ended.len());
    let entries = page.cut(ended).map(|(job, fire)| entry(job, &fire)).collect();
    Ok(page.answer("entries", entries, total).into())
}

fn entry(job: &Job, fire: &Fire) -> Value {
    let (status, why) = end_of(fire).unzip();
    let why = why.flatten();
    let ended_ms = fire.ended_ms.unwrap_or(fire.begun_ms);
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            entry.insert(key.to_owned(), value);
        }
    };
    put("ts", ended_ms.into());
    put("jobId", job.id.as_str().into());
    put("jobName", job.name.as_str().into());
    put("action", "finished".into());
    put("status", status.into());
    put("error", why.into());
    put("scheduledAtMs", fire.scheduled_ms.into());
    put("runAtMs", fire.begun_ms.into());
    put("durationMs", ended_ms.saturating_sub(fire.begun_ms).into());
    put("nextRunAtMs", job.next_ms.into());
    put("sessionKey", job.session.as_str().into());
    put("runId", json!(fire.turn));
    put("deliveryStatus", "not-requested".into());
    Value::Object(entry)
}
