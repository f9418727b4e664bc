//! Jobs and fires: each fire once, whoever asks and whatever dies; quotas and what makes room.

use crate::scratch::{Scratch, key, plugin, turn};
use skynet_core::limits::{JOBS_OF_PLUGIN, JOBS_OF_USER};
use skynet_core::schedule::{Fire, Job, JobFilter, Jobs as _, NewJob, When};
use skynet_core::{StoreError, UserId};
use skynet_store::Store;
use skynet_store::limits::{FINISHED_JOBS, FIRES};

fn new(name: &str) -> NewJob {
    let when = When::Every { every_ms: 60_000, anchor_ms: 0 };
    NewJob { name: name.into(), when, prompt: "do it".into(), user: UserId::owner(), session: key("main"), plugin: None }
}

fn by(name: &str, id: &str) -> NewJob {
    NewJob { plugin: Some(plugin(id)), ..new(name) }
}

async fn add(store: &Store, name: &str, first_ms: u64) -> Job {
    store.add_job(new(name), first_ms).await.unwrap()
}

fn names(jobs: &[Job]) -> String {
    jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>().join(" ")
}

async fn listed(store: &Store) -> String {
    names(&store.jobs(&JobFilter::default()).await.unwrap())
}

fn of(user: Option<&str>, id: Option<&str>) -> JobFilter {
    JobFilter { user: user.map(|user| UserId(user.into())), plugin: id.map(plugin) }
}

/// So many jobs at once, past the quotas, as `fill-N`; those without a next time are over.
fn fill(scratch: &Scratch, many: u64, id: Option<&str>, next_ms: Option<u64>) {
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
        INSERT INTO jobs (id, name, due, prompt, user, session, plugin, created_ms, next_ms, last_ms)
        SELECT lower(hex(randomblob(16))), 'fill-' || i, '{\"kind\":\"at\",\"at_ms\":1}', 'p', 'owner', 'main', ?2, 1, ?3, i FROM n";
    let next_ms = next_ms.map(|ms| ms as i64);
    scratch.raw().execute(sql, rusqlite::params![many as i64, id, next_ms]).unwrap();
}

#[tokio::test]
async fn a_job_is_kept_whole_and_survives_a_restart() {
    let scratch = Scratch::new();
    let mut made = Vec::new();
    let cron = When::Cron { line: "0 9 * * 1".into(), zone: "Europe/Lisbon".into() };
    for (n, when) in [When::At { at_ms: 7 }, When::Every { every_ms: 60_000, anchor_ms: 3 }, cron].into_iter().enumerate() {
        let job = NewJob { when, ..by(&n.to_string(), "a/x") };
        made.push(scratch.open().add_job(job, 5000 + n as u64).await.unwrap());
    }
    let store = scratch.open();
    assert_eq!(store.jobs(&JobFilter::default()).await.unwrap(), made);
    let first = &made[0];
    assert_eq!((first.created_ms, first.next_ms, first.last_ms, first.runs), (1000, Some(5000), None, 0));
    assert!(made[0].id != made[1].id && made[1].id != made[2].id);
}

#[tokio::test]
async fn jobs_come_in_the_order_in_which_they_are_due() {
    let scratch = Scratch::new();
    let store = scratch.open();
    assert_eq!(store.next_due().await.unwrap(), None);
    for (name, first) in [("c", 300), ("a", 100), ("over", 50), ("b2", 200), ("b1", 200)] {
        add(&store, name, first).await;
    }
    let over = store.due(50, 10).await.unwrap().pop().unwrap();
    assert!(store.claim(&over.id, 50, None, &turn("t")).await.unwrap());
    assert_eq!(listed(&store).await, "a b2 b1 c over");
    assert_eq!(store.next_due().await.unwrap(), Some(100));
    let check = async |now, limit, expected: &str| assert_eq!(names(&store.due(now, limit).await.unwrap()), expected, "{now}");
    check(99, 10, "").await;
    check(100, 10, "a").await;
    check(250, 10, "a b2 b1").await;
    check(250, 2, "a b2").await;
    check(u64::from(u32::MAX), 10, "a b2 b1 c").await;
}

