//! Whether what a generation was granted still holds.
//!
//! The grant is looked at when a call begins, and calls may run for minutes. So each step
//! from guest to host looks here again: once the owner took the grant back, or its time is
//! over, the next one is refused, whichever interface it goes through.

use skynet_core::ports::Clock;
use skynet_policy::permission::Permissions;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Shared by all calls of a generation.
#[derive(Debug, Default)]
pub(crate) struct Validity {
    taken_back: AtomicBool,
    until_ms: Option<u64>,
    /// Rung when it is ended, for work that takes no steps meanwhile.
    bell: Notify,
}

/// Why a step to the host was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoLonger {
    #[error("the owner took its grant back while it ran")]
    Granted,
    #[error("the time of its grant was over while it ran")]
    InTime,
}

impl Validity {
    /// Of a grant that ends at this time.
    pub(crate) fn until(until_ms: Option<u64>) -> Arc<Self> {
        Arc::new(Self { taken_back: AtomicBool::new(false), until_ms, bell: Notify::new() })
    }

    pub(crate) fn until_ms(&self) -> Option<u64> {
        self.until_ms
    }

    /// From here on nothing is allowed any more.
    pub(crate) fn end(&self) {
        self.taken_back.store(true, Ordering::Release);
        self.bell.notify_waiters();
    }

    /// Comes back when it is ended. The host ends a grant too whose time is over.
    async fn ended(&self) {
        let mut rung = std::pin::pin!(self.bell.notified());
        // Heard from here on, so that an end between the look and the wait is not missed.
        rung.as_mut().enable();
        if !self.is_ended() {
            rung.await;
        }
    }

    /// Whether it was ended, and so serves nobody any more.
    pub(crate) fn is_ended(&self) -> bool {
        self.taken_back.load(Ordering::Acquire)
    }

    pub(crate) fn check(&self, clock: &dyn Clock) -> Result<(), NoLonger> {
        // The time first: a grant that is over is also ended, and should say why.
        if self.until_ms.is_some_and(|until| clock.now_ms() >= until) {
            return Err(NoLonger::InTime);
        }
        if self.is_ended() { Err(NoLonger::Granted) } else { Ok(()) }
    }
}

/// A grant together with the clock by which it ends.
pub(crate) struct Granted {
    pub(crate) validity: Arc<Validity>,
    /// What of it the instance's ceiling keeps back.
    pub(crate) withheld: Arc<Permissions>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Granted {
    pub(crate) fn check(&self) -> Result<(), NoLonger> {
        self.validity.check(&*self.clock)
    }

    /// Comes back when it no longer holds, with the reason.
    pub(crate) async fn ended(&self) -> NoLonger {
        self.validity.ended().await;
        self.check().err().unwrap_or(NoLonger::Granted)
    }
}
