//! Waits for the next job, claims what is due, and lets it run beside the others.
//!
//! Owns how many run at once, and that nothing spins: a job is claimed under the time
//! that follows now, however far behind it is, and a store that fails or disagrees is
//! left alone for a while. Refuses to run again what a crash cut off: whether it took
//! effect is unknown, so it is closed as interrupted.

use crate::agent::Agent;
use crate::ledger::within;
use crate::limits::{SCHEDULE_LOOK, SCHEDULE_RETRY, SCHEDULED_TURNS};
use crate::schedule::calendar;
use crate::schedule::fire::{self, Due};
use crate::schedule::plan::Planner;
use skynet_core::schedule::{Job, Standing};
use skynet_core::{StoreError, TurnId};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};

/// What runs the jobs of a planner.
pub struct Scheduler {
    agent: Agent,
    planner: Arc<Planner>,
    standing: Arc<dyn Standing>,
}

impl Scheduler {
    /// For the one loop of this host. `standing` knows whose jobs may still be done.
    pub fn new(agent: Agent, planner: Arc<Planner>, standing: Arc<dyn Standing>) -> Self {
        Self { agent, planner, standing }
    }

    /// Runs until `shutdown`, or until the agent takes no more turns; then waits for the
    /// jobs at hand. Those end by themselves, or when the agent's drain stops them.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        self.close_interrupted().await;
        let mut shutdown = pin!(shutdown);
        let mut running = JoinSet::new();
        while !self.agent.is_draining() {
            let wait = self.round(&mut running).await;
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = running.join_next() => look_at(ended),
                () = self.planner.changed.notified() => {}
                () = self.planner.clock.sleep(wait) => {}
            }
        }
        while let Some(ended) = running.join_next().await {
            look_at(ended);
        }
    }

    async fn close_interrupted(&self) {
        match within(&*self.planner.clock, self.planner.jobs.interrupt_fires()).await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "scheduled turns died with the host; they are not begun again"),
            Err(error) => tracing::error!(%error, "scheduled turns that died with the host could not be closed"),
        }
    }

    /// Begins what is due; gives how long to wait when nothing happens.
    async fn round(&self, running: &mut JoinSet<()>) -> Duration {
        self.begin_due(running).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the schedule could not be read; trying again in {} s", SCHEDULE_RETRY.as_secs());
            SCHEDULE_RETRY
        })
    }

    async fn begin_due(&self, running: &mut JoinSet<()>) -> Result<Duration, StoreError> {
        let (jobs, clock) = (&self.planner.jobs, &*self.planner.clock);
        let room = SCHEDULED_TURNS.saturating_sub(running.len());
        if room == 0 {
            // The end of one of them comes sooner than this.
            return Ok(SCHEDULE_LOOK);
        }
        let now_ms = clock.now_ms();
        let due = within(clock, jobs.due(now_ms, room)).await?;
        let mut all_taken = true;
        for job in due {
            all_taken &= self.take(job, now_ms, running).await?;
        }
        if !all_taken {
            return Ok(SCHEDULE_RETRY);
        }
        let next = within(clock, jobs.next_due()).await?;
        let wait = next.map(|at_ms| Duration::from_millis(at_ms.saturating_sub(clock.now_ms())));
        Ok(wait.map_or(SCHEDULE_LOOK, |wait| wait.min(SCHEDULE_LOOK)))
    }

    /// Claims one and begins it. `false` when it is not ours.
    async fn take(&self, job: Job, now_ms: u64, running: &mut JoinSet<()>) -> Result<bool, StoreError> {
        let Some(scheduled_ms) = job.next_ms.filter(|next| *next <= now_ms) else { return Ok(false) };
        let next_ms = calendar::next(&job.when, now_ms).unwrap_or_else(|why| {
            tracing::error!(job = %job.id, %why, "a job has no next time; it runs now and never again");
            None
        });
        let turn = TurnId(format!("schedule:{}:{scheduled_ms}", job.id));
        if !within(&*self.planner.clock, self.planner.jobs.claim(&job.id, scheduled_ms, next_ms, &turn)).await? {
            return Ok(false);
        }
        let allowed = job.plugin.as_ref().is_none_or(|plugin| self.standing.may_plan(plugin));
        let due = Due { job, scheduled_ms, now_ms, turn, zone: self.planner.home_zone(), allowed };
        running.spawn(fire::run(self.agent.clone(), Arc::clone(&self.planner), due));
        Ok(true)
    }
}

fn look_at(ended: Result<(), JoinError>) {
    if let Err(fault) = ended {
        tracing::error!(%fault, "a scheduled turn's keeper panicked; this is a fault of the host");
    }
}
