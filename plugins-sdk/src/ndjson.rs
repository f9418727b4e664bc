//! Lines of JSON from bytes as they come.
//!
//! It gives back each line as text and leaves the parsing to the caller, who
//! knows the type. Blank lines are dropped; a last line without its newline
//! comes out of [`Decoder::finish`]. It refuses lines above a bound.

use crate::limits::STREAM_LINE_BYTES;
use crate::lines::{Ends, Splitter};

pub use crate::lines::TooLong;

/// The decoder: feed it chunks, take lines.
#[derive(Debug)]
pub struct Decoder {
    lines: Splitter,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    pub fn new() -> Self {
        Self::with_line_limit(STREAM_LINE_BYTES)
    }

    /// A decoder that refuses lines above `limit` bytes.
    pub fn with_line_limit(limit: usize) -> Self {
        Self { lines: Splitter::new(Ends::Lf, limit) }
    }

    /// The lines that `chunk` completes.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut out = Vec::new();
        self.lines.push(chunk, &mut |line| keep(&mut out, line))?;
        Ok(out)
    }

    /// The last line, when the stream ended without a newline.
    pub fn finish(&mut self) -> Result<Option<String>, TooLong> {
        let mut out = Vec::new();
        self.lines.finish(&mut |line| keep(&mut out, line))?;
        Ok(out.pop())
    }
}

#[allow(clippy::unnecessary_wraps)] // The splitter wants a fallible function; here nothing can fail.
fn keep(out: &mut Vec<String>, line: &[u8]) -> Result<(), TooLong> {
    if !line.iter().all(u8::is_ascii_whitespace) {
        out.push(String::from_utf8_lossy(line).into_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Decoder;
    use proptest::prelude::*;

    fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut decoder = Decoder::new();
        let mut lines: Vec<String> = chunks.into_iter().flat_map(|chunk| decoder.push(chunk).unwrap()).collect();
        lines.extend(decoder.finish().unwrap());
        lines
    }

    fn check(stream: &str, expected: &[&str]) {
        assert_eq!(decode([stream.as_bytes()]), expected, "{stream:?}");
    }

    #[test]
    fn lines_come_out_whole() {
        check("{\"a\":1}\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]);
        check("{\"a\":1}\r\n\r\n{\"b\":2}", &["{\"a\":1}", "{\"b\":2}"]);
        check("", &[]);
        check("\n \n\t\r\n", &[]);
    }

    #[test]
    fn a_lone_carriage_return_does_not_end_a_line() {
        check("{\"a\":\r1}\n", &["{\"a\":\r1}"]);
    }

    #[test]
    fn a_line_above_the_bound_is_refused() {
        let mut decoder = Decoder::with_line_limit(8);
        assert_eq!(decoder.push(b"12345678\n").unwrap(), ["12345678"]);
        assert!(decoder.push(b"123456789").is_err());
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_lines(
            pieces in prop::collection::vec(prop::sample::select(vec!["{}", "\"ü🦀\"", "\r", "\n", "\r\n", " ", "x"]), 0..40),
            size in 1_usize..6,
        ) {
            let stream = pieces.concat();
            prop_assert_eq!(decode([stream.as_bytes()]), decode(stream.as_bytes().chunks(size)));
        }
    }
}