#[tokio::test]
async fn a_filter_shows_and_removes_only_what_it_names() {
    let scratch = Scratch::new();
    let store = scratch.open();
    add(&store, "mine", 1).await;
    let theirs = store.add_job(by("theirs", "a/x"), 2).await.unwrap();
    store.add_job(NewJob { user: UserId("guest".into()), ..by("guests", "a/x") }, 3).await.unwrap();
    let check = async |filter: JobFilter, expected: &str| assert_eq!(names(&store.jobs(&filter).await.unwrap()), expected, "{filter:?}");
    check(of(None, None), "mine theirs guests").await;
    check(of(Some("owner"), None), "mine theirs").await;
    check(of(None, Some("a/x")), "theirs guests").await;
    check(of(Some("guest"), Some("a/x")), "guests").await;
    check(of(Some("guest"), Some("a/y")), "").await;
    for wrong in [of(Some("guest"), None), of(None, Some("a/y")), of(Some("guest"), Some("a/x")), of(Some("owner"), Some("a/y"))] {
        assert!(!store.remove_job(&theirs.id, &wrong).await.unwrap(), "{wrong:?}");
    }
    assert!(!store.remove_job("no such id", &of(None, None)).await.unwrap());
    assert!(store.remove_job(&theirs.id, &of(Some("owner"), Some("a/x"))).await.unwrap());
    assert!(!store.remove_job(&theirs.id, &of(None, None)).await.unwrap());
    assert_eq!(listed(&store).await, "mine guests");
}

#[tokio::test]
async fn a_fire_is_taken_once_and_its_end_is_written_once() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let job = add(&store, "a", 2000).await;
    scratch.clock.set(2500);
    assert!(!store.claim(&job.id, 1999, Some(9), &turn("t0")).await.unwrap(), "it was due at another time");
    assert!(!store.claim("no such id", 2000, Some(9), &turn("t0")).await.unwrap());
    assert!(store.claim(&job.id, 2000, Some(4000), &turn("t1")).await.unwrap());
    assert!(!store.claim(&job.id, 2000, Some(9), &turn("t2")).await.unwrap());
    let now = store.jobs(&JobFilter::default()).await.unwrap().pop().unwrap();
    assert_eq!((now.next_ms, now.last_ms, now.runs), (Some(4000), Some(2000), 1));
    scratch.clock.set(3000);
    store.end_fire(&job.id, 2000, "done").await.unwrap();
    scratch.clock.set(3500);
    store.end_fire(&job.id, 2000, "failed: too late").await.unwrap();
    store.end_fire(&job.id, 1, "done").await.unwrap();
    assert!(store.claim(&job.id, 4000, None, &turn("t3")).await.unwrap());
    let fire = |scheduled_ms, turn_id: &str, begun_ms| {
        let (job, turn) = (job.id.clone(), turn(turn_id));
        Fire { job, scheduled_ms, turn, begun_ms, ended_ms: None, how: None }
    };
    let ended = Fire { ended_ms: Some(3000), how: Some("done".into()), ..fire(2000, "t1", 2500) };
    assert_eq!(store.fires(&job.id, 10).await.unwrap(), [fire(4000, "t3", 3500), ended]);
    assert_eq!(store.fires(&job.id, 1).await.unwrap(), [fire(4000, "t3", 3500)]);
    assert_eq!(store.next_due().await.unwrap(), None);
    assert!(store.remove_job(&job.id, &JobFilter::default()).await.unwrap());
    assert!(store.fires(&job.id, 10).await.unwrap().is_empty());
    store.end_fire(&job.id, 4000, "done").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hosts_that_claim_the_same_fire_one_wins() {
    let scratch = Scratch::new();
    let stores = [scratch.open(), scratch.open()];
    let job = add(&stores[0], "a", 0).await;
    for round in 0..20_u64 {
        let claims = stores.iter().enumerate().flat_map(|(n, store)| [(n, store), (n, store)]).map(|(n, store)| {
            let (store, id) = (store.clone(), job.id.clone());
            tokio::spawn(async move { store.claim(&id, round, Some(round + 1), &turn(&n.to_string())).await.unwrap() })
        });
        let mut won = 0;
        for claim in claims.collect::<Vec<_>>() {
            won += u32::from(claim.await.unwrap());
        }
        assert_eq!(won, 1, "round {round}");
    }
    assert_eq!(stores[1].jobs(&JobFilter::default()).await.unwrap()[0].runs, 20);
}

