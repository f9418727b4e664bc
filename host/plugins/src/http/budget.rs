//! How much of the network one call may use, and what its owner should hear of it.
//!
//! Owns counters only; `exchange` decides what a full one means. What all calls of a
//! plugin share is in `share`.

use crate::limits;
use crate::rate::Overrun;
use skynet_core::Denial;
use skynet_policy::scrub::Seen;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Counters of one call, shared by its requests.
#[derive(Debug)]
pub(crate) struct HttpBudget {
    requests: AtomicU32,
    refusals: AtomicU32,
    sent: AtomicU64,
    received: AtomicU64,
    pub(crate) open: Arc<Semaphore>,
    notes: Mutex<Notes>,
    /// Which secrets were taken out of what came and went in this call.
    pub(crate) seen: Arc<Seen>,
}

/// What the owner should be told when the call ends badly.
#[derive(Debug, Default, Clone)]
pub(crate) struct Notes {
    /// The first refusal.
    pub(crate) denial: Option<Denial>,
    /// The plugin's share of the network was used up.
    pub(crate) overrun: Option<Overrun>,
}

impl Default for HttpBudget {
    fn default() -> Self {
        Self {
            requests: AtomicU32::new(0),
            refusals: AtomicU32::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            open: Arc::new(Semaphore::new(limits::HTTP_CONCURRENT)),
            notes: Mutex::default(),
            seen: Arc::default(),
        }
    }
}

impl HttpBudget {
    /// Counts one request; `false` when there were too many.
    pub(crate) fn count_request(&self) -> bool {
        self.requests.fetch_add(1, Ordering::Relaxed) < limits::HTTP_REQUESTS
    }

    /// Counts one refusal; `false` when so many were written down that this one is not.
    pub(crate) fn count_refusal(&self) -> bool {
        self.refusals.fetch_add(1, Ordering::Relaxed) < limits::REFUSAL_ROWS
    }

    /// Counts bytes of requests; `false` when there were too many.
    pub(crate) fn count_sent(&self, bytes: usize) -> bool {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed).saturating_add(bytes as u64) <= limits::HTTP_REQUEST_BYTES
    }

    /// Counts bytes of responses; `false` when there were too many.
    pub(crate) fn count_received(&self, bytes: usize) -> bool {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed).saturating_add(bytes as u64) <= limits::HTTP_RESPONSE_BYTES
    }

    /// Remembers a refusal, the first one.
    pub(crate) fn note_denial(&self, denial: Denial) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).denial.get_or_insert(denial);
    }

    /// Remembers that the plugin's share is used up, the first time.
    pub(crate) fn note_overrun(&self, overrun: Overrun) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).overrun.get_or_insert(overrun);
    }

    /// What was remembered.
    pub(crate) fn notes(&self) -> Notes {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
