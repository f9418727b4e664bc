//! Later work: `calendar` says when a job is due, `plan` takes and lists jobs, `run`
//! waits for the time, `fire` hands one job to the turn loop.
//!
//! Owns the rules: a fire is claimed in the store before its turn begins, so it runs
//! at most once, whatever dies in between. What fell due while the host was down
//! runs once, late; a recurring job then goes on from now. Refuses to keep anything
//! itself: jobs and fires are behind the port `Jobs`.

mod calendar;
mod fire;
mod plan;
mod run;

pub use plan::Planner;
pub use run::Scheduler;
