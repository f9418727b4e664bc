//! So much a minute, with a minute's worth at hand.
//!
//! What is spent is known after the fact for bytes, so a bucket may go into debt by
//! one piece; a refusal says when there is something in it again. Time is tokio's, so
//! that tests move it.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// A plugin used up its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overrun {
    /// Requests, bytes, calls and the like.
    pub(crate) of: &'static str,
    /// In a minute.
    pub(crate) limit: u64,
    /// When there is some again.
    pub(crate) retry: Duration,
}

impl fmt::Display for Overrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, limit, .. } = self;
        write!(f, "this plugin's calls together used up their {limit} {of} in a minute; there are more in {} ms", self.retry.as_millis())
    }
}

#[derive(Debug)]
struct Level {
    at: Instant,
    free: f64,
}

/// What is left of a minute's worth.
#[derive(Debug)]
pub(crate) struct Bucket {
    of: &'static str,
    limit: u64,
    level: Mutex<Level>,
}

impl Bucket {
    pub(crate) fn new(of: &'static str, limit: u64) -> Self {
        Self { of, limit, level: Mutex::new(Level { at: Instant::now(), free: limit as f64 }) }
    }

    /// Takes so many, of which at least one must be there.
    pub(crate) fn take(&self, amount: u64) -> Result<(), Overrun> {
        // Before the lock, which is in the way of every call.
        let now = Instant::now();
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let a_second = self.limit as f64 / MINUTE.as_secs_f64();
        level.free = (now.duration_since(level.at).as_secs_f64().mul_add(a_second, level.free)).min(self.limit as f64);
        level.at = level.at.max(now);
        if level.free >= 1.0 {
            level.free -= amount as f64;
            return Ok(());
        }
        let wait = ((1.0 - level.free) / a_second).clamp(0.0, 3600.0);
        // Rounded up, so that who comes back then finds something.
        Err(Overrun { of: self.of, limit: self.limit, retry: Duration::from_millis((wait * 1e3) as u64 + 1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_minutes_worth_is_at_hand_and_comes_back_within_a_minute() {
        let bucket = Bucket::new("requests", 60);
        for _ in 0..60 {
            bucket.take(1).unwrap();
        }
        let overrun = bucket.take(1).unwrap_err();
        assert_eq!(overrun, Overrun { of: "requests", limit: 60, retry: Duration::from_millis(1001) });
        assert_eq!(overrun.to_string(), "this plugin's calls together used up their 60 requests in a minute; there are more in 1001 ms");
        advance(overrun.retry).await;
        bucket.take(1).unwrap();
        assert!(bucket.take(1).is_err(), "one a second");
        advance(Duration::from_secs(3600)).await;
        assert_eq!((0..100).filter(|_| bucket.take(1).is_ok()).count(), 60, "no more than a minute's worth is kept");
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_that_is_larger_than_what_is_left_is_paid_for_later() {
        let bucket = Bucket::new("bytes", 6000);
        bucket.take(5999).unwrap();
        bucket.take(101).unwrap();
        let overrun = bucket.take(1).unwrap_err();
        assert_eq!(overrun.retry, Duration::from_millis(1011), "a hundred in debt at a hundred a second");
        advance(overrun.retry).await;
        bucket.take(1).unwrap();
    }
}
