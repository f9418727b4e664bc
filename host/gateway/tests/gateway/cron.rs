//! `cron.*` in both dialects, and what is refused of them.

use crate::wire::{Hello, Socket};
use crate::world::{START_MS, World};
use serde_json::{Value, json};
use skynet_core::UserId;
use std::sync::atomic::Ordering;

/// A job as an OpenClaw client adds it.
fn job(schedule: Value) -> Value {
    json!({
        "name": "plants", "schedule": schedule, "sessionTarget": "isolated", "wakeMode": "now",
        "payload": {"kind": "agentTurn", "message": "Water the plants."},
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut job = job(json!({"kind": "every", "everyMs": 60_000}));
    job[key] = value;
    job
}

async fn next_of(owner: &mut Socket, schedule: Value) -> String {
    let added = owner.call("cron.add", json!({"name": "x", "schedule": schedule, "action": "Do it."})).await;
    added["next_run"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_job_of_the_protocol_is_added_told_listed_and_removed() {
    let world = World::start().await;
    let (mut owner, hello) = world.connect(Hello::new()).await;
    assert!(hello["features"]["events"].as_array().unwrap().contains(&json!("cron")));
    let added = owner.call("cron.add", job(json!({"kind": "cron", "expr": "0 9 * * 1-5", "tz": "Europe/Rome"}))).await;
    // Monday 2026-03-02 13:05 in UTC.
    let next = 1_772_524_800_000_u64;
    assert_eq!((&added["id"], &added["name"], &added["enabled"]), (&json!("j1"), &json!("plants"), &json!(true)));
    assert_eq!(added["schedule"], json!({"kind": "cron", "expr": "0 9 * * 1-5", "tz": "Europe/Rome"}));
    assert_eq!(added["payload"], json!({"kind": "agentTurn", "message": "Water the plants."}));
    assert_eq!((&added["sessionTarget"], &added["wakeMode"]), (&json!("isolated"), &json!("now")));
    assert!(added["sessionKey"].as_str().unwrap().starts_with("agent:main:cron:"));
    assert_eq!(added["state"], json!({"nextRunAtMs": next}));
    let told = owner.event("cron").await["payload"].clone();
    assert_eq!((&told["jobId"], &told["action"], &told["nextRunAtMs"]), (&json!("j1"), &json!("added"), &json!(next)));
    let list = owner.call("cron.list", json!({"includeDisabled": false})).await;
    for (key, want) in [("total", json!(1)), ("offset", json!(0)), ("hasMore", json!(false)), ("nextOffset", json!(null))] {
        assert_eq!(list[key], want, "{key}");
    }
    assert_eq!(list["jobs"][0]["id"], "j1");
    assert_eq!(owner.call("cron.status", json!({})).await, json!({"enabled": true, "storePath": "state", "jobs": 1, "nextWakeAtMs": next}));
    assert_eq!(owner.call("cron.remove", json!({"jobId": "j1"})).await, json!({"ok": true, "removed": true}));
    assert_eq!(owner.event("cron").await["payload"], json!({"jobId": "j1", "action": "removed"}));
    assert_eq!(owner.call("cron.remove", json!({"id": "j1"})).await, json!({"ok": true, "removed": false}));
}

#[tokio::test]
async fn a_job_of_the_first_skynet_is_added_and_read_back() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let params = json!({"name": "tea", "schedule": {"kind": "interval", "every_secs": 3600}, "action": "Make tea."});
    let added = owner.call("cron.add", params).await["job"].clone();
    for (key, want) in [
        ("name", json!("tea")),
        ("action", json!("Make tea.")),
        ("status", json!("pending")),
        ("run_count", json!(0)),
        ("max_runs", json!(null)),
        ("last_run", json!(null)),
        ("next_run", json!("2026-03-02T14:05:00Z")),
        ("created_at", json!("2026-03-02T13:05:00Z")),
    ] {
        assert_eq!(added[key], want, "{key}");
    }
    assert_eq!(owner.call("cron.list", json!({})).await["jobs"][0], added);
    assert_eq!(added["payload"], json!({"kind": "systemEvent", "text": "Make tea."}), "it runs in the main session");
}

#[tokio::test]
async fn each_kind_of_time_means_what_its_dialect_says() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    for (schedule, next) in [
        (json!({"kind": "at", "at": "2026-03-02T15:00:00+01:00"}), "2026-03-02T14:00:00Z"),
        (json!({"kind": "once", "at": "2026-03-02T14:00:00Z"}), "2026-03-02T14:00:00Z"),
        (json!({"kind": "every", "everyMs": 90_000}), "2026-03-02T13:06:30Z"),
        (json!({"kind": "every", "everyMs": 600_000, "anchorMs": START_MS - 60_000}), "2026-03-02T13:14:00Z"),
        (json!({"kind": "daily", "hour": 9, "minute": 30}), "2026-03-03T09:30:00Z"),
        (json!({"kind": "daily", "hour": 9, "minute": 30, "tz": "Europe/Rome"}), "2026-03-03T08:30:00Z"),
        (json!({"kind": "weekly", "day": 0, "hour": 13, "minute": 6}), "2026-03-02T13:06:00Z"),
        (json!({"kind": "weekly", "day": 6, "hour": 0, "minute": 0}), "2026-03-08T00:00:00Z"),
        (json!({"kind": "cron", "expression": "0 15 * * *"}), "2026-03-02T14:00:00Z"),
        (json!({"kind": "cron", "expr": "0 15 * * *", "tz": "UTC", "staggerMs": 0}), "2026-03-02T15:00:00Z"),
    ] {
        assert_eq!(next_of(&mut owner, schedule.clone()).await, next, "{schedule}");
    }
}

#[tokio::test]
async fn a_job_runs_in_the_session_that_was_asked_for() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    for (target, key, session, shown) in [
        ("current", json!("desk"), "agent:main:desk", "session:agent:main:desk"),
        ("current", json!(null), "agent:main:main", "main"),
        ("session:notes", json!(null), "agent:main:notes", "session:agent:main:notes"),
    ] {
        let mut params = with("sessionKey", key);
        params["sessionTarget"] = json!(target);
        let added = owner.call("cron.add", params).await;
        assert_eq!((&added["sessionKey"], &added["sessionTarget"]), (&json!(session), &json!(shown)), "{target}");
    }
}

#[tokio::test]
async fn what_this_host_would_not_do_is_refused_with_a_sentence() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let payload = |key: &str, value: Value| {
        let mut payload = json!({"kind": "agentTurn", "message": "x"});
        payload[key] = value;
        with("payload", payload)
    };
    for (params, why) in [
        (with("enabled", json!(false)), "keeps no jobs that are switched off"),
        (with("description", json!("why")), "at /description"),
        (with("agentId", json!("work")), "unknown agent id \"work\""),
        (with("failureAlert", json!({"after": 2})), "at /failureAlert"),
        (with("deleteAfterRun", json!(true)), "only a job of kind `at` runs once"),
        (with("delivery", json!({"mode": "webhook", "to": "https://x.example"})), "calls no webhooks"),
        (with("delivery", json!({"mode": "announce", "channel": "pigeon"})), "nothing is delivered to other channels"),
        (with("delivery", json!({"mode": "announce", "to": "ada"})), "nothing is delivered to other channels"),
        (payload("model", json!("fake/one")), "at /payload/model: a job has no such setting"),
        (payload("toolsAllow", json!(["look"])), "at /payload/toolsAllow"),
        (payload("timeoutSeconds", json!(5)), "at /payload/timeoutSeconds"),
        (with("sessionTarget", json!("main")), "takes a payload of kind systemEvent"),
        (with("sessionTarget", json!("elsewhere")), "write main, isolated, current or session:KEY"),
        (with("action", json!("x")), "give `payload` or `action`, not both"),
        (with("payload", json!({"kind": "systemEvent"})), "kind `systemEvent` needs `text`"),
        (with("schedule", json!({"kind": "at"})), "kind `at` needs `at`"),
        (with("schedule", json!({"kind": "at", "at": "tomorrow"})), "`tomorrow` is no time; write 2026-03-02T14:00:00Z"),
        (with("schedule", json!({"kind": "at", "at": "2020-01-01T00:00:00Z"})), "is in the past"),
        (with("schedule", json!({"kind": "every", "everyMs": 1000})), "more often than every 60 s"),
        (with("schedule", json!({"kind": "every", "every_secs": 60})), "kind `every` has no `every_secs`"),
        (with("schedule", json!({"kind": "daily", "hour": 24, "minute": 0})), "at /schedule/hour: must be <= 23"),
        (with("schedule", json!({"kind": "cron"})), "kind `cron` needs `expr`"),
        (with("schedule", json!({"kind": "cron", "expr": "* * * * * *"})), "has 6 fields; write five fields"),
        (with("schedule", json!({"kind": "cron", "expr": "0 0 30 2 *"})), "would never come"),
        (with("schedule", json!({"kind": "cron", "expr": "0 9 * * *", "tz": "Mars"})), "is no time zone"),
        (with("schedule", json!({"kind": "cron", "expr": "0 9 * * *", "staggerMs": 9})), "at /schedule/staggerMs"),
        (with("schedule", json!({"kind": "hourly"})), "must be equal to one of"),
        (with("name", json!("two\nlines")), "control characters"),
        (with("colour", json!("red")), "unexpected property 'colour'"),
        (json!({"name": "x", "schedule": {"kind": "every", "everyMs": 60_000}}), "must have required property 'payload'"),
    ] {
        let refused = owner.refused("cron.add", params.clone()).await;
        assert!(refused.starts_with("INVALID_REQUEST ") && refused.contains(why), "{params}: {refused}");
    }
    assert!(world.jobs.rows.lock().unwrap().is_empty());
    assert!(owner.refused("cron.remove", json!({})).await.contains("must have required property 'id'"));
    assert!(owner.refused("cron.runs", json!({"scope": "job"})).await.contains("needs the job's id"));
}

