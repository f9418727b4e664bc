//! The one thread that writes, and the group commit.
//!
//! It takes the writes that wait, runs each in a savepoint of one transaction,
//! commits once and only then answers them all. A write that fails is undone alone.
//! A caller that goes away does not undo its write. There is no deadline on the
//! answer: the lock is bounded by `BUSY_TIMEOUT`, the rest is the local disk, and a
//! caller told "failed" of a write that then succeeds would be worse off.

use crate::error::{Doing, Result};
use crate::limits::{WRITE_GROUP, WRITE_QUEUE};
use rusqlite::{Connection, TransactionBehavior};
use skynet_core::StoreError;
use tokio::sync::{mpsc, oneshot};

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

/// The way to the thread; it ends when all of these are gone and the queue is empty.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Write>>,
}

impl Writer {
    /// Starts the thread, which owns the connection.
    pub(crate) fn start(mut db: Connection) -> Result<Self> {
        let (queue, mut waiting) = mpsc::channel::<Box<dyn Write>>(WRITE_QUEUE);
        let thread = std::thread::Builder::new().name("store-writer".into());
        let run = move || {
            while let Some(first) = waiting.blocking_recv() {
                let mut group = vec![first];
                let outcome = commit_group(&mut db, &mut group, &mut waiting);
                if let Err(error) = &outcome {
                    tracing::error!(%error, writes = group.len(), "a group of writes was lost; each caller was told");
                }
                for write in group {
                    write.answer(&outcome);
                }
            }
        };
        thread.spawn(run).map_err(|error| StoreError::Unavailable(format!("no thread for writing could be started ({error})")))?;
        Ok(Self { queue })
    }

    /// Queues a write and waits until the disk has it.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job { work: Some(work), result: None, reply };
        self.queue.send(Box::new(job)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// Runs `group` and what else waits in one transaction; adds the latter to `group`.
fn commit_group(db: &mut Connection, group: &mut Vec<Box<dyn Write>>, waiting: &mut mpsc::Receiver<Box<dyn Write>>) -> Result<()> {
    let doing = "writing";
    let mut all = db.transaction_with_behavior(TransactionBehavior::Immediate).doing(doing)?;
    let mut next = 0;
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
        if next == group.len() && next < WRITE_GROUP {
            group.extend(waiting.try_recv());
        }
    }
    all.commit().doing("committing")
}

fn gone() -> StoreError {
    StoreError::Unavailable("the writing thread has ended; restart skynet and look for its last error in the log".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = oneshot::Receiver<Result<()>>;

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
            queue.try_send(write).ok().unwrap();
        }
        let outcome = commit_group(&mut db, &mut group, &mut waiting);
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
