//! Taking, listing and removing jobs: the port `Schedule`.
//!
//! Made before the plugin host and the turn loop, since both sides ask it. Owns the
//! bounds of a job and wakes whoever waits for the next one. Refuses to run any.

use crate::ledger::within;
use crate::schedule::calendar;
use crate::sub_turn::is_child;
use async_trait::async_trait;
use jiff::tz::TimeZone;
use skynet_core::StoreError;
use skynet_core::limits::{JOB_NAME_BYTES, JOB_PROMPT_BYTES};
use skynet_core::ports::Clock;
use skynet_core::schedule::{Fire, Job, JobFilter, Jobs, NewJob, Schedule, ScheduleError};
use std::sync::Arc;
use tokio::sync::Notify;

/// The schedule.
pub struct Planner {
    pub(super) jobs: Arc<dyn Jobs>,
    pub(super) clock: Arc<dyn Clock>,
    zone: String,
    /// The jobs are other than they were.
    pub(super) changed: Notify,
}

impl Planner {
    /// Over these jobs. Calendar lines without a zone are read in `time_zone`, an IANA
    /// name; without one, in that of the machine.
    pub fn new(jobs: Arc<dyn Jobs>, clock: Arc<dyn Clock>, time_zone: Option<String>) -> Self {
        let zone = time_zone.or_else(|| TimeZone::system().iana_name().map(str::to_owned)).unwrap_or_else(|| "UTC".into());
        Self { jobs, clock, zone, changed: Notify::new() }
    }

    /// The zone in which a job's times are told.
    pub(super) fn home_zone(&self) -> TimeZone {
        calendar::zone_named(&self.zone).unwrap_or(TimeZone::UTC)
    }
}

fn checked_name(name: &str) -> Result<String, String> {
    let name = name.trim();
    if name.is_empty() || name.len() > JOB_NAME_BYTES {
        return Err(format!("the name of a job has 1 to {JOB_NAME_BYTES} bytes"));
    }
    // It stands in lists and in the first line of a message.
    if name.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')) {
        return Err("the name of a job has no control characters and none that hide or reorder text".into());
    }
    Ok(name.to_owned())
}

fn check_prompt(prompt: &str) -> Result<(), String> {
    if prompt.trim().is_empty() {
        return Err("the prompt of a job is empty; say what is to be done".into());
    }
    if prompt.len() > JOB_PROMPT_BYTES {
        return Err(format!("the prompt of a job is longer than {JOB_PROMPT_BYTES} bytes; say less, or name a file to read"));
    }
    if prompt.contains('\0') {
        return Err("the prompt of a job is text, without zero bytes".into());
    }
    Ok(())
}

#[async_trait]
impl Schedule for Planner {
    async fn add(&self, mut job: NewJob) -> Result<Job, ScheduleError> {
        job.name = checked_name(&job.name).map_err(ScheduleError::Invalid)?;
        check_prompt(&job.prompt).map_err(ScheduleError::Invalid)?;
        if is_child(&job.session) {
            let why = format!("{} ends with its turn; name a session that stays", job.session);
            return Err(ScheduleError::Invalid(why));
        }
        let (when, now_ms, zone) = (job.when, self.clock.now_ms(), self.zone.clone());
        // A line that never comes is looked for through thousands of years.
        let settled = tokio::task::spawn_blocking(move || calendar::settle(when, now_ms, &zone)).await;
        let unsettled = |_| ScheduleError::Invalid("the time of this job could not be found".into());
        let (when, first_ms) = settled.map_err(unsettled)?.map_err(ScheduleError::Invalid)?;
        job.when = when;
        // Waited for to its end: a change that is given up may still happen, and its row would say that it did not.
        let kept = self.jobs.add_job(job, first_ms).await?;
        self.changed.notify_one();
        Ok(kept)
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
        within(&*self.clock, self.jobs.jobs(filter)).await
    }

    async fn remove(&self, id: &str, filter: &JobFilter) -> Result<bool, StoreError> {
        let removed = self.jobs.remove_job(id, filter).await?;
        self.changed.notify_one();
        Ok(removed)
    }

    async fn fires(&self, id: &str, limit: usize) -> Result<Vec<Fire>, StoreError> {
        within(&*self.clock, self.jobs.fires(id, limit)).await
    }

    async fn newest_fires(&self, filter: &JobFilter, each: usize) -> Result<Vec<Fire>, StoreError> {
        within(&*self.clock, self.jobs.newest_fires(filter, each)).await
    }
}
