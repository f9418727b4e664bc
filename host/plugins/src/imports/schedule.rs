//! `skynet:plugin/schedule`: later work, in the session and for the user of the call.
//!
//! Linked only when granted. A plugin sees and removes its own jobs of this user, never
//! those of people or of other plugins. Whether it may still plan is asked again when a
//! job is due.

use super::door::{Act, granted};
use super::memory::told;
use crate::bindings::v0::skynet::plugin::schedule::{Host, Job, When};
use crate::store::CallState;
use skynet_core::neighbours::Caller;
use skynet_core::schedule::{self, JobFilter, NewJob, ScheduleError};

impl CallState {
    fn may_plan(&self) -> Result<(), super::door::Shut> {
        granted(self.reach.permissions.schedule, "planning later work")
    }

    fn own_jobs(&self, caller: &Caller) -> JobFilter {
        JobFilter { user: Some(caller.context.user.clone()), plugin: Some(self.reach.plugin.id.clone()) }
    }

    async fn add_job(&mut self, name: String, when: When, prompt: String) -> Result<String, String> {
        let (name, prompt) = (self.clean(&name), self.clean(&prompt));
        let act = Act::new("schedule", "add", &name);
        let caller = self.enter(&act, self.may_plan()).await?;
        // Without one the schedule takes the host's own.
        let zone = caller.context.time_zone.clone().unwrap_or_default();
        let when = match when {
            When::At(at_ms) => schedule::When::At { at_ms },
            When::EveryMs(every_ms) => schedule::When::Every { every_ms, anchor_ms: self.reach.granted.clock.now_ms() },
            When::Cron(line) => schedule::When::Cron { line, zone },
        };
        let skynet_core::ports::CallContext { user, session, .. } = caller.context;
        let job = NewJob { name, when, prompt, user, session, plugin: Some(caller.plugin.id) };
        match self.reach.neighbours.schedule.add(job).await {
            Ok(job) => Ok(job.id),
            Err(ScheduleError::Store(error)) => Err(self.failed(&act, told(error)).await),
            Err(other) => Err(self.failed(&act, other.to_string()).await),
        }
    }

    async fn list_jobs(&mut self) -> Result<Vec<Job>, String> {
        let act = Act::new("schedule", "jobs", "");
        let caller = self.enter(&act, self.may_plan()).await?;
        match self.reach.neighbours.schedule.jobs(&self.own_jobs(&caller)).await {
            Ok(jobs) => Ok(jobs.into_iter().map(of_job).collect()),
            Err(error) => Err(self.failed(&act, told(error)).await),
        }
    }

    async fn remove_job(&mut self, id: String) -> Result<bool, String> {
        let act = Act::new("schedule", "remove", &id);
        let caller = self.enter(&act, self.may_plan()).await?;
        match self.reach.neighbours.schedule.remove(&id, &self.own_jobs(&caller)).await {
            Ok(was_there) => Ok(was_there),
            Err(error) => Err(self.failed(&act, told(error)).await),
        }
    }
}

fn of_job(job: schedule::Job) -> Job {
    let when = match job.when {
        schedule::When::At { at_ms } => When::At(at_ms),
        schedule::When::Every { every_ms, .. } => When::EveryMs(every_ms),
        schedule::When::Cron { line, .. } => When::Cron(line),
    };
    Job { id: job.id, name: job.name, when, prompt: job.prompt }
}

impl Host for CallState {
    async fn add(&mut self, name: String, when: When, prompt: String) -> wasmtime::Result<Result<String, String>> {
        Ok(self.add_job(name, when, prompt).await)
    }

    async fn jobs(&mut self) -> wasmtime::Result<Result<Vec<Job>, String>> {
        Ok(self.list_jobs().await)
    }

    async fn remove(&mut self, id: String) -> wasmtime::Result<Result<bool, String>> {
        Ok(self.remove_job(id).await)
    }
}
