//! The one thread that writes, and the group commit.
//!
//! It takes the writes that wait, runs each in a savepoint of one transaction,
//! commits once and only then answers them all. A write that fails is undone alone.
//! A caller that goes away does not undo its write. There is no deadline on the
//! answer: the lock is bounded by `BUSY_TIMEOUT`, the rest is the local disk, and a
//! caller told "failed" of a write that then succeeds would be worse off. Audit rows
//! that wait (see `rows`) are written ahead of each write.

use crate::audit;
use crate::error::{Doing, Result};
use crate::limits::{CHECKPOINT_ROWS, ROWS_RETRY, ROWS_WAIT, WRITE_GROUP, WRITE_QUEUE};
use crate::rows::{Batch, Offer, Rows};
use rusqlite::{Connection, TransactionBehavior};
use skynet_core::StoreError;
use skynet_core::ports::Clock;
use skynet_policy::signature::SecretKey;
use std::sync::{Arc, OnceLock};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// A write that waits, runs, and is answered.
trait Write: Send {
    /// Runs it; `false` asks for its changes to be undone.
    fn run(&mut self, db: &Connection) -> bool;
    /// Tells the caller its own error, or how the commit went.
    fn answer(self: Box<Self>, group: &Result<()>);
}

struct Job<T, F> {
    work: Option<F>,
    result: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T> + Send> Write for Job<T, F> {
    fn run(&mut self, db: &Connection) -> bool {
        self.result = self.work.take().map(|work| work(db));
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, group: &Result<()>) {
        let answer = match (self.result, group) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(error)) => Err(error.clone()),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(gone()),
        };
        // The caller may have lost interest.
        drop(self.reply.send(answer));
    }
}

/// What wakes the thread.
enum Task {
    Write(Box<dyn Write>),
    /// The first of some audit rows waits.
    Rows,
}

/// The way to the thread; it ends when all of these are gone and the queue is empty.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Task>,
    rows: Rows,
    key: Arc<OnceLock<SecretKey>>,
}

/// What signs checkpoints of the audit log, and when.
struct Seal {
    key: Arc<OnceLock<SecretKey>>,
    clock: Arc<dyn Clock>,
}

impl Seal {
    /// In the transaction whose rows make it due.
    fn when_due(&self, db: &Connection) -> Result<()> {
        self.key.get().map_or(Ok(()), |key| audit::seal(db, key, self.clock.now_ms(), CHECKPOINT_ROWS))
    }
}

impl Writer {
    /// Starts the thread, which owns the connection.
    pub(crate) fn start(mut db: Connection, clock: Arc<dyn Clock>) -> Result<Self> {
        let (queue, mut waiting) = mpsc::channel(WRITE_QUEUE);
        let unavailable = |error| StoreError::Unavailable(format!("no thread for writing could be started ({error})"));
        let timer = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(unavailable)?;
        let rows = Rows::default();
        let key = Arc::new(OnceLock::new());
        let seal = Seal { key: Arc::clone(&key), clock };
        let writer = Self { queue, rows: rows.clone(), key };
        let run = move || {
            while let Some(first) = timer.block_on(next(&mut waiting, &rows)) {
                let mut group = Vec::from_iter(first);
                let outcome = commit_group(&mut db, &rows, &seal, &mut group, &mut waiting);
                if let Err(error) = &outcome {
                    tracing::error!(%error, writes = group.len(), "a group of writes was lost; each caller was told");
                }
                for write in group {
                    write.answer(&outcome);
                }
            }
        };
        std::thread::Builder::new().name("store-writer".into()).spawn(run).map_err(unavailable)?;
        Ok(writer)
    }

    /// Queues a write and waits until the disk has it.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job { work: Some(work), result: None, reply };
        self.queue.send(Task::Write(Box::new(job))).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    pub(crate) fn key(&self) -> &OnceLock<SecretKey> {
        &self.key
    }

    /// Takes an audit row; `false` when it must be written now instead.
    pub(crate) fn offer(&self, row: &str, at_ms: u64) -> bool {
        if self.queue.is_closed() {
            // Nobody would write it. The caller's own write says so.
            return false;
        }
        match self.rows.offer(row, at_ms) {
            Offer::Taken => true,
            Offer::TakenFirst => {
                // Full: then a write is in it, which takes the rows along.
                drop(self.queue.try_send(Task::Rows));
                true
            }
            Offer::Refused => false,
        }
    }
}

/// The first write of the next group, none when only rows wait; `None` at the end.
async fn next(waiting: &mut mpsc::Receiver<Task>, rows: &Rows) -> Option<Option<Box<dyn Write>>> {
    let mut due = None;
    loop {
        if due.is_none() && rows.are_waiting() {
            let wait = if rows.behind().is_some() { ROWS_RETRY } else { ROWS_WAIT };
            due = Some(Instant::now() + wait);
        }
        let task = match due {
            Some(due) => timeout_at(due, waiting.recv()).await,
            None => Ok(waiting.recv().await),
        };
        match task {
            Ok(Some(Task::Write(write))) => return Some(Some(write)),
            Ok(Some(Task::Rows)) => {}
            Err(_due) => return Some(None),
            // The last handle is gone. One more attempt for what waits, unless it was made.
            Ok(None) if rows.are_waiting() && rows.behind().is_none() => return Some(None),
            Ok(None) => return None,
        }
    }
}

