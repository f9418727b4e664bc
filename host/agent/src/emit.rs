//! Events of one turn, numbered, to whoever submitted it and to all subscribers.
//!
//! Owns the promise that `Ended` is the last event and comes once: whatever is
//! emitted after it is dropped.

use skynet_core::event::{TurnEvent, TurnEventKind};
use skynet_core::ports::Clock;
use skynet_core::{SessionKey, TurnId};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{broadcast, mpsc};

pub(crate) struct Emitter {
    pub(crate) turn: TurnId,
    pub(crate) session: SessionKey,
    clock: Arc<dyn Clock>,
    all: broadcast::Sender<Arc<TurnEvent>>,
    own: Mutex<Own>,
}

struct Own {
    seq: u64,
    /// `None` after the end.
    sender: Option<mpsc::UnboundedSender<Arc<TurnEvent>>>,
}

impl Emitter {
    pub(crate) fn new(
        turn: TurnId,
        session: SessionKey,
        clock: Arc<dyn Clock>,
        all: broadcast::Sender<Arc<TurnEvent>>,
    ) -> (Self, mpsc::UnboundedReceiver<Arc<TurnEvent>>) {
        let (sender, events) = mpsc::unbounded_channel();
        (Self { turn, session, clock, all, own: Mutex::new(Own { seq: 0, sender: Some(sender) }) }, events)
    }

    /// Sends under the lock, so that numbers and order agree for every listener.
    pub(crate) fn emit(&self, kind: TurnEventKind) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = own.sender.clone() else { return };
        own.seq += 1;
        let last = matches!(kind, TurnEventKind::Ended(_));
        let event = TurnEvent { turn: self.turn.clone(), session: self.session.clone(), seq: own.seq, at_ms: self.clock.now_ms(), kind };
        let event = Arc::new(event);
        // A listener that left is no reason to stop the turn.
        let _ = sender.send(event.clone());
        let _ = self.all.send(event);
        if last {
            own.sender = None;
        }
    }

    pub(crate) fn notice(&self, text: impl Into<String>) {
        self.emit(TurnEventKind::Notice { text: text.into() });
    }
}