#[tokio::test]
async fn what_clients_say_by_default_is_understood() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let mut params = with("delivery", json!({"mode": "announce", "channel": "last", "bestEffort": true}));
    for (key, value) in
        [("wakeMode", json!("next-heartbeat")), ("enabled", json!(true)), ("failureAlert", json!(false)), ("agentId", json!(null))]
    {
        params[key] = value;
    }
    params["schedule"] = json!({"kind": "at", "at": "2026-03-02T14:00:00Z"});
    params["deleteAfterRun"] = json!(true);
    params["payload"]["toolsAllow"] = json!(null);
    assert_eq!(owner.call("cron.add", params).await["wakeMode"], "now");
}

#[tokio::test]
async fn a_full_quota_is_told() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    world.jobs.full.store(true, Ordering::Relaxed);
    assert_eq!(owner.refused("cron.add", with("name", json!("x"))).await, "INVALID_REQUEST quota exceeded: 1000 jobs of owner");
}

#[tokio::test]
async fn readers_look_and_only_owners_change() {
    let world = World::start().await;
    let mut reader = world.scoped(&["operator.read"]).await;
    reader.call("cron.list", json!({})).await;
    reader.call("cron.status", json!({})).await;
    reader.call("cron.runs", json!({})).await;
    for (method, params) in [("cron.add", with("name", json!("x"))), ("cron.remove", json!({"id": "j1"}))] {
        assert!(reader.refused(method, params).await.contains("missing scope: operator.admin"));
    }
}

