//! Which runs were begun under which key, and how they ended.
//!
//! A key that comes again gets the answer of the first; it never begins a second
//! turn. Ended runs are kept for some minutes and in bounded number.

use crate::limits::{RUN_KEPT, RUNS_KEPT};
use skynet_core::event::TurnEnd;
use skynet_core::ports::Clock;
use skynet_core::{SessionKey, TurnId};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) end: TurnEnd,
    pub(crate) started_ms: u64,
    pub(crate) ended_ms: u64,
}

/// Where a run stands.
pub(crate) type Progress = watch::Receiver<Option<Arc<Ended>>>;

/// What is known of a key.
pub(crate) enum Known {
    /// Nothing: it is reserved now.
    New(Reservation),
    /// It was used: running, or ended.
    Before(Progress),
    /// The same message runs in the same session under another key.
    Same(TurnId),
}

#[derive(Debug)]
struct Entry {
    session: SessionKey,
    message: Option<u64>,
    started_ms: u64,
    progress: watch::Sender<Option<Arc<Ended>>>,
}

#[derive(Debug, Default)]
struct Inner {
    runs: HashMap<TurnId, Entry>,
    ended: VecDeque<(u64, TurnId)>,
}

/// The book.
pub(crate) struct RunBook {
    inner: Mutex<Inner>,
    clock: Arc<dyn Clock>,
}

/// A key that is taken, as long as this lives or once it is kept.
pub(crate) struct Reservation {
    book: Arc<RunBook>,
    turn: Option<TurnId>,
}

impl Reservation {
    /// The turn was begun.
    pub(crate) fn keep(mut self) {
        self.turn = None;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(turn) = &self.turn {
            self.book.lock().runs.remove(turn);
        }
    }
}

impl RunBook {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { inner: Mutex::default(), clock }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks a key up; a new one is reserved. `message` is a hash of what is asked.
    pub(crate) fn reserve(self: &Arc<Self>, turn: &TurnId, session: &SessionKey, message: Option<u64>) -> Known {
        let now = self.clock.now_ms();
        let mut inner = self.lock();
        inner.forget_old(now);
        if let Some(entry) = inner.runs.get(turn) {
            return Known::Before(entry.progress.subscribe());
        }
        let same =
            |entry: &Entry| message.is_some() && entry.message == message && entry.session == *session && entry.progress.borrow().is_none();
        if let Some((running, _)) = inner.runs.iter().find(|(_, entry)| same(entry)) {
            return Known::Same(running.clone());
        }
        inner.runs.insert(turn.clone(), Entry::new(session, message, now));
        Known::New(Reservation { book: Arc::clone(self), turn: Some(turn.clone()) })
    }

    /// A run that began elsewhere, such as in a chat channel.
    pub(crate) fn note(&self, turn: &TurnId, session: &SessionKey) {
        let now = self.clock.now_ms();
        self.lock().runs.entry(turn.clone()).or_insert_with(|| Entry::new(session, None, now));
    }

    /// A run ended. Only the first word counts.
    pub(crate) fn end(&self, turn: &TurnId, end: &TurnEnd) {
        let now = self.clock.now_ms();
        let mut inner = self.lock();
        let Some(entry) = inner.runs.get(turn) else { return };
        if entry.progress.borrow().is_some() {
            return;
        }
        let ended = Ended { end: end.clone(), started_ms: entry.started_ms, ended_ms: now };
        entry.progress.send_replace(Some(Arc::new(ended)));
        inner.ended.push_back((now, turn.clone()));
        inner.forget_old(now);
    }

    /// Where a run stands, if its key is known.
    pub(crate) fn progress(&self, turn: &TurnId) -> Option<Progress> {
        Some(self.lock().runs.get(turn)?.progress.subscribe())
    }

    /// The session of a run.
    pub(crate) fn session(&self, turn: &TurnId) -> Option<SessionKey> {
        Some(self.lock().runs.get(turn)?.session.clone())
    }
}

impl Entry {
    fn new(session: &SessionKey, message: Option<u64>, started_ms: u64) -> Self {
        Self { session: session.clone(), message, started_ms, progress: watch::Sender::new(None) }
    }
}

impl Inner {
    fn forget_old(&mut self, now: u64) {
        let kept = u64::try_from(RUN_KEPT.as_millis()).unwrap_or(u64::MAX);
        while let Some((at, turn)) = self.ended.front() {
            if self.ended.len() <= RUNS_KEPT && at.saturating_add(kept) > now {
                break;
            }
            self.runs.remove(turn);
            self.ended.pop_front();
        }
    }
}
