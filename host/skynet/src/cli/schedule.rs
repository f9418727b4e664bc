//! `skynet schedule`: jobs of the running host, over the gateway like any other client.
//!
//! Owns how a person writes a time. Whether a job is good is the host's to say.

use crate::args::schedule::{AddJob, Schedule};
use crate::client;
use crate::clock;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::ANSWER;
use crate::output::Out;
use anyhow::Result;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use skynet_policy::naming::plain_line;

/// Characters of a name, or of how a run ended, on one line.
const SHOWN: usize = 120;

pub(crate) async fn run(home: &Home, verb: Schedule, out: &Out) -> Result<()> {
    match verb {
        Schedule::List { all } => list(home, all, out).await,
        Schedule::Add(job) => add(home, &job, out).await,
        Schedule::Remove { id } => remove(home, &id, out).await,
        Schedule::Runs { id, rows } => runs(home, id.as_deref(), rows, out).await,
    }
}

fn text(value: &Value) -> String {
    plain_line(value.as_str().unwrap_or_default(), SHOWN)
}

fn time(value: &Value) -> String {
    value.as_u64().map_or_else(|| "-".into(), clock::minute)
}

fn refused(sentence: String) -> anyhow::Error {
    fail(Kind::Refused, sentence)
}

async fn list(home: &Home, all: bool, out: &Out) -> Result<()> {
    let ask = async |offset: u64| client::call(home, "cron.list", json!({ "includeDisabled": all, "offset": offset }), ANSWER).await;
    let jobs = every_page("jobs", ask).await?;
    out.value(&json!(jobs));
    if jobs.is_empty() {
        out.line("no jobs; plan one with: skynet schedule add NAME PROMPT --every 2h");
    }
    for job in &jobs {
        let plugin = job["plugin"].as_str().map_or_else(String::new, |plugin| format!(", planned by {}", plain_line(plugin, SHOWN)));
        let next = if job["enabled"] == true { time(&job["state"]["nextRunAtMs"]) } else { "over".into() };
        out.line(&format!("{}  {next:<20}  {}  ({}{plugin})", text(&job["id"]), text(&job["name"]), beat(&job["schedule"])));
        if let Some(why) = job["state"]["lastError"].as_str() {
            out.line(&format!("    last run: {}", plain_line(why, SHOWN)));
        }
    }
    Ok(())
}

/// All of a list whose pages end where the host says: it bounds them by their bytes too.
async fn every_page(key: &str, ask: impl AsyncFn(u64) -> Result<Value>) -> Result<Vec<Value>> {
    let (mut rows, mut offset): (Vec<Value>, u64) = (Vec::new(), 0);
    loop {
        let page = ask(offset).await?;
        rows.extend(page[key].as_array().cloned().unwrap_or_default());
        // A page that leads nowhere further is the last, whatever it says.
        match page["nextOffset"].as_u64() {
            Some(next) if page["hasMore"] == true && next > offset => offset = next,
            _ => return Ok(rows),
        }
    }
}

/// When a job comes, in words.
fn beat(schedule: &Value) -> String {
    match schedule["kind"].as_str() {
        Some("every") => {
            let span = schedule["everyMs"].as_i64().map(SignedDuration::from_millis).unwrap_or_default();
            format!("every {span:#}")
        }
        Some("cron") => format!("{} {}", text(&schedule["expr"]), text(&schedule["tz"])),
        _ => "once".into(),
    }
}

async fn add(home: &Home, job: &AddJob, out: &Out) -> Result<()> {
    let wish = json!({ "name": job.name, "action": job.prompt, "sessionKey": job.session, "schedule": schedule(job)? });
    let added = client::call(home, "cron.add", wish, ANSWER).await?;
    let next = time(&added["state"]["nextRunAtMs"]);
    out.both(&format!("{}  {} runs first on {next}", text(&added["id"]), text(&added["name"])), &added["job"]);
    Ok(())
}

fn schedule(job: &AddJob) -> Result<Value> {
    let mut schedule = if let Some(at) = &job.when.at {
        return Ok(json!({ "kind": "at", "at": instant(at, job.zone.as_deref())?.to_string() }));
    } else if let Some(every) = &job.when.every {
        let span: Option<SignedDuration> = every.parse().ok();
        let ms = span.and_then(|span| u64::try_from(span.as_millis()).ok()).filter(|ms| *ms > 0);
        let ms = ms.ok_or_else(|| refused(format!("`{}` is no time; write 30m, 2h or 24h", plain_line(every, SHOWN))))?;
        json!({ "kind": "every", "everyMs": ms })
    } else {
        json!({ "kind": "cron", "expr": job.when.cron })
    };
    if let Some(zone) = &job.zone {
        schedule["tz"] = json!(zone);
    }
    Ok(schedule)
}

/// A time with its offset, or a local one in this zone.
fn instant(text: &str, zone: Option<&str>) -> Result<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let zone = match zone {
        Some(name) => {
            let unknown = |_| refused(format!("`{}` is no time zone; write its name, such as Europe/Rome", plain_line(name, SHOWN)));
            TimeZone::get(name).map_err(unknown)?
        }
        None => TimeZone::system(),
    };
    let local = text.parse::<DateTime>().ok().and_then(|local| local.to_zoned(zone).ok());
    let local = local.ok_or_else(|| {
        let shown = plain_line(text, SHOWN);
        refused(format!("`{shown}` is no time; write \"2026-03-02 16:00\", or 2026-03-02T16:00:00+01:00"))
    })?;
    Ok(local.timestamp())
}

