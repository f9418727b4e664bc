//! The port `Jobs`, each method one write or one read.
//!
//! Owns only the way to the threads; what is done there is in `jobs` and `fires`.

use crate::store::Store;
use crate::{fires, jobs};
use async_trait::async_trait;
use skynet_core::schedule::{Fire, Job, JobFilter, Jobs, NewJob};
use skynet_core::{StoreError, TurnId};

#[async_trait]
impl Jobs for Store {
    async fn add_job(&self, job: NewJob, first_ms: u64) -> Result<Job, StoreError> {
        let now = self.now();
        self.write(move |db| jobs::add(db, job, first_ms, now)).await
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
        let filter = filter.clone();
        self.read(move |db| jobs::list(db, &filter)).await
    }

    async fn remove_job(&self, id: &str, filter: &JobFilter) -> Result<bool, StoreError> {
        let (id, filter) = (id.to_owned(), filter.clone());
        self.write(move |db| jobs::remove(db, &id, &filter)).await
    }

    async fn next_due(&self) -> Result<Option<u64>, StoreError> {
        self.read(jobs::next_due).await
    }

    async fn due(&self, now_ms: u64, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.read(move |db| jobs::due(db, now_ms, limit)).await
    }

    async fn claim(&self, job: &str, scheduled_ms: u64, next_ms: Option<u64>, turn: &TurnId) -> Result<bool, StoreError> {
        let (job, turn, now) = (job.to_owned(), turn.clone(), self.now());
        self.write(move |db| fires::claim(db, &job, scheduled_ms, next_ms, &turn, now)).await
    }

    async fn end_fire(&self, job: &str, scheduled_ms: u64, how: &str) -> Result<(), StoreError> {
        let (job, how, now) = (job.to_owned(), how.to_owned(), self.now());
        self.write(move |db| fires::end(db, &job, scheduled_ms, &how, now)).await
    }

    async fn fires(&self, job: &str, limit: usize) -> Result<Vec<Fire>, StoreError> {
        let job = job.to_owned();
        self.read(move |db| fires::of_job(db, &job, limit)).await
    }

    async fn newest_fires(&self, filter: &JobFilter, each: usize) -> Result<Vec<Fire>, StoreError> {
        let filter = filter.clone();
        self.read(move |db| fires::newest(db, &filter, each)).await
    }

    async fn interrupt_fires(&self) -> Result<u64, StoreError> {
        let now = self.now();
        self.write(move |db| fires::interrupt(db, now)).await
    }
}
