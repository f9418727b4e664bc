//! A text that comes in pieces: a value that is cut over several of them is found too.
//!
//! Owns the end of what came so far, held back only while it may be the beginning of a
//! value. Whatever the pieces, what goes out is what one look at the whole would give.

use super::{Found, Scrubber};
use zeroize::Zeroizing;

/// What is held back of one text.
#[derive(Debug, Default)]
pub struct Held(Zeroizing<Vec<u8>>);

impl Held {
    /// Whether nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that are held back.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the next piece; gives what can go out.
    pub fn push(&mut self, scrubber: &Scrubber, piece: String) -> String {
        if self.0.is_empty() && scrubber.is_empty() {
            return piece;
        }
        self.0.extend_from_slice(piece.as_bytes());
        drop(Zeroizing::new(piece));
        self.give(scrubber, false)
    }

    /// Nothing follows: gives the rest.
    pub fn end(&mut self, scrubber: &Scrubber) -> String {
        if self.0.is_empty() { String::new() } else { self.give(scrubber, true) }
    }

    fn give(&mut self, scrubber: &Scrubber, last: bool) -> String {
        let bytes = std::mem::take(&mut self.0);
        let mut out = Vec::new();
        let (mut done, mut at) = (0, 0);
        while at < bytes.len() {
            // A last byte alone may begin a value too, which no pair of bytes shows.
            let next = scrubber.next(&bytes, at).unwrap_or(bytes.len().saturating_sub(1).max(at));
            match scrubber.look(&bytes, next, last) {
                Found::Value(length, needle) => {
                    scrubber.write(&mut out, bytes.get(done..next).unwrap_or_default(), needle);
                    at = next + length;
                    done = at;
                }
                Found::Perhaps => {
                    out.extend_from_slice(bytes.get(done..next).unwrap_or_default());
                    self.0 = Zeroizing::new(bytes.get(next..).unwrap_or_default().to_vec());
                    done = bytes.len();
                    break;
                }
                Found::Nothing => at = next + 1,
            }
        }
        out.extend_from_slice(bytes.get(done..).unwrap_or_default());
        // Pieces are whole characters, and values begin and end between characters.
        String::from_utf8_lossy(&out).into_owned()
    }
}
