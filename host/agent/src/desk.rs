//! Where turns wait and are found again: one lane for each session, a bound on each
//! lane, and the list of what runs.
//!
//! Owns the promise that turns of one session run strictly one after another, in
//! the order in which they were taken. Does not run anything itself.

use crate::commands::Command;
use crate::emit::Emitter;
use crate::limits::{APART_TURNS, NOTES_WAITING, REMEMBERED_TURNS};
use crate::request::{SubmitError, TurnInput, TurnRequest};
use crate::stop::Stop;
use skynet_core::limits::SESSION_QUEUE;
use skynet_core::ports::Lease;
use skynet_core::{SessionKey, TurnId};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::watch;

/// A turn that was taken.
pub(crate) struct Job {
    pub(crate) request: TurnRequest,
    pub(crate) command: Option<Command>,
    pub(crate) emitter: Arc<Emitter>,
    pub(crate) stop: Stop,
    /// Kept here so that the end can be journaled even after a panic.
    pub(crate) lease: OnceLock<Lease>,
}

impl Job {
    /// Whether a stop is meant for it: commands, and messages that were taken for a
    /// person, are over in a moment and must not be lost to one.
    fn is_stoppable(&self) -> bool {
        self.command.is_none() && !matches!(self.request.input, TurnInput::Note { .. })
    }
}

/// A running turn.
struct Running {
    job: Arc<Job>,
    started_ms: u64,
}

#[derive(Default)]
struct Lane {
    running: Option<Running>,
    waiting: VecDeque<Arc<Job>>,
}

#[derive(Default)]
struct Books {
    draining: bool,
    lanes: HashMap<SessionKey, Lane>,
    /// Stateless turns and commands that must not wait: nothing orders them.
    apart: Vec<Running>,
    /// Ids that were used: of all live turns and of the last that ended.
    known: HashSet<TurnId>,
    ended: VecDeque<TurnId>,
}

/// What to do with a turn that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It runs, and its lane is new: somebody must walk it.
    NewLane,
    /// Whoever walks its lane will come to it.
    Waits,
    /// It starts now, beside all lanes.
    Apart,
}

pub(crate) struct Desk {
    books: Mutex<Books>,
    /// Turns that did not end yet.
    live: watch::Sender<usize>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { books: Mutex::default(), live: watch::Sender::new(0) }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this turn would be taken now.
    pub(crate) fn would_take(&self, request: &TurnRequest, command: Option<&Command>) -> Result<(), SubmitError> {
        self.books().check(request, command)
    }

    /// Takes a turn.
    pub(crate) fn take(&self, job: Arc<Job>, now_ms: u64) -> Result<Place, SubmitError> {
        let mut books = self.books();
        books.check(&job.request, job.command.as_ref())?;
        books.known.insert(job.request.turn.clone());
        self.live.send_modify(|live| *live += 1);
        if is_apart(&job.request, job.command.as_ref()) {
            books.apart.push(Running { job, started_ms: now_ms });
            return Ok(Place::Apart);
        }
        match books.lanes.entry(job.request.session.clone()) {
            Entry::Occupied(mut lane) => {
                lane.get_mut().waiting.push_back(job);
                Ok(Place::Waits)
            }
            Entry::Vacant(lane) => {
                lane.insert(Lane { running: Some(Running { job, started_ms: now_ms }), waiting: VecDeque::new() });
                Ok(Place::NewLane)
            }
        }
    }

    /// The lane's next turn, now running; `None` closes the lane.
    pub(crate) fn next(&self, session: &SessionKey, now_ms: u64) -> Option<Arc<Job>> {
        let mut books = self.books();
        let lane = books.lanes.get_mut(session)?;
        let Some(job) = lane.waiting.pop_front() else {
            books.lanes.remove(session);
            return None;
        };
        lane.running = Some(Running { job: job.clone(), started_ms: now_ms });
        Some(job)
    }

    /// The turn runs no more. Called before its last event, so that whoever reads
    /// that event finds it gone.
    pub(crate) fn ended(&self, job: &Job) {
        let mut books = self.books();
        let turn = &job.request.turn;
        books.apart.retain(|running| running.job.request.turn != *turn);
        if let Some(lane) = books.lanes.get_mut(&job.request.session)
            && lane.running.as_ref().is_some_and(|running| running.job.request.turn == *turn)
        {
            lane.running = None;
        }
        books.remember(turn.clone());
    }

