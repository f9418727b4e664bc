//! Later work: jobs, their fires, and the two ports to them.
//!
//! `Jobs` keeps them; `Schedule` is what others ask: it knows calendars and bounds.
//! A fire is a unique pair of a job and the time that it was planned for: who claims
//! it runs it, so none runs twice, whatever dies in between.

use crate::error::StoreError;
use crate::ids::{PluginId, SessionKey, TurnId, UserId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// When a job is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum When {
    /// Once.
    At {
        /// Milliseconds since the Unix epoch.
        at_ms: u64,
    },
    /// Again and again, counted from the anchor, so that late fires do not shift later ones.
    Every {
        /// Milliseconds between two.
        every_ms: u64,
        /// Milliseconds since the Unix epoch.
        anchor_ms: u64,
    },
    /// By a calendar.
    Cron {
        /// Five fields: minute, hour, day of the month, month, day of the week.
        line: String,
        /// IANA zone name.
        zone: String,
    },
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Unique in this host.
    pub id: String,
    /// For people.
    pub name: String,
    /// When it is due.
    pub when: When,
    /// Handed to the agent as a message.
    pub prompt: String,
    /// On whose behalf.
    pub user: UserId,
    /// Where the turn runs.
    pub session: SessionKey,
    /// The plugin that planned it, if one did.
    pub plugin: Option<PluginId>,
    /// Milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// Milliseconds since the Unix epoch; absent when it will not fire again.
    pub next_ms: Option<u64>,
    /// When it was last due.
    pub last_ms: Option<u64>,
    /// How often it fired.
    pub runs: u64,
}

/// A job to plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// As in `Job`.
    pub name: String,
    /// As in `Job`.
    pub when: When,
    /// As in `Job`.
    pub prompt: String,
    /// As in `Job`.
    pub user: UserId,
    /// As in `Job`.
    pub session: SessionKey,
    /// As in `Job`.
    pub plugin: Option<PluginId>,
}

/// One time that a job was due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fire {
    /// The job's id.
    pub job: String,
    /// When it was due, milliseconds since the Unix epoch.
    pub scheduled_ms: u64,
    /// Its turn.
    pub turn: TurnId,
    /// When it was claimed.
    pub begun_ms: u64,
    /// When it was over.
    pub ended_ms: Option<u64>,
    /// `done`, `failed: …`, `aborted: …`, `refused: …` or `interrupted`.
    pub how: Option<String>,
}

/// Which jobs are meant. All, when nothing is named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFilter {
    /// Of this user.
    pub user: Option<UserId>,
    /// Planned by this plugin.
    pub plugin: Option<PluginId>,
}

/// Durable jobs.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Keeps a job under a new id. Quotas are checked in the same transaction.
    async fn add_job(&self, job: NewJob, first_ms: u64) -> Result<Job, StoreError>;
    /// Jobs, the next due first, those that will not fire again last.
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, StoreError>;
    /// Removes a job and its fires. `false` when none of that id passes the filter.
    async fn remove_job(&self, id: &str, filter: &JobFilter) -> Result<bool, StoreError>;
    /// When the next one is due.
    async fn next_due(&self) -> Result<Option<u64>, StoreError>;
    /// Jobs that are due, the oldest first.
    async fn due(&self, now_ms: u64, limit: usize) -> Result<Vec<Job>, StoreError>;
    /// Takes a fire: writes its row and the job's next time in one transaction. `false`
    /// when somebody else took it, or the job is gone or was due at another time.
    async fn claim(&self, job: &str, scheduled_ms: u64, next_ms: Option<u64>, turn: &TurnId) -> Result<bool, StoreError>;
    /// Writes how a fire ended.
    async fn end_fire(&self, job: &str, scheduled_ms: u64, how: &str) -> Result<(), StoreError>;
    /// Fires of a job, newest first.
    async fn fires(&self, job: &str, limit: usize) -> Result<Vec<Fire>, StoreError>;
    /// So many fires of each job that passes the filter, the newest, in one question.
    async fn newest_fires(&self, filter: &JobFilter, each: usize) -> Result<Vec<Fire>, StoreError>;
    /// Ends, as `interrupted`, all fires that an earlier life of this host left open. Gives how many.
    async fn interrupt_fires(&self) -> Result<u64, StoreError>;
}

/// Why a job was not planned.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ScheduleError {
    /// It breaks a rule; the sentence says which.
    #[error("{0}")]
    Invalid(String),
    /// Too many.
    #[error("quota exceeded: {0}")]
    Quota(String),
    /// Durable state cannot be used.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for ScheduleError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Quota(which) => Self::Quota(which),
            other => Self::Store(other),
        }
    }
}

/// Whether a plugin's jobs may still be done: it serves, and is still granted to plan.
pub trait Standing: Send + Sync {
    /// Asked each time that a job of this plugin is due.
    fn may_plan(&self, plugin: &PluginId) -> bool;
}

/// What others may ask of the schedule.
#[async_trait]
pub trait Schedule: Send + Sync {
    /// Plans a job, after its time and its bounds were checked.
    async fn add(&self, job: NewJob) -> Result<Job, ScheduleError>;
    /// As `Jobs::jobs`.
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, StoreError>;
    /// As `Jobs::remove_job`. A turn that began goes on.
    async fn remove(&self, id: &str, filter: &JobFilter) -> Result<bool, StoreError>;
    /// As `Jobs::fires`.
    async fn fires(&self, id: &str, limit: usize) -> Result<Vec<Fire>, StoreError>;
    /// As `Jobs::newest_fires`.
    async fn newest_fires(&self, filter: &JobFilter, each: usize) -> Result<Vec<Fire>, StoreError>;
}