#[tokio::test]
async fn a_job_that_falls_back_gets_past_a_fire_that_ran_without_running_it_again() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let job = add(&store, "a", 2000).await;
    assert!(store.claim(&job.id, 2000, Some(2000), &turn("t1")).await.unwrap());
    assert!(!store.claim(&job.id, 2000, Some(4000), &turn("t2")).await.unwrap());
    let now = store.jobs(&JobFilter::default()).await.unwrap().pop().unwrap();
    assert_eq!((now.next_ms, now.runs), (Some(4000), 1));
}

#[tokio::test]
async fn what_an_earlier_life_left_open_is_interrupted_at_the_next_start() {
    let scratch = Scratch::new();
    let job = {
        let store = scratch.open();
        let job = add(&store, "a", 1).await;
        for at in 1..=3 {
            assert!(store.claim(&job.id, at, Some(at + 1), &turn("t")).await.unwrap());
        }
        store.end_fire(&job.id, 2, "done").await.unwrap();
        job
    };
    let store = scratch.open();
    scratch.clock.set(7000);
    assert_eq!(store.interrupt_fires().await.unwrap(), 2);
    assert_eq!(store.interrupt_fires().await.unwrap(), 0);
    let fires = store.fires(&job.id, 10).await.unwrap();
    let hows: Vec<_> = fires.iter().map(|fire| (fire.ended_ms.unwrap(), fire.how.as_deref().unwrap())).collect();
    assert_eq!(hows, [(7000, "interrupted"), (1000, "done"), (7000, "interrupted")]);
}

#[tokio::test]
async fn the_newest_fires_of_many_jobs_come_in_one_question_and_only_of_those_that_are_meant() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let (one, two) = (add(&store, "a", 1).await, add(&store, "b", 1).await);
    let strange = store.add_job(NewJob { user: UserId("other".into()), ..by("c", "a/x") }, 1).await.unwrap();
    for (job, last) in [(&one, 3), (&two, 1), (&strange, 2)] {
        for at in 1..=last {
            assert!(store.claim(&job.id, at, Some(at + 1), &turn("t")).await.unwrap());
        }
    }
    let newest = async |filter: JobFilter, each: usize| -> Vec<(String, u64)> {
        let mut fires = store.newest_fires(&filter, each).await.unwrap();
        fires.sort_by_key(|fire| (fire.job != one.id, fire.job != two.id));
        let name = |id: &str| [&one, &two, &strange].into_iter().find(|job| job.id == id).unwrap().name.clone();
        fires.iter().map(|fire| (name(&fire.job), fire.scheduled_ms)).collect()
    };
    let told = |fires: &[(&str, u64)]| fires.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect::<Vec<_>>();
    assert_eq!(newest(of(Some("owner"), None), 2).await, told(&[("a", 3), ("a", 2), ("b", 1)]));
    assert_eq!(newest(of(None, Some("a/x")), 1).await, told(&[("c", 2)]));
    assert_eq!(newest(JobFilter::default(), 1).await, told(&[("a", 3), ("b", 1), ("c", 2)]));
    assert_eq!(newest(JobFilter::default(), usize::MAX).await.len(), 6);
}

