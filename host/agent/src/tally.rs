//! How providers have answered since the host started, counted where they are asked.
//!
//! Owns the numbers, by provider; nothing of what was said. A request that its person
//! stopped, or that was never sent, is no answer and is not counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The answers of one provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Whole answers.
    pub answered: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Time of all whole answers together, ms.
    pub took_ms: u64,
    /// When the last whole answer ended, milliseconds since the Unix epoch.
    pub last_answer_ms: Option<u64>,
    /// When the last request failed, milliseconds since the Unix epoch.
    pub last_failure_ms: Option<u64>,
    /// Why, as one line for people.
    pub last_failure: Option<String>,
}

impl Tally {
    /// Milliseconds of a whole answer, on average.
    pub fn average_ms(&self) -> Option<u64> {
        self.took_ms.checked_div(self.answered)
    }
}

/// All of them. Only what is installed is asked, so there are few.
#[derive(Default)]
pub(crate) struct Tallies(Mutex<BTreeMap<String, Tally>>);

impl Tallies {
    /// One request came to its end; `failure` says why it gave no answer.
    pub(crate) fn count(&self, provider: &str, began_ms: u64, now_ms: u64, failure: Option<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = all.entry(provider.to_owned()).or_default();
        match failure {
            None => {
                tally.answered += 1;
                tally.took_ms = tally.took_ms.saturating_add(now_ms.saturating_sub(began_ms));
                tally.last_answer_ms = Some(now_ms);
            }
            Some(why) => {
                tally.failed += 1;
                tally.last_failure_ms = Some(now_ms);
                tally.last_failure = Some(why);
            }
        }
    }

    /// The numbers of one provider.
    pub(crate) fn of(&self, provider: &str) -> Tally {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(provider).cloned().unwrap_or_default()
    }
}
