//! What a client wishes, as a job: both dialects, and a sentence for each part of them
//! that this host does not do.
//!
//! Of the first skynet come `once`, `interval`, `daily`, `weekly` and `action`; daily and
//! weekly times are in UTC there, unless the wish names a zone.

use super::super::Call;
use crate::refusal::Refusal;
use crate::schema::shown;
use jiff::Timestamp;
use serde_json::{Map, Value};
use skynet_core::schedule::{NewJob, When};
use skynet_core::{SessionKey, UserId};
use uuid::Uuid;

type Object = Map<String, Value>;

/// How an isolated job's session begins.
pub(super) const ISOLATED: &str = "agent:main:cron:";

fn invalid(why: impl AsRef<str>) -> Refusal {
    Refusal::invalid(format!("invalid cron.add params: {}", why.as_ref()))
}

/// The job that the call asks for. Bounds and calendars are checked where it is planned.
pub(super) fn of(call: &Call) -> Result<NewJob, Refusal> {
    let empty = Object::new();
    let object = |key: &str| call.params.get(key).and_then(Value::as_object);
    refuse_foreign(call)?;
    let when = when(object("schedule").unwrap_or(&empty), call.server.clock.now_ms())?;
    if call.flag("deleteAfterRun") && !matches!(when, When::At { .. }) {
        return Err(invalid("at /deleteAfterRun: only a job of kind `at` runs once"));
    }
    let (session, main) = session(call)?;
    let prompt = match (object("payload"), call.text("action")) {
        (Some(payload), None) => prompt(payload, main)?,
        (None, Some(action)) => action.to_owned(),
        (Some(_), Some(_)) => return Err(invalid("give `payload` or `action`, not both")),
        (None, None) => return Err(invalid("must have required property 'payload'")),
    };
    let name = call.text("name").unwrap_or_default().to_owned();
    Ok(NewJob { name, when, prompt, user: UserId::owner(), session, plugin: None })
}

/// What could be asked for and would not be done.
fn refuse_foreign(call: &Call) -> Result<(), Refusal> {
    if let Some(agent) = call.text("agentId").filter(|agent| *agent != "main") {
        return Err(Refusal::invalid(format!("unknown agent id \"{}\"", shown(agent))));
    }
    if call.params.get("enabled") == Some(&Value::Bool(false)) {
        return Err(invalid("at /enabled: this host keeps no jobs that are switched off; add it when it is to run"));
    }
    if call.text("description").is_some_and(|text| !text.trim().is_empty()) {
        return Err(invalid("at /description: this host keeps none; put it into the name or the prompt"));
    }
    if call.params.get("failureAlert").is_some_and(|alert| !matches!(alert, Value::Null | Value::Bool(false))) {
        return Err(invalid("at /failureAlert: this host sends none; cron.runs tells how each run ended"));
    }
    let Some(delivery) = call.params.get("delivery").and_then(Value::as_object) else { return Ok(()) };
    let given = |key: &str| delivery.get(key).is_some_and(|value| !value.is_null());
    if text(delivery, "mode") == Some("webhook") {
        return Err(invalid("at /delivery/mode: this host calls no webhooks; the answer stays in the job's session"));
    }
    let elsewhere = text(delivery, "channel").is_some_and(|channel| !matches!(channel, "last" | "webchat"));
    if elsewhere || ["to", "threadId", "accountId", "failureDestination"].into_iter().any(given) {
        return Err(invalid("at /delivery: nothing is delivered to other channels; the answer stays in the job's session"));
    }
    Ok(())
}

fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

fn need_text<'a>(schedule: &'a Object, kind: &str, key: &str) -> Result<&'a str, Refusal> {
    text(schedule, key).ok_or_else(|| invalid(format!("at /schedule: kind `{kind}` needs `{key}`")))
}

fn need(schedule: &Object, kind: &str, key: &str) -> Result<u64, Refusal> {
    let value = schedule.get(key).and_then(Value::as_u64);
    value.ok_or_else(|| invalid(format!("at /schedule: kind `{kind}` needs `{key}`")))
}

/// Keys of each kind; another kind's key would be a wish that is not heard.
fn check_keys(schedule: &Object, kind: &str) -> Result<(), Refusal> {
    let known: &[&str] = match kind {
        "at" | "once" => &["at"],
        "every" => &["everyMs", "anchorMs"],
        "interval" => &["every_secs"],
        "daily" => &["hour", "minute", "tz"],
        "weekly" => &["day", "hour", "minute", "tz"],
        _ => &["expr", "expression", "tz", "staggerMs"],
    };
    match schedule.keys().find(|key| key.as_str() != "kind" && !known.contains(&key.as_str())) {
        Some(key) => Err(invalid(format!("at /schedule: kind `{kind}` has no `{key}`"))),
        None => Ok(()),
    }
}