#[tokio::test]
async fn only_the_newest_fires_of_a_job_are_kept() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let (job, other) = (add(&store, "a", 1).await, add(&store, "b", 1).await);
    assert!(store.claim(&other.id, 1, None, &turn("t")).await.unwrap());
    for at in 1..=FIRES + 3 {
        assert!(store.claim(&job.id, at, Some(at + 1), &turn("t")).await.unwrap());
    }
    let fires = store.fires(&job.id, usize::MAX).await.unwrap();
    let ends = (fires.len() as u64, fires[0].scheduled_ms, fires[fires.len() - 1].scheduled_ms);
    assert_eq!(ends, (FIRES, FIRES + 3, 4));
    assert_eq!(store.fires(&other.id, 10).await.unwrap().len(), 1);
    assert_eq!(store.jobs(&JobFilter::default()).await.unwrap()[0].runs, FIRES + 3);
}

#[tokio::test]
async fn the_quotas_hold_to_the_last_job() {
    let scratch = Scratch::new();
    let store = scratch.open();
    fill(&scratch, JOBS_OF_PLUGIN - 1, Some("a/x"), Some(9));
    store.add_job(by("last", "a/x"), 9).await.unwrap();
    let error = store.add_job(by("more", "a/x"), 9).await.unwrap_err();
    assert!(matches!(&error, StoreError::Quota(text) if text.contains("of one plugin 50 jobs")), "{error}");
    let guests = NewJob { user: UserId("guest".into()), ..by("more", "a/x") };
    assert!(matches!(store.add_job(guests, 9).await, Err(StoreError::Quota(_))), "for all users together");
    store.add_job(by("more", "a/y"), 9).await.unwrap();
    fill(&scratch, JOBS_OF_USER - JOBS_OF_PLUGIN - 2, None, Some(9));
    let last = add(&store, "the last of all", 9).await;
    let error = store.add_job(new("one more"), 9).await.unwrap_err();
    assert!(matches!(&error, StoreError::Quota(text) if text.contains("of one user 1000 jobs")), "{error}");
    assert!(matches!(store.add_job(by("one more", "a/y"), 9).await, Err(StoreError::Quota(_))));
    store.add_job(NewJob { user: UserId("guest".into()), ..new("guests") }, 9).await.unwrap();
    assert!(store.remove_job(&last.id, &JobFilter::default()).await.unwrap());
    add(&store, "again", 9).await;
}

#[tokio::test]
async fn jobs_that_are_over_are_kept_for_a_while_and_never_stand_in_the_way() {
    let scratch = Scratch::new();
    let store = scratch.open();
    fill(&scratch, FINISHED_JOBS + 20, None, None);
    add(&store, "new", 9).await;
    let jobs = store.jobs(&JobFilter::default()).await.unwrap();
    assert_eq!((jobs.len() as u64, jobs[0].name.as_str()), (FINISHED_JOBS + 1, "new"));
    assert!(jobs.iter().all(|job| job.last_ms.is_none_or(|last| last > 20)), "the oldest went");
    fill(&scratch, JOBS_OF_PLUGIN - 1, Some("a/x"), None);
    for n in 0..JOBS_OF_PLUGIN {
        store.add_job(by(&format!("live-{n}"), "a/x"), 9).await.unwrap();
        let kept = store.jobs(&of(None, Some("a/x"))).await.unwrap();
        assert!(kept.len() as u64 <= JOBS_OF_PLUGIN, "{} after {n}", kept.len());
    }
    assert!(matches!(store.add_job(by("more", "a/x"), 9).await, Err(StoreError::Quota(_))));
    let kept = store.jobs(&of(None, Some("a/x"))).await.unwrap();
    assert!(kept.iter().all(|job| job.name.starts_with("live-")), "a job to come outranks all that are over");
}

#[tokio::test]
async fn a_job_whose_last_fire_goes_on_is_not_over() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let open = add(&store, "open", 1).await;
    assert!(store.claim(&open.id, 1, None, &turn("t")).await.unwrap());
    fill(&scratch, FINISHED_JOBS, None, None);
    add(&store, "next", 9).await;
    assert!(listed(&store).await.contains("open"));
    store.end_fire(&open.id, 1, "done").await.unwrap();
    add(&store, "last", 9).await;
    assert!(!listed(&store).await.contains("open"), "its time was the oldest of all");
    assert!(store.fires(&open.id, 10).await.unwrap().is_empty());
    store.check().await.unwrap();
}
