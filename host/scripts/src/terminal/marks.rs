//! The prompt's marks in what a terminal shows: `ESC ] 133 ; LETTER ; … ; aid=NONCE BEL`.
//!
//! The manner is that of OSC 133, which terminals know; the nonce is this shell's own, so that what a command
//! prints is no mark unless it knows it. Takes any bytes, in any pieces, and never keeps more than one
//! sequence. Everything that is no mark goes on as it came.

use crate::limits::MARK_BYTES;

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;

/// Where a shell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The prompt is written: it waits for a command.
    Ready,
    /// It begins a command: what follows is that one's output.
    Begins,
    /// It is done with it, with this code.
    Done(i32),
}

/// One piece of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it came.
    Bytes(Vec<u8>),
    /// In its place.
    Mark(Mark),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Text,
    /// Behind an ESC.
    Escape,
    /// In an operating system command.
    Command,
    /// In one, behind an ESC that may end it.
    CommandEnds,
}

/// A reader of one stream.
#[derive(Debug)]
pub struct Marks {
    nonce: String,
    at: At,
    /// A sequence that may become a mark.
    held: Vec<u8>,
}

impl Marks {
    /// For the marks with this nonce.
    pub fn new(nonce: &str) -> Self {
        Self { nonce: nonce.into(), at: At::Text, held: Vec::new() }
    }

    /// Takes what came; gives it on in pieces, but for what may still become a mark.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let (mut pieces, mut text) = (Vec::new(), Vec::new());
        for byte in bytes {
            if let Some(mark) = self.step(*byte, &mut text) {
                if !text.is_empty() {
                    pieces.push(Piece::Bytes(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Mark(mark));
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Bytes(text));
        }
        pieces
    }

    /// What is held back when nothing more comes.
    pub fn rest(&mut self) -> Vec<u8> {
        self.at = At::Text;
        std::mem::take(&mut self.held)
    }

    fn step(&mut self, byte: u8, text: &mut Vec<u8>) -> Option<Mark> {
        match (self.at, byte) {
            (At::Text, ESCAPE) => {
                self.held.push(byte);
                self.at = At::Escape;
            }
            (At::Text, _) => text.push(byte),
            (At::Escape, b']') => {
                self.held.push(byte);
                self.at = At::Command;
            }
            (At::Command, BELL) | (At::CommandEnds, b'\\') => {
                self.held.push(byte);
                return self.whole(text);
            }
            (At::Command, ESCAPE) => {
                self.held.push(byte);
                self.at = At::CommandEnds;
            }
            (At::Command, _) => {
                self.held.push(byte);
                if self.held.len() > MARK_BYTES {
                    self.give_up(text);
                }
            }
            // An ESC ends whatever was begun before, so nothing unfinished can swallow a mark.
            (At::Escape, ESCAPE) => text.push(byte),
            (At::CommandEnds, _) => {
                let escape = self.held.pop();
                self.give_up(text);
                self.held.extend(escape);
                self.at = At::Escape;
                return self.step(byte, text);
            }
            (At::Escape, _) => {
                self.held.push(byte);
                self.give_up(text);
            }
        }
        None
    }

    fn give_up(&mut self, text: &mut Vec<u8>) {
        text.append(&mut self.held);
        self.at = At::Text;
    }

    fn whole(&mut self, text: &mut Vec<u8>) -> Option<Mark> {
        let mark = self.mark();
        if mark.is_some() {
            self.held.clear();
        }
        self.give_up(text);
        mark
    }

    fn mark(&self) -> Option<Mark> {
        let inner = self.held.strip_prefix(b"\x1b]133;")?;
        let inner = inner.strip_suffix(b"\x07").or_else(|| inner.strip_suffix(b"\x1b\\"))?;
        let (what, id) = std::str::from_utf8(inner).ok()?.rsplit_once(";aid=")?;
        if id != self.nonce {
            return None;
        }
        match what {
            "B" => Some(Mark::Ready),
            "C" => Some(Mark::Begins),
            other => other.strip_prefix("D;")?.parse().ok().map(Mark::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "5eed";

    fn read(pieces: &[&[u8]]) -> Vec<Piece> {
        let mut marks = Marks::new(NONCE);
        let mut all: Vec<Piece> = Vec::new();
        for piece in pieces.iter().flat_map(|bytes| marks.take(bytes)).collect::<Vec<_>>() {
            match (all.last_mut(), piece) {
                (Some(Piece::Bytes(before)), Piece::Bytes(more)) => before.extend(more),
                (_, piece) => all.push(piece),
            }
        }
        all
    }

    fn bytes(text: &str) -> Piece {
        Piece::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn marks_are_found_whole_and_in_pieces() {
        let stream = b"a\x1b]133;C;aid=5eed\x07out\x1b]133;D;-1;aid=5eed\x1b\\\x1b]133;B;aid=5eed\x07";
        let expected = [bytes("a"), Piece::Mark(Mark::Begins), bytes("out"), Piece::Mark(Mark::Done(-1)), Piece::Mark(Mark::Ready)];
        assert_eq!(read(&[stream]), expected);
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(&single), expected);
    }

    #[test]
    fn what_lacks_the_nonce_is_output() {
        for forged in [
            "\x1b]133;D;0\x07",
            "\x1b]133;D;0;aid=\x07",
            "\x1b]133;D;0;aid=5eee\x07",
            "\x1b]133;D;0;aid=5eed;aid=x\x07",
            "\x1b]133;D;zero;aid=5eed\x07",
            "\x1b]133;D;99999999999;aid=5eed\x07",
            "\x1b]133;Z;aid=5eed\x07",
            "\x1b]134;C;aid=5eed\x07",
            "]133;C;aid=5eed\x07",
            "\x1b[133;C;aid=5eed\x07",
        ] {
            assert_eq!(read(&[forged.as_bytes()]), [bytes(forged)], "{forged:?}");
        }
    }

    #[test]
    fn nothing_unfinished_swallows_a_mark() {
        let mark = "\x1b]133;D;7;aid=5eed\x07";
        let long = format!("\x1b]0;{}", "x".repeat(1000));
        for before in ["\x1b", "\x1b\x1b", "\x1b]", "\x1b]133;D;0;aid=", "\x1b]0;title", "\x1bP", "\x1b[", "\x1b]0;title\x1b", &long] {
            assert_eq!(read(&[before.as_bytes(), mark.as_bytes()]), [bytes(before), Piece::Mark(Mark::Done(7))], "{before:?}");
        }
    }

    #[test]
    fn no_byte_is_lost_and_little_is_held() {
        let mut seed: u32 = 7;
        let alphabet = [ESCAPE, b']', b'1', b'3', b';', BELL, b'\\', b'x', 0x80, b'\n'];
        let mut stream = Vec::new();
        for _ in 0..50_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            stream.push(alphabet[(seed >> 16) as usize % alphabet.len()]);
        }
        let mut marks = Marks::new(NONCE);
        let mut given = Vec::new();
        for chunk in stream.chunks(7) {
            for piece in marks.take(chunk) {
                let Piece::Bytes(bytes) = piece else { panic!("a mark without a nonce") };
                given.extend(bytes);
            }
            assert!(marks.held.len() <= MARK_BYTES + 1);
        }
        given.extend(marks.rest());
        assert!(given == stream);
    }
}