async fn remove(home: &Home, id: &str, out: &Out) -> Result<()> {
    let answer = client::call(home, "cron.remove", json!({ "id": id }), ANSWER).await?;
    let shown = plain_line(id, SHOWN);
    if answer["removed"] != true {
        return Err(fail(Kind::NotFound, format!("there is no job {shown}; see: skynet schedule list --all")));
    }
    out.both(&format!("job {shown} is removed"), &json!({ "removed": id }));
    Ok(())
}

async fn runs(home: &Home, id: Option<&str>, rows: u64, out: &Out) -> Result<()> {
    let mut wish = json!({ "limit": rows });
    if let Some(id) = id {
        wish["id"] = json!(id);
    }
    let answer = client::call(home, "cron.runs", wish, ANSWER).await?;
    out.value(&answer["entries"]);
    let entries = answer["entries"].as_array().cloned().unwrap_or_default();
    if entries.is_empty() {
        out.line("nothing ran yet");
    }
    for entry in &entries {
        let seconds = entry["durationMs"].as_u64().unwrap_or_default() / 1000;
        let how = entry["error"].as_str().map_or_else(|| "done".to_owned(), |why| plain_line(why, SHOWN));
        out.line(&format!("{}  {}  {}  {how} ({seconds} s)", time(&entry["runAtMs"]), text(&entry["jobId"]), text(&entry["jobName"])));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::schedule::JobTime;

    fn job(at: Option<&str>, every: Option<&str>, cron: Option<&str>, zone: Option<&str>) -> AddJob {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let when = JobTime { at: own(at), every: own(every), cron: own(cron) };
        AddJob { name: "n".into(), prompt: "p".into(), when, zone: own(zone), session: "main".into() }
    }

    #[test]
    fn a_time_is_read_as_people_write_it() {
        let check = |job: AddJob, want: Value| assert_eq!(schedule(&job).unwrap(), want);
        let at = |text: &str| json!({ "kind": "at", "at": text });
        check(job(Some("2026-03-02 16:00"), None, None, Some("Europe/Rome")), at("2026-03-02T15:00:00Z"));
        check(job(Some("2026-07-02T16:00"), None, None, Some("Europe/Rome")), at("2026-07-02T14:00:00Z"));
        check(job(Some("2026-03-02T16:00:00+01:00"), None, None, None), at("2026-03-02T15:00:00Z"));
        check(job(Some("2026-03-02T16:00:00Z"), None, None, Some("Europe/Rome")), at("2026-03-02T16:00:00Z"));
        check(job(None, Some("2h"), None, None), json!({ "kind": "every", "everyMs": 7_200_000 }));
        check(job(None, Some("1h30m"), None, None), json!({ "kind": "every", "everyMs": 5_400_000 }));
        let line = json!({ "kind": "cron", "expr": "0 9 * * 1-5", "tz": "Europe/Rome" });
        check(job(None, None, Some("0 9 * * 1-5"), Some("Europe/Rome")), line);
        check(job(None, None, Some("0 9 * * 1-5"), None), json!({ "kind": "cron", "expr": "0 9 * * 1-5" }));
    }

    #[test]
    fn what_is_no_time_is_refused_with_one_that_is() {
        let check = |job: AddJob, want: &str| assert!(schedule(&job).unwrap_err().to_string().contains(want));
        check(job(Some("tomorrow"), None, None, None), "write \"2026-03-02 16:00\"");
        check(job(Some("2026-03-02 16:00"), None, None, Some("Mars")), "is no time zone");
        check(job(None, Some("often"), None, None), "write 30m, 2h");
        check(job(None, Some("-2h"), None, None), "write 30m, 2h");
        check(job(None, Some("0s"), None, None), "write 30m, 2h");
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_last_page_and_never_round_in_circles() {
        let check = async |next: fn(u64) -> Value, want: &[u64]| {
            let ask = async |offset: u64| {
                let next = next(offset);
                Ok(json!({ "jobs": [offset, offset + 1], "hasMore": !next.is_null(), "nextOffset": next }))
            };
            let rows = every_page("jobs", ask).await.unwrap();
            assert_eq!(rows, want.iter().map(|row| json!(row)).collect::<Vec<_>>());
        };
        check(|_| Value::Null, &[0, 1]).await;
        check(|offset| if offset < 4 { json!(offset + 2) } else { Value::Null }, &[0, 1, 2, 3, 4, 5]).await;
        check(|offset| json!(offset), &[0, 1]).await;
        check(|offset| json!(2 - offset.min(2)), &[0, 1, 2, 3]).await;
        let refuses = async |_: u64| Err(refused("no".into()));
        assert_eq!(every_page("jobs", refuses).await.unwrap_err().to_string(), "no");
    }

    #[test]
    fn a_beat_is_told_in_words() {
        let check = |schedule: Value, want: &str| assert_eq!(beat(&schedule), want);
        check(json!({ "kind": "every", "everyMs": 5_400_000 }), "every 1h 30m");
        check(json!({ "kind": "cron", "expr": "0 9 * * *", "tz": "UTC" }), "0 9 * * * UTC");
        check(json!({ "kind": "at", "at": "2026-03-02T15:00:00Z" }), "once");
    }
}
