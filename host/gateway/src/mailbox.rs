//! What waits to be sent to one socket, in order, and how much of it may wait.
//!
//! Owns the numbers of events on this socket and the rule for slow clients: past the
//! bound, events that a later one makes obsolete are skipped (their number is used
//! up, so the client sees the gap) and anything else ends the socket. A corked
//! mailbox holds events back until the answer that must come before them is in.

use crate::frame::EventHead;
use crate::limits::{BUFFERED_BYTES, CLOSE_REASON_BYTES};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How a socket is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

impl Closing {
    pub(crate) fn new(code: u16, reason: &str) -> Self {
        let mut end = reason.len().min(CLOSE_REASON_BYTES);
        while !reason.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        Self { code, reason: reason.get(..end).unwrap_or_default().to_owned() }
    }
}

/// Something to send.
#[derive(Debug)]
pub(crate) enum Letter {
    Text(String),
    Event(EventHead, Option<u64>),
    Ping,
}

impl Letter {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Event(head, _) => head.len(),
            Self::Ping => 0,
        }
    }
}

/// What the writer is to do next.
#[derive(Debug)]
pub(crate) enum Next {
    Send(Letter),
    /// Send this close frame, or none when the client closed first; then stop.
    Close(Option<Closing>),
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Letter>,
    held_back: Vec<Letter>,
    corks: u32,
    bytes: usize,
    seq: u64,
    closing: Option<Option<Closing>>,
}

/// The outbound side of one socket.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    inner: Mutex<Inner>,
    wake_writer: Notify,
    wake_reader: Notify,
    gone: Notify,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an answer.
    pub(crate) fn answer(&self, text: String) {
        self.put(Letter::Text(text), false);
    }

    /// Queues an event for this client alone; it has no number.
    pub(crate) fn targeted(&self, head: &EventHead) {
        self.put(Letter::Event(head.clone(), None), true);
    }

    /// Queues an event that all entitled clients get.
    pub(crate) fn broadcast(&self, head: &EventHead, skip_if_slow: bool) {
        let mut inner = self.lock();
        inner.seq = inner.seq.saturating_add(1);
        let seq = inner.seq;
        self.put_locked(inner, Letter::Event(head.clone(), Some(seq)), skip_if_slow);
    }

    pub(crate) fn ping(&self) {
        self.put(Letter::Ping, true);
    }

    fn put(&self, letter: Letter, skip_if_slow: bool) {
        self.put_locked(self.lock(), letter, skip_if_slow);
    }

    fn put_locked(&self, mut inner: MutexGuard<'_, Inner>, letter: Letter, skip_if_slow: bool) {
        if inner.closing.is_some() {
            return;
        }
        if inner.bytes.saturating_add(letter.bytes()) > BUFFERED_BYTES && inner.bytes > 0 {
            if !skip_if_slow {
                inner.queue.clear();
                inner.held_back.clear();
                inner.closing = Some(Some(Closing::new(1008, "slow consumer")));
                drop(inner);
                self.tell_of_the_end();
            }
            return;
        }
        inner.bytes = inner.bytes.saturating_add(letter.bytes());
        if inner.corks > 0 && matches!(letter, Letter::Event(..)) {
            inner.held_back.push(letter);
        } else {
            inner.queue.push_back(letter);
            drop(inner);
            self.wake_writer.notify_one();
        }
    }

    /// Asks for the end, after what is queued. The first word counts.
    pub(crate) fn close(&self, closing: Closing) {
        self.end(Some(closing));
    }

    /// The client closed; nothing more is to be sent.
    pub(crate) fn closed_by_client(&self) {
        self.end(None);
    }

    fn end(&self, closing: Option<Closing>) {
        let mut inner = self.lock();
        if inner.closing.is_some() {
            return;
        }
        let held_back = std::mem::take(&mut inner.held_back);
        inner.queue.extend(held_back);
        inner.closing = Some(closing);
        drop(inner);
        self.tell_of_the_end();
    }

    fn tell_of_the_end(&self) {
        self.wake_writer.notify_one();
        self.wake_reader.notify_one();
        self.gone.notify_waiters();
    }

    /// Returns once the end was asked for. For anybody.
    pub(crate) async fn gone(&self) {
        loop {
            let told = self.gone.notified();
            if self.lock().closing.is_some() {
                return;
            }
            told.await;
        }
    }

    /// Returns once the end was asked for. For the reader alone.
    pub(crate) async fn closing(&self) {
        while self.lock().closing.is_none() {
            self.wake_reader.notified().await;
        }
    }

    /// What to send now, if anything is there.
    pub(crate) fn try_next(&self) -> Option<Next> {
        let mut inner = self.lock();
        if let Some(letter) = inner.queue.pop_front() {
            inner.bytes = inner.bytes.saturating_sub(letter.bytes());
            return Some(Next::Send(letter));
        }
        inner.closing.clone().map(Next::Close)
    }

    /// What to send next. For the writer alone.
    pub(crate) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.try_next() {
                return next;
            }
            self.wake_writer.notified().await;
        }
    }

    /// Holds events back until the cork is pulled or dropped.
    pub(crate) fn cork(self: &Arc<Self>) -> Cork {
        let mut inner = self.lock();
        inner.corks = inner.corks.saturating_add(1);
        drop(inner);
        Cork { mailbox: Arc::clone(self), pulled: AtomicBool::new(false) }
    }
}

