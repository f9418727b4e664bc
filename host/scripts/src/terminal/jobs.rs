//! Commands in the background: begun, looked at, ended for real, forgotten in time.
//!
//! Owns the bounds on how many there are and how long they are remembered. One that is over makes room for a
//! new one, oldest first; one that runs does not, so a new one is refused when all run.

use crate::limits::{JOB_KEPT, JOBS};
use crate::sandbox::{Command, Executed, Launcher, ScriptError};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How a job is.
#[derive(Debug, Clone)]
pub enum JobState {
    /// Not over.
    Running,
    /// Over: by itself, or at its deadline.
    Over(Arc<Executed>),
    /// Somebody killed it.
    Killed,
    /// It never ran, or was lost.
    Failed(String),
}

/// One of them, as it is now.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name.
    pub id: String,
    /// What was asked for.
    pub command: String,
    /// When.
    pub began: SystemTime,
    /// How it is.
    pub state: JobState,
}

struct Held {
    job: Job,
    /// When it was over.
    over: Option<Instant>,
    stop: Arc<Notify>,
    gone: Arc<Notify>,
}

/// All of them. Dropping this ends each.
#[derive(Default)]
pub struct Jobs {
    all: Arc<Mutex<BTreeMap<u64, Held>>>,
    /// The number of the newest; none is given twice.
    last: AtomicU64,
}

type All = BTreeMap<u64, Held>;

fn lock(all: &Mutex<All>) -> MutexGuard<'_, All> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number(id: &str) -> Option<u64> {
    id.strip_prefix("job-")?.parse().ok()
}

/// Forgets those that were over long ago, and makes room for one more if it can.
fn make_room(all: &mut All) {
    all.retain(|_, held| held.over.is_none_or(|over| over.elapsed() < JOB_KEPT));
    while all.len() >= JOBS {
        let oldest = all.iter().filter(|(_, held)| held.over.is_some()).min_by_key(|(_, held)| held.over).map(|(number, _)| *number);
        let Some(oldest) = oldest else { return };
        all.remove(&oldest);
    }
}

impl Jobs {
    /// Begins one; gives its name. `keep` bytes of each stream are kept.
    pub fn begin(&self, launcher: Arc<Launcher>, text: &str, command: Command, keep: usize) -> Result<String, String> {
        let mut all = lock(&self.all);
        make_room(&mut all);
        if all.len() >= JOBS {
            return Err(format!("{JOBS} commands run in the background already. Kill one that is no longer needed"));
        }
        let next = self.last.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let id = format!("job-{next}");
        let (stop, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let job = Job { id: id.clone(), command: text.into(), began: SystemTime::now(), state: JobState::Running };
        all.insert(next, Held { job, over: None, stop: Arc::clone(&stop), gone: Arc::clone(&gone) });
        let weak = Arc::downgrade(&self.all);
        tokio::spawn(async move {
            let state = tokio::select! {
                ended = launcher.execute(&command, keep) => over(ended),
                // What is dropped here kills the cell.
                () = stop.notified() => JobState::Killed,
            };
            if let Some(all) = weak.upgrade()
                && let Some(held) = lock(&all).get_mut(&next)
            {
                (held.job.state, held.over) = (state, Some(Instant::now()));
            }
            gone.notify_one();
        });
        Ok(id)
    }

    /// One of them.
    pub fn find(&self, id: &str) -> Option<Job> {
        let mut all = lock(&self.all);
        all.retain(|_, held| held.over.is_none_or(|over| over.elapsed() < JOB_KEPT));
        all.get(&number(id)?).map(|held| held.job.clone())
    }

    /// All of them, oldest first.
    pub fn list(&self) -> Vec<Job> {
        let mut all = lock(&self.all);
        all.retain(|_, held| held.over.is_none_or(|over| over.elapsed() < JOB_KEPT));
        all.values().map(|held| held.job.clone()).collect()
    }

    /// Kills one that runs, and waits for that; says whether it is known.
    pub async fn kill(&self, id: &str) -> bool {
        let waits = {
            let all = lock(&self.all);
            let Some(held) = number(id).and_then(|number| all.get(&number)) else { return false };
            held.over.is_none().then(|| (Arc::clone(&held.stop), Arc::clone(&held.gone)))
        };
        if let Some((stop, gone)) = waits {
            stop.notify_one();
            gone.notified().await;
            // For who else waits.
            gone.notify_one();
        }
        true
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        lock(&self.all).values().for_each(|held| held.stop.notify_one());
    }
}

fn over(ended: Result<Executed, ScriptError>) -> JobState {
    match ended {
        Ok(executed) => JobState::Over(Arc::new(executed)),
        Err(error) => JobState::Failed(error.to_string()),
    }
}
