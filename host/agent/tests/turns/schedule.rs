//! Jobs: taken within bounds, run when they are due, at most once, never in a spin.

use crate::jobs::FakeJobs;
use crate::stage::*;
use skynet_agent::limits::{SCHEDULE_LOOK, SCHEDULE_RETRY, SCHEDULED_TURNS};
use skynet_agent::{Planner, Scheduler};
use skynet_core::limits::{JOB_NAME_BYTES, JOB_PROMPT_BYTES};
use skynet_core::schedule::{Fire, Job, JobFilter, NewJob, Schedule as _, ScheduleError, Standing, When};
use skynet_core::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const MINUTE: u64 = 60_000;

struct Plan {
    stage: Stage,
    jobs: Arc<FakeJobs>,
    planner: Arc<Planner>,
    standing: Arc<Stands>,
}

/// Whether plugins may plan: all of them or none.
struct Stands(AtomicBool);

impl Standing for Stands {
    fn may_plan(&self, _: &PluginId) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

struct Runs {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Runs {
    async fn stop(self) {
        let _ = self.stop.send(());
        self.ended.await.unwrap();
    }
}

fn plan() -> Plan {
    let stage = Stage::new("a/one", vec![]);
    let jobs = Arc::new(FakeJobs::new(&stage.log));
    let planner = Arc::new(Planner::new(jobs.clone(), stage.clock.clone(), Some("Europe/Berlin".into())));
    Plan { stage, jobs, planner, standing: Arc::new(Stands(AtomicBool::new(true))) }
}

fn new(name: &str, when: When) -> NewJob {
    NewJob { name: name.into(), when, prompt: "Water the plants.".into(), user: UserId::owner(), session: key(name), plugin: None }
}

/// Whose waits are over at once.
struct Hasty;

#[async_trait::async_trait]
impl skynet_core::ports::Clock for Hasty {
    fn now_ms(&self) -> u64 {
        START_MS
    }

    async fn sleep(&self, _: Duration) {}
}

#[tokio::test]
async fn a_change_of_the_plan_is_waited_for_however_long_it_takes() {
    let stage = Stage::new("a/one", vec![]);
    let jobs = Arc::new(FakeJobs::new(&stage.log));
    jobs.slow.store(true, Ordering::SeqCst);
    let planner = Planner::new(jobs.clone(), Arc::new(Hasty), None);
    let job = planner.add(new("late", at(1))).await.unwrap();
    assert!(planner.remove(&job.id, &JobFilter::default()).await.unwrap());
    assert!(jobs.rows.lock().unwrap().is_empty());
}

/// Minutes after the start of the test.
fn at(minutes: u64) -> When {
    When::At { at_ms: START_MS + minutes * MINUTE }
}

fn every(minutes: u64) -> When {
    When::Every { every_ms: minutes * MINUTE, anchor_ms: START_MS }
}

impl Plan {
    async fn add(&self, name: &str, when: When) -> Job {
        self.planner.add(new(name, when)).await.unwrap()
    }

    fn run(&self) -> Runs {
        let (stop, stopped) = oneshot::channel::<()>();
        let scheduler = Scheduler::new(self.stage.agent.clone(), self.planner.clone(), self.standing.clone());
        let ended = tokio::spawn(scheduler.run(async {
            let _ = stopped.await;
        }));
        Runs { stop, ended }
    }

    fn pass(&self, minutes: u64) {
        self.stage.clock.advance(Duration::from_millis(minutes * MINUTE));
    }

    fn hows(&self, id: &str) -> Vec<String> {
        let fires = self.jobs.fires.lock().unwrap();
        fires.iter().filter(|fire| fire.job == id).map(|fire| fire.how.clone().unwrap_or_else(|| "open".into())).collect()
    }

    fn rows(&self) -> Vec<(String, String, String, String)> {
        let rows = self.stage.audit.rows.lock().unwrap();
        rows.iter().map(|row| (row.kind.clone(), row.actor.clone(), row.subject.clone(), row.verdict.clone())).collect()
    }

