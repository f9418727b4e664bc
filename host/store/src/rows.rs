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

/// A buffer larger than this is not kept for the next rows.
const KEPT_BYTES: usize = 1024 * 1024;

/// What became of a row that was offered.
pub(crate) enum Offer {
    /// It waits with others.
    Taken,
    /// It waits, and the writing thread does not know yet.
    TakenFirst,
    /// Nothing is taken now: write it like anything else.
    Refused,
}

/// Some rows, one after the other in one buffer: each is made in one thread and let go
/// in another, which is dear row by row.
#[derive(Default)]
pub(crate) struct Batch {
    text: String,
    /// When each was made, and where its text ends.
    ends: Vec<(u64, usize)>,
}

impl Batch {
    fn push(&mut self, at_ms: u64, text: &str) {
        self.text.push_str(text);
        self.ends.push((at_ms, self.text.len()));
    }

    fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// From the row of this number on.
    fn rows(&self, first: usize) -> impl Iterator<Item = (u64, &str)> {
        let begin = first.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |(_, end)| *end);
        let ends = self.ends.get(first..).unwrap_or_default();
        ends.iter().scan(begin, |begin, (at_ms, end)| {
            let text = self.text.get(*begin..*end)?;
            *begin = *end;
            Some((*at_ms, text))
        })
    }

    fn append(&mut self, more: &Self) {
        more.rows(0).for_each(|(at_ms, text)| self.push(at_ms, text));
    }

    fn cleared(mut self) -> Self {
        if self.text.capacity() > KEPT_BYTES {
            return Self::default();
        }
        self.text.clear();
        self.ends.clear();
        self
    }
}

#[derive(Default)]
struct Queue {
    waiting: Batch,
    /// An empty one with room, for the next time.
    spare: Batch,
    behind: Option<StoreError>,
}

/// The rows that wait. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Rows(Arc<Mutex<Queue>>);

impl Rows {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a row that was made at `at_ms`, if it can.
    pub(crate) fn offer(&self, row: &str, at_ms: u64) -> Offer {
        let mut queue = self.queue();
        if queue.behind.is_some() || queue.waiting.ends.len() >= ROWS {
            return Offer::Refused;
        }
        queue.waiting.push(at_ms, row);
        if queue.waiting.ends.len() == 1 { Offer::TakenFirst } else { Offer::Taken }
    }

    /// Why the last attempt to write them failed, if it did.
    pub(crate) fn behind(&self) -> Option<StoreError> {
        self.queue().behind.clone()
    }

    pub(crate) fn are_waiting(&self) -> bool {
        !self.queue().waiting.is_empty()
    }

    /// Writes all that wait inside the caller's transaction, and adds them to `written`.
    pub(crate) fn write(&self, db: &Connection, written: &mut Batch) -> Result<()> {
        let mut queue = self.queue();
        let spare = std::mem::take(&mut queue.spare);
        let rows = std::mem::replace(&mut queue.waiting, spare);
        drop(queue);
        let first = written.ends.len();
        if first == 0 {
            *written = rows;
        } else {
            written.append(&rows);
        }
        audit::append(db, written.rows(first))
    }

    /// The transaction is over: what it wrote is on disk, or waits again.
    pub(crate) fn settle(&self, mut written: Batch, outcome: &Result<()>) {
        let mut queue = self.queue();
        match outcome {
            Ok(()) => {
                queue.behind = None;
                queue.spare = written.cleared();
            }
            Err(_) if written.is_empty() && queue.waiting.is_empty() => {}
            Err(error) => {
                written.append(&queue.waiting);
                queue.waiting = written;
                queue.behind = Some(error.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(rows: &[(u64, &str)]) -> Batch {
        let mut batch = Batch::default();
        rows.iter().for_each(|(at_ms, text)| batch.push(*at_ms, text));
        batch
    }

    #[test]
    fn a_batch_gives_back_what_was_put_in_from_any_row_on() {
        let rows = [(3, "a"), (1, ""), (2, "éé")];
        let mut all = batch(&rows[..1]);
        all.append(&batch(&rows[1..]));
        for first in 0..=4 {
            assert_eq!(all.rows(first).collect::<Vec<_>>(), rows.get(first..).unwrap_or_default());
        }
        assert!(all.cleared().is_empty());
    }
}
