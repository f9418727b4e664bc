//! The one way to stop a turn: a reason that is set once and seen by everything
//! that waits. Owners of work select on it and drop the work themselves, so that
//! durable writes are never cut in the middle.

use std::future::Future;
use std::sync::Arc;
use tokio::sync::watch;

/// A turn's stop handle.
#[derive(Debug, Clone)]
pub(crate) struct Stop(Arc<watch::Sender<Option<String>>>);

/// Somebody stopped the turn, for this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stopped(pub(crate) String);

impl Stop {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// Stops. The first reason stays.
    pub(crate) fn fire(&self, reason: &str) {
        self.0.send_if_modified(|state| {
            let first = state.is_none();
            if first {
                *state = Some(reason.to_owned());
            }
            first
        });
    }

    /// The reason, once there is one.
    pub(crate) fn reason(&self) -> Option<Stopped> {
        self.0.borrow().clone().map(Stopped)
    }

    /// Returns when it is stopped, and never otherwise.
    pub(crate) async fn fired(&self) -> Stopped {
        let mut changes = self.0.subscribe();
        let seen = changes.wait_for(Option::is_some).await.ok().and_then(|state| state.clone());
        match seen {
            Some(reason) => Stopped(reason),
            // The sender is `self`, so it cannot be gone.
            None => std::future::pending().await,
        }
    }

    /// Does the work, or drops it when the turn is stopped.
    pub(crate) async fn unless<F: Future>(&self, work: F) -> Result<F::Output, Stopped> {
        tokio::select! {
            biased;
            stopped = self.fired() => Err(stopped),
            output = work => Ok(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_stays_and_work_is_dropped() {
        let stop = Stop::new();
        assert_eq!(stop.unless(async { 7 }).await, Ok(7));
        stop.fire("rpc");
        stop.fire("timeout");
        assert_eq!(stop.unless(std::future::pending::<()>()).await, Err(Stopped("rpc".into())));
        assert_eq!(stop.reason(), Some(Stopped("rpc".into())));
    }
}