#[tokio::test]
async fn every_change_is_recorded_and_without_that_not_made() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    owner.call("cron.add", with("name", json!("secret plans"))).await;
    owner.call("cron.remove", json!({"id": "j1"})).await;
    owner.call("cron.remove", json!({"id": "nosuch"})).await;
    let rows = world.audit.0.lock().unwrap().clone();
    let schedule: Vec<_> = rows.iter().filter(|row| row.kind == "schedule").collect();
    let actions: Vec<_> = schedule.iter().map(|row| row.detail["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["add", "added", "remove"]);
    assert_eq!((schedule[1].subject.as_str(), schedule[2].subject.as_str(), schedule[0].actor.as_str()), ("j1", "j1", "token owner"));
    let text = format!("{rows:?}");
    assert!(!text.contains("secret plans") && !text.contains("Water"), "{text}");
    owner.call("cron.add", with("name", json!("kept"))).await;
    world.audit.1.store(true, Ordering::Relaxed);
    assert!(owner.refused("cron.add", with("name", json!("x"))).await.starts_with("UNAVAILABLE "));
    assert!(owner.refused("cron.remove", json!({"id": "j1"})).await.starts_with("UNAVAILABLE "));
    assert_eq!(world.jobs.rows.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn the_list_hides_what_is_over_sorts_and_pages() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    for (name, minutes) in [("Cherry", 3), ("apple", 1), ("banana", 2), ("done", 9)] {
        let mut params = with("name", json!(name));
        params["schedule"] = json!({"kind": "every", "everyMs": minutes * 60_000});
        owner.call("cron.add", params).await;
    }
    world.jobs.rows.lock().unwrap()[3].next_ms = None;
    let mut foreign = world.jobs.rows.lock().unwrap()[0].clone();
    foreign.user = UserId("mallory".into());
    world.jobs.rows.lock().unwrap().push(foreign);
    for (params, want) in [
        (json!({}), "apple banana Cherry"),
        (json!({"sortBy": "name", "sortDir": "desc"}), "Cherry banana apple"),
        (json!({"limit": 1, "offset": 1}), "banana"),
        (json!({"query": "AN"}), "apple banana Cherry"),
        (json!({"query": "banan"}), "banana"),
        (json!({"includeDisabled": true}), "apple banana Cherry done"),
        (json!({"enabled": "disabled"}), "done"),
        (json!({"offset": 99}), ""),
    ] {
        let list = owner.call("cron.list", params.clone()).await;
        let names: Vec<_> = list["jobs"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names.join(" "), want, "{params}");
    }
    let page = owner.call("cron.list", json!({"limit": 2})).await;
    assert_eq!((&page["total"], &page["hasMore"], &page["nextOffset"]), (&json!(3), &json!(true), &json!(2)));
    let over = owner.call("cron.list", json!({"enabled": "disabled"})).await["jobs"][0].clone();
    assert_eq!((&over["enabled"], &over["status"], &over["next_run"]), (&json!(false), &json!("completed"), &json!(null)));
}

#[tokio::test]
async fn how_runs_ended_is_told_newest_first() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    owner.call("cron.add", with("name", json!("plants"))).await;
    owner.call("cron.add", with("name", json!("cat"))).await;
    world.jobs.fired("j1", START_MS + 1_000, Some("done"));
    world.jobs.fired("j1", START_MS + 2_000, Some("failed: timeout: too slow"));
    world.jobs.fired("j2", START_MS + 3_000, Some("refused: the host is shutting down"));
    world.jobs.fired("j2", START_MS + 4_000, Some("interrupted"));
    world.jobs.fired("j1", START_MS + 5_000, None);
    for (params, want) in [
        (json!({"id": "j1"}), "j1 error, j1 ok"),
        (json!({"jobId": "j1", "scope": "job", "sortDir": "asc"}), "j1 ok, j1 error"),
        (json!({"scope": "all"}), "j2 error, j2 skipped, j1 error, j1 ok"),
        (json!({"status": "skipped"}), "j2 skipped"),
        (json!({"statuses": ["ok", "skipped"]}), "j2 skipped, j1 ok"),
        (json!({"status": "all", "limit": 1, "offset": 2}), "j1 error"),
        (json!({"query": "too slow"}), "j1 error"),
        (json!({"deliveryStatus": "delivered"}), ""),
        (json!({"deliveryStatuses": ["delivered", "not-requested"], "status": "ok"}), "j1 ok"),
        (json!({"id": "nosuch"}), ""),
    ] {
        let runs = owner.call("cron.runs", params.clone()).await;
        let told: Vec<_> = runs["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| format!("{} {}", entry["jobId"].as_str().unwrap(), entry["status"].as_str().unwrap()))
            .collect();
        assert_eq!(told.join(", "), want, "{params}");
    }
    let entry = owner.call("cron.runs", json!({"query": "too slow"})).await["entries"][0].clone();
    assert_eq!(
        (&entry["action"], &entry["durationMs"], &entry["error"]),
        (&json!("finished"), &json!(2000), &json!("failed: timeout: too slow"))
    );
    let list = owner.call("cron.list", json!({"sortBy": "name"})).await;
    assert_eq!(list["jobs"][1]["state"]["runningAtMs"], START_MS + 5_500);
    let cat = &list["jobs"][0]["state"];
    assert_eq!((&cat["lastRunStatus"], &cat["lastError"], &cat["lastDurationMs"]), (&json!("error"), &json!("interrupted"), &json!(2000)));
}

/// Adds copies of a job behind the planner, each with this prompt.
async fn many(world: &World, owner: &mut Socket, jobs: usize, prompt: &str) {
    owner.call("cron.add", with("name", json!("plants"))).await;
    let mut rows = world.jobs.rows.lock().unwrap();
    let mut one = rows.pop().unwrap();
    one.prompt = prompt.to_owned();
    rows.extend((1..=jobs).map(|number| {
        let mut job = one.clone();
        job.id = format!("j{number}");
        job
    }));
}

/// The ids on each page, as a client gets them that asks for page after page.
async fn pages(owner: &mut Socket) -> Vec<Vec<String>> {
    let (mut pages, mut offset) = (Vec::new(), json!(0));
    while offset != Value::Null {
        let page = owner.call("cron.list", json!({"offset": offset})).await;
        let jobs = page["jobs"].as_array().unwrap();
        assert!(jobs.len() == 1 || page["jobs"].to_string().len() <= 1024 * 1024 + jobs.len() + 2, "{} jobs", jobs.len());
        assert_eq!(page["hasMore"], page["nextOffset"] != Value::Null);
        pages.push(jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect());
        offset = page["nextOffset"].clone();
    }
    pages
}

#[tokio::test]
async fn a_page_of_long_jobs_is_no_longer_than_a_client_reads_and_the_next_goes_on() {
    // The longest prompt there is, of what takes most room when written.
    let (long, too_long) = ("\u{1}".repeat(16 * 1024), "\u{1}".repeat(96 * 1024));
    for (prompt, per_page) in [(long.as_str(), 5), (too_long.as_str(), 1), ("Water the plants.", 12)] {
        let world = World::start().await;
        let mut owner = world.owner().await;
        many(&world, &mut owner, 12, prompt).await;
        let pages = pages(&mut owner).await;
        assert!(pages.iter().rev().skip(1).all(|page| page.len() == per_page), "{pages:?}");
        assert_eq!(pages.concat(), (1..=12).map(|number| format!("j{number}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn of_many_jobs_the_newest_runs_of_each_are_looked_at_and_of_one_all() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    many(&world, &mut owner, 300, "x").await;
    for time in 1..=100 {
        world.jobs.fired("j7", START_MS + time * 1_000, Some("done"));
    }
    world.jobs.fired("j300", START_MS + 100_500, Some("done"));
    let all = owner.call("cron.runs", json!({"limit": 2})).await;
    let told: Vec<_> = all["entries"].as_array().unwrap().iter().map(|entry| entry["jobId"].as_str().unwrap()).collect();
    assert_eq!((told, &all["hasMore"], &all["nextOffset"]), (vec!["j300", "j7"], &json!(true), &json!(2)));
    let asked = world.jobs.asked.load(Ordering::Relaxed);
    assert!((300..=10_000).contains(&asked), "{asked}");
    assert_eq!(world.jobs.questions.swap(0, Ordering::Relaxed), 1, "of all jobs together");
    let listed = owner.call("cron.list", json!({})).await;
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 200);
    assert_eq!(world.jobs.questions.swap(0, Ordering::Relaxed), 1, "for the whole page");
    assert_eq!(owner.call("cron.runs", json!({"id": "j7"})).await["total"], 100);
}