    /// One turn less lives. Called after its last event.
    pub(crate) fn left(&self) {
        self.live.send_modify(|live| *live = live.saturating_sub(1));
    }

    /// Stops what runs, takes out what waits. Gives (running, waiting).
    pub(crate) fn pull(&self, session: Option<&SessionKey>, turn: Option<&TurnId>) -> (Vec<Arc<Job>>, Vec<Arc<Job>>) {
        let mut books = self.books();
        let meant = |job: &Job| {
            job.is_stoppable() && session.is_none_or(|key| job.request.session == *key) && turn.is_none_or(|id| job.request.turn == *id)
        };
        let mut running: Vec<Arc<Job>> = books.apart.iter().map(|apart| apart.job.clone()).filter(|job| meant(job)).collect();
        let mut waiting = Vec::new();
        for lane in books.lanes.values_mut() {
            running.extend(lane.running.iter().map(|running| running.job.clone()).filter(|job| meant(job)));
            let (out, stay): (VecDeque<_>, VecDeque<_>) = lane.waiting.drain(..).partition(|job| meant(job));
            lane.waiting = stay;
            waiting.extend(out);
        }
        for job in &waiting {
            books.remember(job.request.turn.clone());
        }
        (running, waiting)
    }

    /// (session, turn, start) of what runs, oldest first.
    pub(crate) fn running(&self) -> Vec<(SessionKey, TurnId, u64)> {
        let books = self.books();
        let all = books.lanes.values().filter_map(|lane| lane.running.as_ref()).chain(&books.apart);
        let turns = all.filter(|running| running.job.command.is_none());
        let mut list: Vec<_> =
            turns.map(|running| (running.job.request.session.clone(), running.job.request.turn.clone(), running.started_ms)).collect();
        list.sort_by(|left, right| (left.2, &left.1).cmp(&(right.2, &right.1)));
        list
    }

    /// How many turns of this session run and wait.
    pub(crate) fn counts(&self, session: &SessionKey) -> (usize, usize) {
        let books = self.books();
        books.lanes.get(session).map_or((0, 0), |lane| (usize::from(lane.running.is_some()), lane.waiting.len()))
    }

    /// Takes nothing more from now on.
    pub(crate) fn close(&self) {
        self.books().draining = true;
    }

    /// Whether nothing more is taken.
    pub(crate) fn is_closed(&self) -> bool {
        self.books().draining
    }

    /// Returns when no turn lives.
    pub(crate) async fn quiet(&self) {
        // The sender is `self`, so waiting cannot fail.
        let _ = self.live.subscribe().wait_for(|live| *live == 0).await;
    }
}

/// Whether nothing orders this turn: it touches no history, or must not wait.
fn is_apart(request: &TurnRequest, command: Option<&Command>) -> bool {
    matches!(request.input, TurnInput::Stateless { .. }) || command.is_some_and(Command::is_immediate)
}

impl Books {
    fn check(&self, request: &TurnRequest, command: Option<&Command>) -> Result<(), SubmitError> {
        if self.draining {
            return Err(SubmitError::Draining);
        }
        if self.known.contains(&request.turn) {
            return Err(SubmitError::DuplicateTurn(request.turn.clone()));
        }
        let (waiting, limit) = if is_apart(request, command) {
            (self.apart.len(), APART_TURNS)
        } else {
            (self.lanes.get(&request.session).map_or(0, |lane| lane.waiting.len()), SESSION_QUEUE)
        };
        let is_note = |request: &TurnRequest| matches!(request.input, TurnInput::Note { .. });
        let notes = |lane: &Lane| lane.waiting.iter().filter(|job| is_note(&job.request)).count();
        let crowded = is_note(request) && self.lanes.get(&request.session).map_or(0, notes) >= NOTES_WAITING;
        if waiting >= limit || crowded {
            return Err(SubmitError::QueueFull { session: request.session.clone(), waiting });
        }
        Ok(())
    }

    fn remember(&mut self, turn: TurnId) {
        self.ended.push_back(turn);
        while self.ended.len() > REMEMBERED_TURNS {
            if let Some(old) = self.ended.pop_front() {
                self.known.remove(&old);
            }
        }
    }
}
