//! What was taken out of the texts of one call: which secret, and where; never its value.
//!
//! Owns what a row in the audit log can say of it. Each secret is named once for each place,
//! and so many of them at most: a guest that repeats a value fills nothing.

use crate::limits::SCRUB_NOTES;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Where a value stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the result of a call, or in the error that came of it.
    Result,
    /// In a model's answer as it came.
    ModelText,
    /// In what a plugin logged or printed.
    Log,
    /// In the head of a server's response.
    Response,
    /// In what a plugin handed to one of the host's own services, or got from it.
    Service,
}

impl Place {
    /// As a row has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::ModelText => "model text",
            Self::Log => "log",
            Self::Response => "response",
            Self::Service => "service",
        }
    }
}

/// The notes of one call, shared by all that scrubs for it.
#[derive(Debug, Default)]
pub struct Seen(Mutex<Notes>);

#[derive(Debug, Default)]
struct Notes {
    /// With whether it was told already.
    of: BTreeMap<(String, Place), bool>,
}

/// Where the notes of a scrubber go, and as what.
pub(super) type Noted = (Arc<Seen>, Place);

impl Seen {
    /// Somebody took the value of this secret out of a text of the call.
    pub fn note(&self, name: &str, place: Place) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.of.len() < SCRUB_NOTES {
            notes.of.entry((name.to_owned(), place)).or_insert(false);
        }
    }

    /// What was noted since this was asked last: places by a secret's name. Nothing is given twice.
    pub fn news(&self) -> BTreeMap<String, Vec<&'static str>> {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut news: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
        for ((name, place), told) in notes.of.iter_mut().filter(|(_, told)| !**told) {
            *told = true;
            news.entry(name.clone()).or_default().push(place.as_str());
        }
        news
    }
}
