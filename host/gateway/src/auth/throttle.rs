//! Locks out whoever keeps failing to log in.
//!
//! Owns a bounded list of the failing. Programs of this machine fail as one, and what holds passes all
//! the same, so that nobody there can lock its owner out; a web page in the owner's browser counts by origin.

use crate::limits::{FAILING_ADDRESSES, FAILURE_WINDOW, FAILURES, LOCKOUT};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug, Default)]
struct Failing {
    at_ms: VecDeque<u64>,
    locked_until_ms: u64,
}

/// Counts of failed logins, by address or origin.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    failing: Mutex<HashMap<String, Failing>>,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Throttle {
    /// How many milliseconds this one is still locked out, if it is.
    pub(crate) fn locked(&self, who: &str, now_ms: u64) -> Option<u64> {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.get(who)?.locked_until_ms.checked_sub(now_ms).filter(|left| *left > 0)
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, who: &str, now_ms: u64) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |at: &u64| now_ms.saturating_sub(*at) < millis(FAILURE_WINDOW);
        if failing.len() >= FAILING_ADDRESSES && !failing.contains_key(who) {
            failing.retain(|_, entry| entry.locked_until_ms > now_ms || entry.at_ms.back().is_some_and(recent));
            let oldest = failing.iter().min_by_key(|(_, entry)| entry.at_ms.back().copied()).map(|(who, _)| who.clone());
            if failing.len() >= FAILING_ADDRESSES
                && let Some(oldest) = oldest
            {
                failing.remove(&oldest);
            }
        }
        let entry = failing.entry(who.to_owned()).or_default();
        entry.at_ms.retain(recent);
        entry.at_ms.push_back(now_ms);
        if entry.at_ms.len() >= FAILURES {
            entry.locked_until_ms = now_ms.saturating_add(millis(LOCKOUT));
            entry.at_ms.clear();
            entry.at_ms.push_back(now_ms);
        }
    }

    /// Forgets the failures of one who got in.
    pub(crate) fn succeeded(&self, who: &str) {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).remove(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_in_a_minute_lock_one_out_for_five() {
        let throttle = Throttle::default();
        for n in 0..9 {
            throttle.failed("a", n);
            assert_eq!(throttle.locked("a", n), None);
        }
        throttle.failed("a", 9);
        assert_eq!(throttle.locked("a", 10), Some(299_999));
        assert_eq!(throttle.locked("b", 10), None);
        assert_eq!(throttle.locked("a", 9 + 299_999), Some(1));
        assert_eq!(throttle.locked("a", 9 + 300_000), None);
    }

    #[test]
    fn slow_failures_and_successes_are_forgotten() {
        let throttle = Throttle::default();
        for n in 0..30 {
            throttle.failed("a", n * 10_000);
            assert_eq!(throttle.locked("a", n * 10_000), None);
        }
        for n in 0..9 {
            throttle.failed("b", n);
        }
        throttle.succeeded("b");
        throttle.failed("b", 9);
        assert_eq!(throttle.locked("b", 10), None);
    }

    #[test]
    fn the_list_of_the_failing_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..FAILING_ADDRESSES + 100 {
            throttle.failed(&n.to_string(), 1);
        }
        assert!(throttle.failing.lock().unwrap().len() <= FAILING_ADDRESSES);
    }
}
