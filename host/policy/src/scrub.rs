//! Known secret values, taken out of what leaves the host as text.
//!
//! Owns the needles: each value as it is, in base64 at all three alignments and in both
//! alphabets, and in hex. Each needle is found in any mixture of its own bytes, percent
//! escapes and JSON escapes. It is for accidents: a server that echoes, an error that
//! quotes. Whoever wants to smuggle a value out can spell it in a way that nobody looks
//! for; against that stands that guests are not given values. Needles are wiped when
//! dropped. With no secrets it costs one comparison.

mod known;
mod needle;
mod seen;
mod spelling;
mod stream;

pub use known::Known;
pub use seen::{Place, Seen};
pub use stream::Held;

use crate::limits::SCRUB_BYTES;
use needle::Needle;
use seen::Noted;
use spelling::Fit;
use std::borrow::Cow;
use std::sync::Arc;

/// Finds the values that it was made with, and puts their names in their place.
#[derive(Clone, Default)]
pub struct Scrubber {
    forms: Arc<Forms>,
    /// Where it is noted that one was found.
    noted: Option<Noted>,
}

#[derive(Default)]
struct Forms {
    needles: Vec<Needle>,
    /// One bit for each pair of bytes with which some spelling of some needle begins.
    begins: Vec<u64>,
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scrubber({} needles)", self.forms.needles.len())
    }
}

/// What stands at one place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    /// The text ends in what may be the beginning of a value.
    Perhaps,
    /// A value of so many bytes, of the needle with this number.
    Value(usize, usize),
}

impl Scrubber {
    /// For these secrets, by name. Values shorter than `SCRUB_BYTES` are left alone.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let long = secrets.into_iter().filter(|(_, value)| value.len() >= SCRUB_BYTES);
        let needles: Vec<Needle> = long.flat_map(|(name, value)| needle::of(name, value)).collect();
        let mut begins = Vec::new();
        if !needles.is_empty() {
            begins.resize(1024, 0);
        }
        for needle in &needles {
            for (first, second) in spelling::beginnings(needle.bytes()) {
                let pair = pair(first, second);
                if let Some(word) = begins.get_mut(pair >> 6) {
                    *word |= 1 << (pair & 63);
                }
            }
        }
        Self { forms: Arc::new(Forms { needles, begins }), noted: None }
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.forms.needles.is_empty()
    }

    /// The text without the values.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Values begin and end between characters, and names are ASCII.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// The bytes without the values.
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut out = Vec::new();
        let mut done = 0;
        let mut at = 0;
        while let Some(next) = self.next(bytes, at) {
            match self.look(bytes, next, true) {
                Found::Value(length, needle) => {
                    self.write(&mut out, bytes.get(done..next).unwrap_or_default(), needle);
                    at = next + length;
                    done = at;
                }
                Found::Nothing | Found::Perhaps => at = next + 1,
            }
        }
        if done == 0 && out.is_empty() {
            return Cow::Borrowed(bytes);
        }
        out.extend_from_slice(bytes.get(done..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// Whether a value is in there.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        matches!(self.bytes(bytes), Cow::Owned(_))
    }

    /// The value without the values, in its texts, keys and numbers.
    pub fn json(&self, value: &mut serde_json::Value) {
        use serde_json::Value;
        if self.is_empty() {
            return;
        }
        match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(fields) => {
                if fields.keys().any(|key| self.finds(key.as_bytes())) {
                    *fields = std::mem::take(fields).into_iter().map(|(key, value)| (self.text(&key).into_owned(), value)).collect();
                }
                fields.values_mut().for_each(|value| self.json(value));
            }
            Value::Number(number) => {
                if let Cow::Owned(text) = self.text(&number.to_string()) {
                    *value = Value::String(text);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Changes a text in place.
    pub fn string(&self, text: &mut String) {
        if let Cow::Owned(scrubbed) = self.text(text) {
            *text = scrubbed;
        }
    }

    /// The next place from `at` on where a value could begin.
    fn next(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let rest = bytes.get(at..)?;
        let found = rest.windows(2).position(|two| match two {
            [first, second] => self.may_begin(*first, *second),
            _ => false,
        });
        found.map(|found| at + found)
    }

    fn may_begin(&self, first: u8, second: u8) -> bool {
        let pair = pair(first, second);
        self.forms.begins.get(pair >> 6).is_some_and(|word| word >> (pair & 63) & 1 == 1)
    }

    /// The longest value that begins at this very place. `last` says that nothing follows.
    fn look(&self, bytes: &[u8], at: usize, last: bool) -> Found {
        let rest = bytes.get(at..).unwrap_or_default();
        let mut best = Found::Nothing;
        for (number, needle) in self.forms.needles.iter().enumerate() {
            for fit in needle.fits(rest) {
                match fit {
                    // A longer value may yet win over a shorter one.
                    // So may what the value's last bits stand in.
                    Fit::Cut | Fit::Open(_) if !last => return Found::Perhaps,
                    Fit::No | Fit::Cut => {}
                    Fit::Whole(length) | Fit::Open(length) => {
                        if !matches!(best, Found::Value(longest, _) if longest >= length) {
                            best = Found::Value(length, number);
                        }
                    }
                }
            }
        }
        best
    }

    fn write(&self, out: &mut Vec<u8>, before: &[u8], needle: usize) {
        let name = self.forms.needles.get(needle).map(Needle::name).unwrap_or_default();
        out.extend_from_slice(before);
        out.extend_from_slice(b"[secret ");
        out.extend_from_slice(name.as_bytes());
        out.push(b']');
        if let Some((seen, place)) = &self.noted {
            seen.note(name, *place);
        }
    }
}

fn pair(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

#[cfg(test)]
mod tests;
