//! Audit rows on their way to the log.
//!
//! A tool call cannot wait for a disk, and its row must not be lost either. So its row
//! is taken here, in order, and written ahead of the next write of this store: what a
//! later write shows to be done is always in the log. Without one, the writing thread
//! writes them after `ROWS_WAIT`. Rows that the disk refused stay here and go first
//! the next time; until then nothing more is taken, so that nobody acts unrecorded.

use crate::audit;
use crate::error::Result;
use crate::limits::ROWS;
use rusqlite::Connection;
use skynet_core::StoreError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What became of a row that was offered.
pub(crate) enum Offer {
    /// It waits with others.
    Taken,
    /// It waits, and the writing thread does not know yet.
    TakenFirst,
    /// Nothing is taken now: write it like anything else.
    Refused(String),
}

#[derive(Default)]
struct Queue {
    waiting: Vec<(u64, String)>,
    behind: Option<StoreError>,
}

/// The rows that wait, each with its time and as its text. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Rows(Arc<Mutex<Queue>>);

impl Rows {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a row that was made at `at_ms`, if it can.
    pub(crate) fn offer(&self, row: String, at_ms: u64) -> Offer {
        let mut queue = self.queue();
        if queue.behind.is_some() || queue.waiting.len() >= ROWS {
            return Offer::Refused(row);
        }
        queue.waiting.push((at_ms, row));
        if queue.waiting.len() == 1 { Offer::TakenFirst } else { Offer::Taken }
    }

    /// Why the last attempt to write them failed, if it did.
    pub(crate) fn behind(&self) -> Option<StoreError> {
        self.queue().behind.clone()
    }

    pub(crate) fn are_waiting(&self) -> bool {
        !self.queue().waiting.is_empty()
    }

    /// Writes all that wait inside the caller's transaction, and moves them to `written`.
    pub(crate) fn write(&self, db: &Connection, written: &mut Vec<(u64, String)>) -> Result<()> {
        let rows = std::mem::take(&mut self.queue().waiting);
        let done = audit::append(db, rows.iter().map(|(at, row)| (*at, row.as_str())));
        written.extend(rows);
        done
    }

    /// The transaction is over: what it wrote is on disk, or waits again.
    pub(crate) fn settle(&self, mut written: Vec<(u64, String)>, outcome: &Result<()>) {
        let mut queue = self.queue();
        match outcome {
            Ok(()) => queue.behind = None,
            Err(_) if written.is_empty() && queue.waiting.is_empty() => {}
            Err(error) => {
                written.append(&mut queue.waiting);
                queue.waiting = written;
                queue.behind = Some(error.clone());
            }
        }
    }
}