fn when(schedule: &Object, now_ms: u64) -> Result<When, Refusal> {
    let kind = text(schedule, "kind").unwrap_or_default();
    check_keys(schedule, kind)?;
    let zone = |default: &str| text(schedule, "tz").unwrap_or(default).to_owned();
    let hour_and_minute = || Ok::<_, Refusal>((need(schedule, kind, "hour")?, need(schedule, kind, "minute")?));
    match kind {
        "at" | "once" => Ok(When::At { at_ms: instant(need_text(schedule, kind, "at")?)? }),
        "every" => {
            let anchor_ms = schedule.get("anchorMs").and_then(Value::as_u64).unwrap_or(now_ms);
            Ok(When::Every { every_ms: need(schedule, kind, "everyMs")?, anchor_ms })
        }
        "interval" => Ok(When::Every { every_ms: need(schedule, kind, "every_secs")?.saturating_mul(1000), anchor_ms: now_ms }),
        "daily" => {
            let (hour, minute) = hour_and_minute()?;
            Ok(When::Cron { line: format!("{minute} {hour} * * *"), zone: zone("UTC") })
        }
        "weekly" => {
            let (hour, minute) = hour_and_minute()?;
            // There Monday is 0; here it is 1, and Sunday 0.
            let day = need(schedule, kind, "day")?.saturating_add(1) % 7;
            Ok(When::Cron { line: format!("{minute} {hour} * * {day}"), zone: zone("UTC") })
        }
        _ => {
            if schedule.get("staggerMs").and_then(Value::as_u64).is_some_and(|ms| ms > 0) {
                return Err(invalid("at /schedule/staggerMs: jobs of this host start on the minute; leave it out"));
            }
            let line = text(schedule, "expr").map_or_else(|| need_text(schedule, kind, "expression"), Ok);
            let line = line.map_err(|_| invalid("at /schedule: kind `cron` needs `expr`"))?;
            Ok(When::Cron { line: line.to_owned(), zone: zone("") })
        }
    }
}

fn instant(text: &str) -> Result<u64, Refusal> {
    let found = text.trim().parse::<Timestamp>().ok().and_then(|time| u64::try_from(time.as_millisecond()).ok());
    found.ok_or_else(|| invalid(format!("at /schedule/at: `{}` is no time; write 2026-03-02T14:00:00Z, or +01:00 for Z", shown(text))))
}

/// Where it runs, and whether the client asked for the main session by that name.
fn session(call: &Call) -> Result<(SessionKey, bool), Refusal> {
    let session = match call.text("sessionTarget") {
        Some("main") => return Ok((SessionKey::main(), true)),
        Some("isolated") => SessionKey::canonical(&format!("{ISOLATED}{}", Uuid::now_v7())),
        None | Some("current") => SessionKey::canonical(call.text("sessionKey").unwrap_or("main")),
        Some(target) => match target.strip_prefix("session:") {
            Some(name) => SessionKey::canonical(name),
            None => return Err(invalid("at /sessionTarget: write main, isolated, current or session:KEY")),
        },
    };
    Ok((session.map_err(|error| Refusal::invalid(error.to_string()))?, false))
}

fn prompt(payload: &Object, main: bool) -> Result<String, Refusal> {
    let kind = text(payload, "kind").unwrap_or_default();
    let (key, fits) = if kind == "systemEvent" { ("text", true) } else { ("message", !main) };
    if !fits {
        return Err(invalid("sessionTarget main takes a payload of kind systemEvent"));
    }
    let unheard = |key: &&str| match payload.get(*key) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(value) => !value.as_array().is_some_and(Vec::is_empty),
    };
    let settings = ["model", "fallbacks", "thinking", "timeoutSeconds", "allowUnsafeExternalContent", "lightContext", "toolsAllow"];
    if let Some(key) = settings.iter().find(|key| unheard(key)) {
        return Err(invalid(format!("at /payload/{key}: a job has no such setting; its session's are used, see sessions.patch")));
    }
    let text = text(payload, key).ok_or_else(|| invalid(format!("at /payload: kind `{kind}` needs `{key}`")))?;
    Ok(text.to_owned())
}
