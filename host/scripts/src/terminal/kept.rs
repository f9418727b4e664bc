//! The beginning and the end of an output of any length.
//!
//! What a long output is about stands at its beginning, and how it ended at its end. Owns the bound on bytes
//! and says what is missing in the middle.

use super::plain::plain;
use std::collections::VecDeque;

/// So many bytes, half of them the first ones.
#[derive(Debug)]
pub struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    dropped: u64,
}

impl Kept {
    /// Keeps at most so many bytes.
    pub fn new(most: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), half: most / 2, dropped: 0 }
    }

    /// Takes what came.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = self.half.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.head.extend(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..over);
        self.dropped = self.dropped.saturating_add(u64::try_from(over).unwrap_or(u64::MAX));
    }

    /// Bytes that are missing in the middle.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// As plain text, of at most so many characters.
    pub fn text(&self, most: usize) -> String {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        if self.dropped == 0 {
            return middle_out(&plain(&[self.head.as_slice(), &tail].concat()), most);
        }
        let (head, tail) = (plain(&self.head), plain(&tail));
        let whole = format!("{head}\n[… {} bytes left out …]\n{tail}", self.dropped);
        middle_out(&whole, most)
    }
}

/// A text of at most so many characters beside one line that says what was left out, in the middle.
pub fn middle_out(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let (first, last) = (most - most / 2, most / 2);
    let head: String = text.chars().take(first).collect();
    let tail: String = text.chars().skip(count - last).collect();
    format!("{head}\n[… {} characters left out …]\n{tail}", count - most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_long_output_is_left_out_and_it_is_said() {
        let mut kept = Kept::new(8);
        for piece in ["ab", "cdef", "gh"] {
            kept.push(piece.as_bytes());
        }
        assert_eq!((kept.text(100), kept.dropped()), ("abcdefgh".into(), 0));
        kept.push(b"ijkl");
        assert_eq!((kept.text(100), kept.dropped()), ("abcd\n[… 4 bytes left out …]\nijkl".into(), 4));
    }

    #[test]
    fn characters_are_counted_and_never_cut() {
        assert_eq!(middle_out("äöü", 3), "äöü");
        assert_eq!(middle_out("äöüß€", 3), "äö\n[… 2 characters left out …]\n€");
        assert_eq!(middle_out("abc", 0), "\n[… 3 characters left out …]\n");
    }
}