/// While it is in, events wait behind the next answer.
#[derive(Debug)]
pub(crate) struct Cork {
    mailbox: Arc<Mailbox>,
    pulled: AtomicBool,
}

impl Cork {
    /// Lets the events go that were held back.
    pub(crate) fn pull(&self) {
        if self.pulled.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut inner = self.mailbox.lock();
        inner.corks = inner.corks.saturating_sub(1);
        if inner.corks == 0 {
            let held_back = std::mem::take(&mut inner.held_back);
            inner.queue.extend(held_back);
            drop(inner);
            self.mailbox.wake_writer.notify_one();
        }
    }
}

impl Drop for Cork {
    fn drop(&mut self) {
        self.pull();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use serde_json::json;

    fn texts(mailbox: &Mailbox) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(next) = mailbox.try_next() {
            match next {
                Next::Send(Letter::Text(text)) => texts.push(text),
                Next::Send(Letter::Event(head, seq)) => texts.push(head.finish(seq)),
                Next::Send(Letter::Ping) => texts.push("ping".into()),
                Next::Close(closing) => {
                    texts.push(format!("{closing:?}"));
                    break;
                }
            }
        }
        texts
    }

    #[test]
    fn events_wait_behind_the_answer_of_a_corked_mailbox() {
        let mailbox = Arc::new(Mailbox::default());
        let head = EventHead::new("x", &json!(1));
        let cork = mailbox.cork();
        mailbox.broadcast(&head, false);
        mailbox.answer("answer".into());
        drop(cork);
        mailbox.broadcast(&head, false);
        assert_eq!(texts(&mailbox), ["answer", &head.finish(Some(1)), &head.finish(Some(2))]);
    }

    #[test]
    fn a_slow_client_loses_obsolete_events_but_not_their_numbers() {
        let mailbox = Mailbox::default();
        mailbox.answer("x".repeat(BUFFERED_BYTES - 10));
        let head = EventHead::new("tick", &json!({"ts": 1}));
        mailbox.broadcast(&head, true);
        assert_eq!(texts(&mailbox).len(), 1);
        mailbox.broadcast(&head, true);
        assert_eq!(texts(&mailbox), [head.finish(Some(2))]);
    }

    #[test]
    fn a_slow_client_is_closed_when_something_must_not_be_lost() {
        let mailbox = Mailbox::default();
        mailbox.answer("x".repeat(BUFFERED_BYTES - 10));
        mailbox.broadcast(&EventHead::new("chat", &json!({"state": "final"})), false);
        assert_eq!(texts(&mailbox), [format!("{:?}", Some(Closing::new(1008, "slow consumer")))]);
    }

    #[test]
    fn who_waits_for_a_client_to_leave_hears_of_a_slow_one_that_is_closed() {
        let mailbox = Mailbox::default();
        mailbox.answer("x".repeat(BUFFERED_BYTES - 10));
        let mut gone = Box::pin(mailbox.gone());
        assert_eq!((&mut gone).now_or_never(), None);
        mailbox.broadcast(&EventHead::new("chat", &json!({"state": "final"})), false);
        assert_eq!((&mut gone).now_or_never(), Some(()));
    }

    #[test]
    fn what_is_queued_goes_out_before_the_close() {
        let mailbox = Mailbox::default();
        mailbox.answer("a".into());
        mailbox.close(Closing::new(1012, "service restart"));
        mailbox.close(Closing::new(1000, ""));
        mailbox.answer("b".into());
        assert_eq!(texts(&mailbox), ["a".to_owned(), format!("{:?}", Some(Closing::new(1012, "service restart")))]);
    }

    #[test]
    fn a_close_reason_is_cut_between_characters() {
        assert_eq!(Closing::new(1008, &"é".repeat(100)).reason, "é".repeat(61));
    }
}
