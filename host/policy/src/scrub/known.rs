//! The values that a process knows: those that are set now, and those that it knew and
//! that were replaced or taken away since it began.
//!
//! A server, a running guest or a transcript may still echo an old value, and whoever
//! replaced a key may not have ended the old one yet. Old values are wiped with the
//! process, or when so many came after them that the oldest fall out.

use super::Scrubber;
use super::seen::{Noted, Place, Seen};
use crate::limits::{FORMER_SECRETS, SCRUB_BYTES};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use zeroize::Zeroizing;

/// One value with the name that stands in its place.
#[derive(PartialEq, Eq)]
struct Value {
    name: String,
    value: Zeroizing<String>,
}

#[derive(Default)]
struct Values {
    present: Vec<Value>,
    /// Oldest first.
    former: VecDeque<Value>,
}

impl Values {
    fn replace(&mut self, present: Vec<Value>) {
        let replaced = std::mem::replace(&mut self.present, present);
        self.former.extend(replaced);
        // One that came back is no old one; nor is one that only has another name now.
        self.former.retain(|old| !self.present.iter().any(|new| new.value == old.value));
        while self.former.len() > FORMER_SECRETS {
            self.former.pop_front();
        }
    }

    fn scrubber(&self) -> Scrubber {
        Scrubber::new(self.present.iter().chain(&self.former).map(|one| (one.name.as_str(), one.value.as_str())))
    }
}

/// The values that are known now, shared by everything that scrubs.
#[derive(Clone, Default)]
pub struct Known {
    scrubber: Arc<RwLock<Scrubber>>,
    values: Arc<Mutex<Values>>,
    noted: Option<Noted>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Known").field(&self.now()).finish()
    }
}

impl Known {
    /// What to scrub with now.
    pub fn now(&self) -> Scrubber {
        let scrubber = self.scrubber.read().unwrap_or_else(PoisonError::into_inner).clone();
        Scrubber { noted: self.noted.clone(), ..scrubber }
    }

    /// The same values for the texts of one call: what is found there is noted, as having stood in this place.
    pub fn noting(&self, seen: &Arc<Seen>, place: Place) -> Self {
        Self { noted: Some((Arc::clone(seen), place)), ..self.clone() }
    }

    /// These are set from now on, by name. The ones before stay known, at most
    /// `FORMER_SECRETS` of them.
    pub fn learn<'a>(&self, secrets: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let long = secrets.into_iter().filter(|(_, value)| value.len() >= SCRUB_BYTES);
        let present = long.map(|(name, value)| Value { name: name.to_owned(), value: Zeroizing::new(value.to_owned()) });
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.replace(present.collect());
        // Under the lock, so that of two that learn at once the later one's values stand.
        *self.scrubber.write().unwrap_or_else(PoisonError::into_inner) = values.scrubber();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_was_replaced_or_taken_away_stays_known() {
        let known = Known::default();
        known.learn([("key", "first-value"), ("other", "other-value")]);
        known.learn([("key", "second-value")]);
        let said = "first-value second-value other-value";
        assert_eq!(known.now().text(said), "[secret key] [secret key] [secret other]");
        known.learn([]);
        assert_eq!(known.now().text(said), "[secret key] [secret key] [secret other]");
    }

    #[test]
    fn the_oldest_values_fall_out_and_the_present_ones_never_do() {
        let known = Known::default();
        let value = |number: usize| format!("value number {number:05}");
        for number in 0..=FORMER_SECRETS + 1 {
            known.learn([("fixed", "this one stays"), ("key", value(number).as_str())]);
        }
        let now = known.now();
        assert_eq!(now.text(&value(0)), value(0), "one more than is kept");
        for number in 1..=FORMER_SECRETS + 1 {
            assert_eq!(now.text(&value(number)), "[secret key]", "{number}");
        }
        assert_eq!(now.text("this one stays"), "[secret fixed]");
    }

    #[test]
    fn the_same_values_again_and_short_ones_take_no_place() {
        let known = Known::default();
        known.learn([("key", "first-value")]);
        for round in 0..2 * FORMER_SECRETS {
            known.learn([("key", "second-value"), ("pin", format!("{round:04}").as_str())]);
        }
        assert_eq!(known.now().text("first-value"), "[secret key]");
        known.learn([("again", "first-value")]);
        assert_eq!(known.now().text("first-value"), "[secret again]", "by its present name");
        assert!(!format!("{known:?}").contains("value"));
    }
}