/// Runs `group` and what else waits in one transaction; adds the latter to `group`.
fn commit_group(
    db: &mut Connection,
    rows: &Rows,
    seal: &Seal,
    group: &mut Vec<Box<dyn Write>>,
    waiting: &mut mpsc::Receiver<Task>,
) -> Result<()> {
    let mut written = Batch::default();
    let outcome = run_group(db, (rows, seal), &mut written, group, waiting);
    rows.settle(written, &outcome);
    outcome
}

fn run_group(
    db: &mut Connection,
    (rows, seal): (&Rows, &Seal),
    written: &mut Batch,
    group: &mut Vec<Box<dyn Write>>,
    waiting: &mut mpsc::Receiver<Task>,
) -> Result<()> {
    let doing = "writing";
    let mut all = db.transaction_with_behavior(TransactionBehavior::Immediate).doing(doing)?;
    let mut next = 0;
    rows.write(&all, written)?;
    while let Some(write) = group.get_mut(next) {
        let mut one = all.savepoint().doing(doing)?;
        let keep = write.run(&one);
        if !keep {
            // Fails when SQLite has already undone the whole transaction, as it may on
            // a full disk. Then the group is lost, and must not go on outside of one.
            one.rollback().doing("undoing a write that failed")?;
        }
        one.commit().doing(doing)?;
        next += 1;
        while next == group.len() && next < WRITE_GROUP {
            match waiting.try_recv() {
                Ok(Task::Write(write)) => {
                    // What was recorded before this write was asked for.
                    rows.write(&all, written)?;
                    group.push(write);
                }
                Ok(Task::Rows) => {}
                Err(_none) => break,
            }
        }
    }
    seal.when_due(&all)?;
    all.commit().doing("committing")
}

fn gone() -> StoreError {
    StoreError::Unavailable("the writing thread has ended; restart skynet and look for its last error in the log".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = oneshot::Receiver<Result<()>>;

    struct Stopped;

    #[async_trait::async_trait]
    impl Clock for Stopped {
        fn now_ms(&self) -> u64 {
            0
        }

        async fn sleep(&self, _: std::time::Duration) {}
    }

    fn job(sql: &'static str) -> (Box<dyn Write>, Answer) {
        let (reply, answer) = oneshot::channel();
        let work = move |db: &Connection| db.execute_batch(sql).doing("testing");
        (Box::new(Job { work: Some(work), result: None, reply }), answer)
    }

    /// Runs these as one group; one letter for each answer, then what is stored.
    fn check(jobs: &[&'static str], expected: &str) {
        let mut db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE t (a INTEGER PRIMARY KEY)").unwrap();
        let (mut writes, mut answers): (std::collections::VecDeque<_>, Vec<_>) = jobs.iter().map(|sql| job(sql)).unzip();
        let mut group = vec![writes.pop_front().unwrap()];
        let (queue, mut waiting) = mpsc::channel(WRITE_QUEUE);
        for write in writes {
            queue.try_send(Task::Write(write)).ok().unwrap();
        }
        let seal = Seal { key: Arc::default(), clock: Arc::new(Stopped) };
        let outcome = commit_group(&mut db, &Rows::default(), &seal, &mut group, &mut waiting);
        group.into_iter().for_each(|write| write.answer(&outcome));
        let letter = |answer: &mut Answer| match answer.try_recv() {
            Ok(Ok(())) => 'y',
            Ok(Err(_)) => 'n',
            Err(_) => '-',
        };
        let told: String = answers.iter_mut().map(letter).collect();
        let stored: Option<String> = db.query_row("SELECT group_concat(a, ' ' ORDER BY a) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(format!("{told} {}", stored.unwrap_or_default()).trim_end(), expected, "{jobs:?}");
        assert!(db.is_autocommit(), "no transaction is left open");
    }

    #[test]
    fn a_group_is_committed_whole_but_for_the_writes_that_failed() {
        check(&["INSERT INTO t VALUES (1)"], "y 1");
        check(&["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)"], "yy 1 2");
        let half_done = "INSERT INTO t VALUES (2); INSERT INTO t VALUES (1)";
        check(&["INSERT INTO t VALUES (1)", half_done, "INSERT INTO t VALUES (3)"], "yny 1 3");
    }

    #[test]
    fn when_sqlite_drops_the_transaction_everyone_in_it_is_told_and_nobody_else_runs() {
        let drops = "INSERT INTO t VALUES (2); ROLLBACK; SELECT fails";
        check(&["INSERT INTO t VALUES (1)", drops, "INSERT INTO t VALUES (3)"], "nn-");
    }

    #[test]
    fn when_the_commit_fails_everyone_is_told() {
        let owes = "PRAGMA defer_foreign_keys = 1; CREATE TABLE c (a REFERENCES t (a)); INSERT INTO c VALUES (9)";
        check(&["PRAGMA foreign_keys", "INSERT INTO t VALUES (1)", owes], "nnn");
    }
}