    fn refusal(&self, error: ScheduleError) -> String {
        assert!(self.jobs.rows.lock().unwrap().is_empty());
        error.to_string()
    }
}

fn row(kind: &str, actor: &str, subject: &str, verdict: &str) -> (String, String, String, String) {
    (kind.into(), actor.into(), subject.into(), verdict.into())
}

#[tokio::test]
async fn a_job_runs_when_its_time_has_come_and_not_before() {
    let plan = plan();
    plan.add("plants", at(10)).await;
    let runs = plan.run();
    plan.pass(9);
    plan.stage.log.saw("looked at 540000").await;
    assert_eq!(plan.stage.log.count("claim j1"), 0);
    plan.pass(1);
    plan.stage.log.saw("end j1 done").await;
    let history = plan.stage.history("plants");
    let want = "[schedule] The job \"plants\" was due on Monday 2026-03-02 14:15 +01:00 Europe/Berlin.\nWater the plants.";
    assert_eq!(history[0].to_text(), want);
    assert_eq!(plan.rows(), [row("schedule", "owner", "j1", "ok"), row("schedule.end", "owner", "j1", "ok")]);
    assert!(plan.stage.log.position("claim j1") < plan.stage.log.position("asked a/one"), "claimed before it runs");
    assert_eq!(plan.jobs.next("j1"), None);
    let told = plan.stage.asked()[0].1.system[1].text.clone();
    assert_eq!(told, "Session: agent:main:plants\nChannel: schedule\nUser: owner");
    runs.stop().await;
}

#[tokio::test]
async fn audit_rows_hold_neither_name_nor_prompt() {
    let plan = plan();
    plan.add("plants", at(1)).await;
    let runs = plan.run();
    plan.pass(1);
    plan.stage.log.saw("end j1 done").await;
    let rows = format!("{:?}", plan.stage.audit.rows.lock().unwrap().iter().map(|row| row.detail.to_string()).collect::<Vec<_>>());
    assert!(rows.contains("scheduled_ms") && rows.contains("schedule:j1:"), "{rows}");
    assert!(!rows.contains("Water"), "{rows}");
    runs.stop().await;
}

#[tokio::test]
async fn a_job_that_was_missed_many_times_runs_once_late_and_goes_on_from_now() {
    let plan = plan();
    plan.add("plants", every(60)).await;
    plan.pass(330);
    let runs = plan.run();
    plan.stage.log.saw("end j1 done").await;
    let first = plan.stage.history("plants")[0].to_text();
    assert!(first.contains("was due on Monday 2026-03-02 15:05 +01:00 Europe/Berlin. It comes 4 h 30 min late.\n"), "{first}");
    assert_eq!(plan.jobs.next("j1"), Some(360 * MINUTE as i64), "by its anchor, not by when it ran");
    plan.pass(30);
    plan.stage.log.saw("looked at 21600000").await;
    plan.stage.log.saw("stored assistant of schedule:j1:1772478300000").await;
    runs.stop().await;
    assert_eq!(plan.hows("j1"), ["done", "done"]);
}

#[tokio::test]
async fn the_job_of_a_plugin_that_lost_its_grant_does_not_run() {
    let plan = plan();
    let id = PluginId::new("acme/tool-plants").unwrap();
    plan.planner.add(NewJob { plugin: Some(id), ..new("theirs", every(1)) }).await.unwrap();
    plan.add("ours", every(1)).await;
    plan.standing.0.store(false, Ordering::SeqCst);
    let runs = plan.run();
    plan.pass(1);
    plan.stage.log.saw("end j2 done").await;
    let why = "refused: acme/tool-plants does not serve, or may no longer plan work; `skynet plugin info acme/tool-plants` says which";
    plan.stage.log.saw(&format!("end j1 {why}")).await;
    assert_eq!(plan.stage.log.count("asked a/one"), 1, "the owner's own job alone");
    let denied = row("schedule.end", "acme/tool-plants", "j1", "denied");
    assert_eq!(plan.rows().iter().filter(|row| **row == denied).count(), 1);
    plan.pass(1);
    plan.stage.log.saw_times(&format!("end j1 {why}"), 2).await;
    assert_eq!(plan.rows().iter().filter(|row| **row == denied).count(), 1, "one row says it");
    runs.stop().await;
}

#[tokio::test]
async fn the_message_says_when_a_plugin_planned_it() {
    let plan = plan();
    let id = PluginId::new("acme/tool-plants").unwrap();
    plan.planner.add(NewJob { plugin: Some(id), ..new("plants", at(1)) }).await.unwrap();
    let runs = plan.run();
    plan.pass(1);
    plan.stage.log.saw("end j1 done").await;
    let first = plan.stage.history("plants")[0].to_text();
    let planned =
        "[schedule] The plugin acme/tool-plants planned this and wrote its name and what follows; no person did. The job \"plants\"";
    assert!(first.starts_with(planned), "{first}");
    assert_eq!(plan.rows()[0], row("schedule", "acme/tool-plants", "j1", "ok"));
    runs.stop().await;
}

#[tokio::test]
async fn a_new_job_wakes_the_one_who_waits() {
    let plan = plan();
    let runs = plan.run();
    plan.stage.clock.sleeper(SCHEDULE_LOOK).await;
    plan.add("plants", at(0)).await;
    plan.stage.log.saw("end j1 done").await;
    runs.stop().await;
}

#[tokio::test]
async fn what_somebody_else_took_is_not_run_and_not_asked_for_in_a_spin() {
    let plan = plan();
    plan.jobs.stolen.store(true, Ordering::SeqCst);
    plan.add("plants", at(0)).await;
    let runs = plan.run();
    plan.stage.clock.sleeper(SCHEDULE_RETRY).await;
    // The wake-up of the job itself, and the start.
    assert!(plan.stage.log.count("no claim of j1") <= 2, "{:?}", plan.stage.log.lines());
    assert!(plan.stage.asked().is_empty());
    plan.jobs.stolen.store(false, Ordering::SeqCst);
    plan.stage.clock.advance(SCHEDULE_RETRY);
    plan.stage.log.saw("end j1 done").await;
    runs.stop().await;
}

#[tokio::test]
async fn a_store_that_fails_is_asked_again_later() {
    let plan = plan();
    plan.add("plants", at(0)).await;
    plan.jobs.broken.store(true, Ordering::SeqCst);
    let runs = plan.run();
    plan.stage.clock.sleeper(SCHEDULE_RETRY).await;
    plan.jobs.broken.store(false, Ordering::SeqCst);
    plan.stage.clock.advance(SCHEDULE_RETRY);
    plan.stage.log.saw("end j1 done").await;
    runs.stop().await;
}

#[tokio::test]
async fn a_turn_that_fails_or_is_stopped_is_written_down_as_such() {
    let plan = plan();
    let failing = vec![Say::Fail(ModelError::Refused("I will not".into()))];
    plan.stage.script(vec![failing, vec![Say::Gate("never")]]);
    plan.add("first", at(0)).await;
    plan.add("second", at(1)).await;
    let runs = plan.run();
    plan.stage.clock.sleeper(SCHEDULE_LOOK).await;
    assert!(plan.hows("j1")[0].starts_with("failed: refusal: "), "{:?}", plan.hows("j1"));
    plan.pass(1);
    plan.stage.log.saw("model waits at never").await;
    plan.stage.agent.abort(&key("second"), None, "rpc");
    plan.stage.log.saw("end j2 aborted: rpc").await;
    let verdicts: Vec<String> = plan.rows().into_iter().filter(|row| row.0 == "schedule.end").map(|row| row.3).collect();
    assert_eq!(verdicts, ["error", "error"]);
    runs.stop().await;
}

#[tokio::test]
async fn a_full_queue_refuses_the_fire_and_nothing_spins() {
    let plan = plan();
    plan.stage.script(vec![vec![Say::Gate("never")]]);
    let first = plan.stage.submit(request("t", "plants", "a")).await;
    plan.stage.log.saw("model waits at never").await;
    let mut waiting = Vec::new();
    for n in 0..limits::SESSION_QUEUE {
        waiting.push(plan.stage.submit(request(&format!("w{n}"), "plants", "b")).await);
    }
    plan.add("plants", every(1)).await;
    plan.pass(1);
    let runs = plan.run();
    plan.stage.clock.sleeper(SCHEDULE_LOOK).await;
    let hows = plan.hows("j1");
    assert!(hows.len() == 1 && hows[0].starts_with("refused: 32 turns of session agent:main:plants are waiting"), "{hows:?}");
    assert_eq!(plan.rows().last().unwrap(), &row("schedule.end", "owner", "j1", "denied"));
    plan.stage.agent.abort(&key("plants"), None, "rpc");
    finish(first).await;
    runs.stop().await;
}

#[tokio::test]
async fn what_cannot_be_audited_is_not_run() {
    let plan = plan();
    plan.stage.audit.broken.store(true, Ordering::SeqCst);
    plan.add("plants", at(0)).await;
    let runs = plan.run();
    plan.stage.clock.sleeper(SCHEDULE_LOOK).await;
    assert!(plan.hows("j1")[0].starts_with("refused: the audit log could not be written"), "{:?}", plan.hows("j1"));
    assert!(plan.stage.asked().is_empty());
    runs.stop().await;
}

#[tokio::test]
async fn only_so_many_scheduled_turns_run_at_once() {
    let plan = plan();
    let gates = ["1", "2", "3", "4", "5"];
    assert_eq!(gates.len(), SCHEDULED_TURNS + 1);
    plan.stage.script(gates.iter().map(|gate| vec![Say::Gate(gate), text("ok"), end(StopReason::EndTurn)]).collect());
    for gate in gates {
        plan.add(gate, at(0)).await;
    }
    let runs = plan.run();
    for gate in &gates[..SCHEDULED_TURNS] {
        plan.stage.log.saw(&format!("model waits at {gate}")).await;
    }
    plan.stage.clock.sleeper(SCHEDULE_LOOK).await;
    assert_eq!((plan.stage.agent.active().len(), plan.stage.log.count("claim j5")), (SCHEDULED_TURNS, 0));
    plan.stage.open("2");
    plan.stage.log.saw("model waits at 5").await;
    gates.iter().for_each(|gate| plan.stage.open(gate));
    runs.stop().await;
    assert!((1..=5).all(|n| plan.hows(&format!("j{n}")) == ["done"]));
}

#[tokio::test]
async fn a_host_that_stops_begins_no_more_and_writes_the_ends_of_what_runs() {
    let plan = plan();
    plan.stage.script(vec![vec![Say::Gate("slow"), text("ok"), end(StopReason::EndTurn)]]);
    plan.add("first", at(0)).await;
    plan.add("second", at(1)).await;
    let runs = plan.run();
    plan.stage.log.saw("model waits at slow").await;
    let (agent, deadline) = (plan.stage.agent.clone(), Duration::from_secs(7));
    let drain = tokio::spawn(async move { agent.drain(deadline).await });
    plan.stage.clock.sleeper(deadline).await;
    plan.pass(0);
    plan.stage.clock.advance(Duration::from_secs(6));
    plan.stage.open("slow");
    runs.ended.await.unwrap();
    drain.await.unwrap();
    assert_eq!(plan.hows("j1"), ["done"]);
    plan.pass(5);
    plan.run().ended.await.unwrap();
    assert_eq!(plan.stage.log.count("claim j2"), 0, "it stays due for the next start");
}

#[tokio::test]
async fn what_died_with_the_host_is_closed_and_not_begun_again() {
    let plan = plan();
    plan.add("plants", at(0)).await;
    let turn = TurnId("schedule:j1:dead".into());
    let dead = Fire { job: "j1".into(), scheduled_ms: START_MS, turn, begun_ms: START_MS, ended_ms: None, how: None };
    plan.jobs.fires.lock().unwrap().push(dead);
    plan.jobs.rows.lock().unwrap()[0].next_ms = None;
    let runs = plan.run();
    plan.stage.clock.sleeper(SCHEDULE_LOOK).await;
    runs.stop().await;
    assert_eq!(plan.hows("j1"), ["interrupted"]);
    assert!(plan.stage.asked().is_empty());
}

#[tokio::test]
async fn a_clock_that_is_set_back_runs_nothing_twice() {
    let plan = plan();
    plan.add("plants", every(1)).await;
    plan.pass(1);
    let runs = plan.run();
    plan.stage.log.saw("end j1 done").await;
    plan.stage.clock.rewind(Duration::from_secs(1800));
    plan.add("other", at(60)).await;
    plan.stage.log.saw("looked at -1740000").await;
    plan.pass(30);
    plan.add("another", at(60)).await;
    plan.stage.log.saw("looked at 60000").await;
    assert_eq!(plan.stage.log.count("claim j1"), 1);
    plan.pass(1);
    plan.stage.log.saw("stored assistant of schedule:j1:1772456820000").await;
    runs.stop().await;
    assert_eq!(plan.hows("j1"), ["done", "done"]);
}

#[tokio::test]
async fn a_time_from_long_ago_is_one_fire() {
    let plan = plan();
    plan.add("plants", every(1)).await;
    plan.jobs.rows.lock().unwrap()[0].next_ms = Some(0);
    let runs = plan.run();
    plan.stage.log.saw("end j1 done").await;
    plan.stage.clock.sleeper(SCHEDULE_LOOK).await;
    runs.stop().await;
    assert_eq!((plan.hows("j1").len(), plan.jobs.next("j1")), (1, Some(MINUTE as i64)));
}

#[tokio::test]
async fn a_job_whose_zone_is_gone_runs_this_time_and_never_again() {
    let plan = plan();
    plan.add("plants", When::Cron { line: "0 9 * * *".into(), zone: "Europe/Rome".into() }).await;
    {
        let mut rows = plan.jobs.rows.lock().unwrap();
        rows[0].when = When::Cron { line: "0 9 * * *".into(), zone: "Mars/Olympus".into() };
        rows[0].next_ms = Some(START_MS);
    }
    let runs = plan.run();
    plan.stage.log.saw("end j1 done").await;
    assert_eq!(plan.jobs.next("j1"), None);
    runs.stop().await;
}

#[tokio::test]
async fn a_calendar_line_without_a_zone_is_read_in_that_of_the_host() {
    let plan = plan();
    let job = plan.add("plants", When::Cron { line: "0 15 * * *".into(), zone: String::new() }).await;
    assert_eq!(job.when, When::Cron { line: "0 15 * * *".into(), zone: "Europe/Berlin".into() });
    assert_eq!(plan.jobs.next("j1"), Some(55 * MINUTE as i64));
}

#[tokio::test]
async fn names_prompts_and_sessions_have_bounds() {
    let plan = plan();
    let refused = async |job: NewJob| plan.refusal(plan.planner.add(job).await.unwrap_err());
    let named = |name: &str| NewJob { name: name.into(), ..new("x", at(1)) };
    let saying = |prompt: String| NewJob { prompt, ..new("x", at(1)) };
    for name in ["", " ", &"n".repeat(JOB_NAME_BYTES + 1)] {
        assert!(refused(named(name)).await.contains("1 to 128 bytes"), "{name:?}");
    }
    for name in ["two\nlines", "\u{1b}[31mred", "\u{202e}backwards", "a\u{2028}b"] {
        assert!(refused(named(name)).await.contains("control characters"), "{name:?}");
    }
    assert!(refused(saying(" \n".into())).await.contains("empty"));
    assert!(refused(saying("p".repeat(JOB_PROMPT_BYTES + 1))).await.contains("longer than 16384 bytes"));
    assert!(refused(saying("a\0b".into())).await.contains("zero bytes"));
    assert!(refused(NewJob { session: key("agent:main:subagent:7"), ..new("x", at(1)) }).await.contains("ends with its turn"));
    assert!(refused(new("x", When::Every { every_ms: 1, anchor_ms: 0 })).await.contains("more often"));
    plan.planner.add(NewJob { name: "n".repeat(JOB_NAME_BYTES), prompt: "p".repeat(JOB_PROMPT_BYTES), ..new("x", at(1)) }).await.unwrap();
}

#[tokio::test]
async fn a_full_quota_is_told_as_one_and_other_faults_of_the_store_are_not() {
    let plan = plan();
    plan.jobs.full.store(true, Ordering::SeqCst);
    assert!(matches!(plan.planner.add(new("x", at(1))).await, Err(ScheduleError::Quota(_))));
    plan.jobs.broken.store(true, Ordering::SeqCst);
    assert!(matches!(plan.planner.add(new("x", at(1))).await, Err(ScheduleError::Store(_))));
    assert!(plan.planner.jobs(&JobFilter::default()).await.is_err());
}

#[tokio::test]
async fn jobs_are_listed_and_removed_within_a_filter() {
    let plan = plan();
    let acme = JobFilter { plugin: Some(PluginId::new("acme/tool-plants").unwrap()), ..JobFilter::default() };
    plan.add("mine", at(1)).await;
    plan.planner.add(NewJob { plugin: acme.plugin.clone(), ..new("theirs", at(1)) }).await.unwrap();
    let names = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.name).collect::<Vec<_>>();
    assert_eq!(names(plan.planner.jobs(&acme).await.unwrap()), ["theirs"]);
    assert!(!plan.planner.remove("j1", &acme).await.unwrap(), "a plugin cannot remove what it did not plan");
    assert!(plan.planner.remove("j1", &JobFilter::default()).await.unwrap());
    assert_eq!(names(plan.planner.jobs(&JobFilter::default()).await.unwrap()), ["theirs"]);
}
