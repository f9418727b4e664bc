//! Tokens' bytes become text that may be shown.
//!
//! A token can end within a character: its bytes wait for the next. And text
//! that might be the begin of a stop text waits until it is clear that it is not.

/// Joins bytes to whole characters.
#[derive(Debug, Default)]
pub struct Characters {
    waiting: Vec<u8>,
}

impl Characters {
    /// The characters that are whole now. Bytes that never make one become `U+FFFD`.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.waiting.extend_from_slice(bytes);
        let mut text = String::new();
        let mut rest: &[u8] = &[];
        let mut chunks = self.waiting.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            if chunks.peek().is_none() && may_go_on(chunk.invalid()) {
                rest = chunk.invalid();
            } else if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.waiting = rest.to_vec();
        text
    }

    /// What is left when nothing follows.
    pub fn finish(&mut self) -> String {
        if std::mem::take(&mut self.waiting).is_empty() { String::new() } else { char::REPLACEMENT_CHARACTER.to_string() }
    }
}

/// Whether these bytes are broken only because they end too early.
fn may_go_on(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

/// Looks for the texts at which an answer ends.
#[derive(Debug)]
pub struct Stops {
    stops: Vec<String>,
    held: String,
}

/// What may be shown, and whether the answer ends with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    /// Text before any stop text.
    pub text: String,
    /// A stop text was found.
    pub ended: bool,
}

impl Stops {
    /// Empty texts are left out: they would stop everything.
    pub fn new(stops: &[String]) -> Self {
        Self { stops: stops.iter().filter(|stop| !stop.is_empty()).cloned().collect(), held: String::new() }
    }

    /// Takes the next text.
    pub fn push(&mut self, text: &str) -> Shown {
        self.held.push_str(text);
        if let Some(place) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            let text = self.held.get(..place).unwrap_or_default().to_owned();
            self.held.clear();
            return Shown { text, ended: true };
        }
        let kept = self.stops.iter().map(|stop| begun(&self.held, stop)).max().unwrap_or(0);
        let waiting = self.held.split_off(self.held.len() - kept);
        Shown { text: std::mem::replace(&mut self.held, waiting), ended: false }
    }

    /// What was held back when nothing follows.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes at the end of `text` with which `stop` begins.
fn begun(text: &str, stop: &str) -> usize {
    let starts = stop.char_indices().map(|(place, _)| place).rev();
    starts.filter(|length| *length > 0).find(|length| stop.get(..*length).is_some_and(|begin| text.ends_with(begin))).unwrap_or(0)
}
