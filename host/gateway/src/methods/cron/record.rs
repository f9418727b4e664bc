//! A job as clients read it: one record with the keys of both dialects.

use super::wish::ISOLATED;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use skynet_core::SessionKey;
use skynet_core::schedule::{Fire, Job, When};

/// Milliseconds as text with a date.
fn iso(ms: u64) -> Option<String> {
    Some(Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()?.to_string())
}

/// How a fire ended in the protocol's words, and why when it did not end well. `None`
/// while it goes on.
pub(super) fn end_of(fire: &Fire) -> Option<(&'static str, Option<&str>)> {
    let how = fire.how.as_deref()?;
    Some(match how {
        "done" => ("ok", None),
        _ if how.starts_with("refused") => ("skipped", Some(how)),
        _ => ("error", Some(how)),
    })
}

fn target(session: &SessionKey) -> String {
    match session.as_str() {
        _ if *session == SessionKey::main() => "main".into(),
        key if key.starts_with(ISOLATED) => "isolated".into(),
        key => format!("session:{key}"),
    }
}

fn schedule(when: &When) -> Value {
    match when {
        When::At { at_ms } => json!({"kind": "at", "at": iso(*at_ms)}),
        When::Every { every_ms, anchor_ms } => json!({"kind": "every", "everyMs": every_ms, "anchorMs": anchor_ms}),
        When::Cron { line, zone } => json!({"kind": "cron", "expr": line, "tz": zone}),
    }
}

fn state(job: &Job, last: Option<&Fire>) -> Value {
    let mut state = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            state.insert(key.to_owned(), value);
        }
    };
    put("nextRunAtMs", job.next_ms.into());
    put("lastRunAtMs", last.map_or_else(|| job.last_ms.into(), |fire| fire.begun_ms.into()));
    if let Some(fire) = last {
        match end_of(fire) {
            None => put("runningAtMs", fire.begun_ms.into()),
            Some((status, why)) => {
                put("lastRunStatus", status.into());
                put("lastStatus", status.into());
                put("lastError", why.into());
                put("lastDurationMs", fire.ended_ms.map(|ended| ended.saturating_sub(fire.begun_ms)).into());
            }
        }
    }
    Value::Object(state)
}

/// The record; `last` is the job's newest fire.
pub(super) fn record(job: &Job, last: Option<&Fire>) -> Value {
    let target = target(&job.session);
    let payload = match target.as_str() {
        "main" => json!({"kind": "systemEvent", "text": job.prompt}),
        _ => json!({"kind": "agentTurn", "message": job.prompt}),
    };
    let enabled = job.next_ms.is_some();
    json!({
        "id": job.id, "name": job.name, "enabled": enabled, "createdAtMs": job.created_ms, "updatedAtMs": job.created_ms,
        "agentId": job.session.agent(), "sessionKey": job.session, "schedule": schedule(&job.when), "sessionTarget": target,
        "wakeMode": "now", "payload": payload, "delivery": {"mode": "none"}, "state": state(job, last),
        "plugin": job.plugin,
        "action": job.prompt, "status": if enabled { "pending" } else { "completed" },
        "last_run": job.last_ms.and_then(iso), "next_run": job.next_ms.and_then(iso), "run_count": job.runs, "max_runs": null,
        "created_at": iso(job.created_ms), "updated_at": iso(job.created_ms),
    })
}
