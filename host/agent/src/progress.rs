//! What a tool says while it works: shown in pieces to whoever watches the turn.
//!
//! Owns the bounds: so much in all, and so often. What came too soon goes with the next piece, and what is
//! left over is in the result. Refuses nothing, and keeps no call waiting.

use crate::emit::Emitter;
use crate::limits::{SAID_BYTES, SAID_PAUSE_MS};
use skynet_core::ToolCall;
use skynet_core::event::TurnEventKind;
use skynet_core::ports::{Clock, Progress};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Default)]
struct Said {
    text: String,
    /// Bytes of it that were shown.
    shown: usize,
    last_ms: Option<u64>,
}

/// Shows what this call says.
pub(crate) fn of_call(emitter: &Arc<Emitter>, clock: &Arc<dyn Clock>, call: &ToolCall) -> Progress {
    let (emitter, clock) = (Arc::clone(emitter), Arc::clone(clock));
    let (id, name, said) = (call.id.clone(), call.name.clone(), Mutex::<Said>::default());
    Progress::new(move |piece| {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let room = SAID_BYTES.saturating_sub(said.text.len());
        let fits = (0..=room.min(piece.len())).rev().find(|end| piece.is_char_boundary(*end)).unwrap_or_default();
        said.text.push_str(piece.get(..fits).unwrap_or_default());
        let now = clock.now_ms();
        let too_soon = said.last_ms.is_some_and(|last| now.saturating_sub(last) < SAID_PAUSE_MS);
        if too_soon || said.shown == said.text.len() {
            return;
        }
        let delta = said.text.get(said.shown..).unwrap_or_default().to_owned();
        (said.shown, said.last_ms) = (said.text.len(), Some(now));
        emitter.emit(TurnEventKind::ToolSaid { id: id.clone(), name: name.clone(), text: said.text.clone(), delta });
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use skynet_core::event::TurnEvent;
    use skynet_core::{SessionKey, TurnId};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;
    use tokio::sync::broadcast;

    /// Goes by a hundredth of a second at each look.
    #[derive(Default)]
    struct Ticking(AtomicU64);

    #[async_trait]
    impl Clock for Ticking {
        fn now_ms(&self) -> u64 {
            self.0.fetch_add(10, Ordering::Relaxed)
        }

        async fn sleep(&self, _: Duration) {}
    }

    fn said(pieces: &[&str]) -> Vec<(String, String)> {
        let clock: Arc<dyn Clock> = Arc::new(Ticking::default());
        let (all, _listener) = broadcast::channel(1024);
        let (emitter, mut events) = Emitter::new(TurnId("t".into()), SessionKey::main(), Arc::new(Ticking::default()), all);
        let call = ToolCall { id: "1".into(), name: "tool".into(), arguments: String::new() };
        let progress = of_call(&Arc::new(emitter), &clock, &call);
        pieces.iter().for_each(|piece| progress.say(piece));
        let mut shown = Vec::new();
        while let Ok(event) = events.try_recv() {
            let event: &TurnEvent = &event;
            if let TurnEventKind::ToolSaid { text, delta, .. } = &event.kind {
                shown.push((text.clone(), delta.clone()));
            }
        }
        shown
    }

    #[test]
    fn the_first_piece_is_shown_at_once_and_those_that_come_too_soon_together() {
        let pieces = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"];
        let shown = said(&pieces);
        assert_eq!(shown, [("a".into(), "a".into()), ("abcdefghijk".into(), "bcdefghijk".into())]);
    }

    #[test]
    fn no_more_is_shown_than_anybody_reads_and_no_letter_is_cut() {
        let long = "é".repeat(1000);
        let shown = said(&vec![long.as_str(); 500]);
        assert_eq!(shown.last().map(|(text, _)| text.len()), Some(SAID_BYTES));
        assert!(shown.len() < 60 && shown.iter().all(|(text, delta)| text.ends_with(delta.as_str())));
        assert!(said(&[""]).is_empty());
    }
}
