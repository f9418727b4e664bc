//! The threads that read.
//!
//! Each owns a connection that cannot write and serves one queue with the others.
//! Every read sees one state of the database from its first row to its last, and
//! whatever was acknowledged before it was asked. Never waits for the writer.

use crate::error::{Doing, Result};
use crate::limits::READ_QUEUE;
use rusqlite::Connection;
use skynet_core::StoreError;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the threads; they end when all of these are gone and the queue is empty.
#[derive(Clone)]
pub(crate) struct Readers {
    queue: mpsc::Sender<Read>,
}

impl Readers {
    /// Starts one thread for each connection.
    pub(crate) fn start(connections: Vec<Connection>) -> Result<Self> {
        let (queue, waiting) = mpsc::channel::<Read>(READ_QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        for db in connections {
            let waiting = Arc::clone(&waiting);
            let thread = std::thread::Builder::new().name("store-reader".into());
            let run = move || {
                while let Some(read) = next(&waiting) {
                    read(&db);
                }
            };
            thread.spawn(run).map_err(|error| StoreError::Unavailable(format!("no thread for reading could be started ({error})")))?;
        }
        Ok(Self { queue })
    }

    /// Runs `work` on a reading thread.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let read = move |db: &Connection| {
            // The caller may have lost interest.
            drop(reply.send(in_one_state(db, work)));
        };
        self.queue.send(Box::new(read)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// The lock is held while waiting, so one thread waits for the queue and the others for it.
fn next(waiting: &Mutex<mpsc::Receiver<Read>>) -> Option<Read> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}

fn in_one_state<T>(db: &Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    let state = db.unchecked_transaction().doing("beginning to read")?;
    let result = work(&state)?;
    state.commit().doing("reading")?;
    Ok(result)
}

fn gone() -> StoreError {
    StoreError::Unavailable("the reading threads have ended; restart skynet and look for their last error in the log".into())
}
