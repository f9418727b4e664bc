//! Jobs and fires in memory, behind the agent's own planner.

use async_trait::async_trait;
use skynet_core::schedule::{Fire, Job, JobFilter, Jobs, NewJob};
use skynet_core::{StoreError, TurnId};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Default)]
pub(crate) struct FakeJobs {
    pub(crate) rows: Mutex<Vec<Job>>,
    pub(crate) fires: Mutex<Vec<Fire>>,
    pub(crate) full: AtomicBool,
    /// How many fires were asked for, at most, in all questions together.
    pub(crate) asked: AtomicUsize,
    /// How many questions about fires there were.
    pub(crate) questions: AtomicUsize,
}

impl FakeJobs {
    /// A fire that ended as it says, or goes on.
    pub(crate) fn fired(&self, job: &str, scheduled_ms: u64, how: Option<&str>) {
        let ended_ms = how.map(|_| scheduled_ms + 2_500);
        let turn = TurnId(format!("schedule:{job}:{scheduled_ms}"));
        let fire = Fire { job: job.into(), scheduled_ms, turn, begun_ms: scheduled_ms + 500, ended_ms, how: how.map(str::to_owned) };
        self.fires.lock().unwrap().push(fire);
    }

    fn newest(&self, job: &str, limit: usize) -> Vec<Fire> {
        self.asked.fetch_add(limit, Ordering::Relaxed);
        self.fires.lock().unwrap().iter().rev().filter(|fire| fire.job == job).take(limit).cloned().collect()
    }
}

#[async_trait]
impl Jobs for FakeJobs {
    async fn add_job(&self, new: NewJob, first_ms: u64) -> Result<Job, StoreError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(StoreError::Quota("1000 jobs of owner".into()));
        }
        let NewJob { name, when, prompt, user, session, plugin } = new;
        let mut rows = self.rows.lock().unwrap();
        let id = format!("j{}", rows.len() + 1);
        let job = Job {
            id,
            name,
            when,
            prompt,
            user,
            session,
            plugin,
            created_ms: crate::world::START_MS,
            next_ms: Some(first_ms),
            last_ms: None,
            runs: 0,
        };
        rows.push(job.clone());
        Ok(job)
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
        let fits = |job: &&Job| filter.user.as_ref().is_none_or(|user| job.user == *user);
        Ok(self.rows.lock().unwrap().iter().filter(fits).cloned().collect())
    }

    async fn remove_job(&self, id: &str, _: &JobFilter) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock().unwrap();
        let before = rows.len();
        rows.retain(|job| job.id != id);
        Ok(rows.len() < before)
    }

    async fn next_due(&self) -> Result<Option<u64>, StoreError> {
        Ok(self.rows.lock().unwrap().iter().filter_map(|job| job.next_ms).min())
    }

    async fn due(&self, _: u64, _: usize) -> Result<Vec<Job>, StoreError> {
        Ok(Vec::new())
    }

    async fn claim(&self, _: &str, _: u64, _: Option<u64>, _: &TurnId) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn end_fire(&self, _: &str, _: u64, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn fires(&self, job: &str, limit: usize) -> Result<Vec<Fire>, StoreError> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        Ok(self.newest(job, limit))
    }

    async fn newest_fires(&self, filter: &JobFilter, each: usize) -> Result<Vec<Fire>, StoreError> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        Ok(self.jobs(filter).await?.iter().flat_map(|job| self.newest(&job.id, each)).collect())
    }

    async fn interrupt_fires(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}
