//! Jobs and fires in memory, with a log line for each step and switches that break it.

use crate::stage::{Log, START_MS};
use async_trait::async_trait;
use skynet_core::schedule::{Fire, Job, JobFilter, Jobs, NewJob};
use skynet_core::{StoreError, TurnId};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Default)]
pub(crate) struct FakeJobs {
    pub(crate) rows: Mutex<Vec<Job>>,
    pub(crate) fires: Mutex<Vec<Fire>>,
    pub(crate) broken: AtomicBool,
    /// Somebody else is always faster.
    pub(crate) stolen: AtomicBool,
    pub(crate) full: AtomicBool,
    /// Answers only after everybody else had a turn.
    pub(crate) slow: AtomicBool,
    log: Log,
}

fn passes(job: &Job, filter: &JobFilter) -> bool {
    filter.user.as_ref().is_none_or(|user| job.user == *user)
        && filter.plugin.as_ref().is_none_or(|plugin| job.plugin.as_ref() == Some(plugin))
}

impl FakeJobs {
    pub(crate) fn new(log: &Log) -> Self {
        Self { log: log.clone(), ..Self::default() }
    }

    fn whole(&self) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            self.log.add("jobs are broken");
            return Err(StoreError::Unavailable("the disk is full".into()));
        }
        Ok(())
    }

    async fn late(&self) {
        if self.slow.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    }

    /// When a job is due next, counted from the start of the test.
    pub(crate) fn next(&self, id: &str) -> Option<i64> {
        let rows = self.rows.lock().unwrap();
        let job = rows.iter().find(|job| job.id == id).unwrap();
        job.next_ms.map(|next| next as i64 - START_MS as i64)
    }
}

#[async_trait]
impl Jobs for FakeJobs {
    async fn add_job(&self, new: NewJob, first_ms: u64) -> Result<Job, StoreError> {
        self.late().await;
        self.whole()?;
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Quota("1000 jobs of owner".into()));
        }
        let mut rows = self.rows.lock().unwrap();
        let job = Job {
            id: format!("j{}", rows.len() + 1),
            name: new.name,
            when: new.when,
            prompt: new.prompt,
            user: new.user,
            session: new.session,
            plugin: new.plugin,
            created_ms: START_MS,
            next_ms: Some(first_ms),
            last_ms: None,
            runs: 0,
        };
        rows.push(job.clone());
        Ok(job)
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
        self.whole()?;
        Ok(self.rows.lock().unwrap().iter().filter(|job| passes(job, filter)).cloned().collect())
    }

    async fn remove_job(&self, id: &str, filter: &JobFilter) -> Result<bool, StoreError> {
        self.late().await;
        self.whole()?;
        let mut rows = self.rows.lock().unwrap();
        let before = rows.len();
        rows.retain(|job| job.id != id || !passes(job, filter));
        Ok(rows.len() < before)
    }

    async fn next_due(&self) -> Result<Option<u64>, StoreError> {
        self.whole()?;
        Ok(self.rows.lock().unwrap().iter().filter_map(|job| job.next_ms).min())
    }

    async fn due(&self, now_ms: u64, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.whole()?;
        self.log.add(format!("looked at {}", now_ms as i64 - START_MS as i64));
        let mut due: Vec<Job> =
            self.rows.lock().unwrap().iter().filter(|job| job.next_ms.is_some_and(|at| at <= now_ms)).cloned().collect();
        due.sort_by_key(|job| job.next_ms);
        due.truncate(limit);
        Ok(due)
    }

    async fn claim(&self, id: &str, scheduled_ms: u64, next_ms: Option<u64>, turn: &TurnId) -> Result<bool, StoreError> {
        self.whole()?;
        let mut rows = self.rows.lock().unwrap();
        let job = rows.iter_mut().find(|job| job.id == id && job.next_ms == Some(scheduled_ms));
        let Some(job) = job.filter(|_| !self.stolen.load(Ordering::SeqCst)) else {
            self.log.add(format!("no claim of {id}"));
            return Ok(false);
        };
        job.next_ms = next_ms;
        job.last_ms = Some(scheduled_ms);
        job.runs += 1;
        let fire = Fire { job: id.into(), scheduled_ms, turn: turn.clone(), begun_ms: scheduled_ms, ended_ms: None, how: None };
        self.fires.lock().unwrap().push(fire);
        self.log.add(format!("claim {id}"));
        Ok(true)
    }

    async fn end_fire(&self, id: &str, scheduled_ms: u64, how: &str) -> Result<(), StoreError> {
        for fire in self.fires.lock().unwrap().iter_mut().filter(|fire| fire.job == id && fire.scheduled_ms == scheduled_ms) {
            assert_eq!(fire.how, None, "a fire ends once");
            fire.how = Some(how.into());
        }
        self.log.add(format!("end {id} {how}"));
        Ok(())
    }

    async fn fires(&self, id: &str, limit: usize) -> Result<Vec<Fire>, StoreError> {
        Ok(self.fires.lock().unwrap().iter().rev().filter(|fire| fire.job == id).take(limit).cloned().collect())
    }

    async fn newest_fires(&self, filter: &JobFilter, each: usize) -> Result<Vec<Fire>, StoreError> {
        let ids: Vec<String> = self.jobs(filter).await?.into_iter().map(|job| job.id).collect();
        let mut found = Vec::new();
        for id in ids {
            found.extend(self.fires(&id, each).await?);
        }
        Ok(found)
    }

    async fn interrupt_fires(&self) -> Result<u64, StoreError> {
        self.whole()?;
        let mut count = 0;
        for fire in self.fires.lock().unwrap().iter_mut().filter(|fire| fire.how.is_none()) {
            fire.how = Some("interrupted".into());
            count += 1;
        }
        self.log.add(format!("interrupted {count}"));
        Ok(count)
    }
}
