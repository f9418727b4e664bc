//! Cuts a byte stream into lines, whatever the chunks are.
//!
//! A network read may end inside a character or between CR and LF, so lines are
//! found in bytes and only a whole line becomes text. It refuses lines above a
//! bound, because the other side decides how long they are.

/// A line, or the rest of an event, grew over its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent a line or an event of more than {limit} bytes")]
pub struct TooLong {
    /// The bound in bytes.
    pub limit: usize,
}

/// Which bytes end a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// LF, CR or CRLF.
    Any,
    /// LF; a CR before it is dropped.
    Lf,
}

/// The splitter. It keeps the unfinished line between chunks.
#[derive(Debug)]
pub(crate) struct Splitter {
    ends: Ends,
    limit: usize,
    line: Vec<u8>,
    after_cr: bool,
}

impl Splitter {
    pub(crate) fn new(ends: Ends, limit: usize) -> Self {
        Self { ends, limit, line: Vec::new(), after_cr: false }
    }

    /// Calls `each` for every line that `chunk` completes.
    pub(crate) fn push(&mut self, chunk: &[u8], each: &mut impl FnMut(&[u8]) -> Result<(), TooLong>) -> Result<(), TooLong> {
        let mut rest = chunk;
        while let Some(first) = rest.first() {
            // The LF of a CRLF whose CR has already ended the line.
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let end = rest.iter().position(|byte| *byte == b'\n' || (*byte == b'\r' && self.ends == Ends::Any));
            let piece = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            if self.line.len().saturating_add(piece.len()) > self.limit {
                return Err(TooLong { limit: self.limit });
            }
            self.line.extend_from_slice(piece);
            let Some(end) = end else { break };
            self.after_cr = rest.get(end) == Some(&b'\r');
            rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
            self.complete(each)?;
        }
        Ok(())
    }

    /// The line that the end of the stream completes, if there is one.
    pub(crate) fn finish(&mut self, each: &mut impl FnMut(&[u8]) -> Result<(), TooLong>) -> Result<(), TooLong> {
        self.after_cr = false;
        if self.line.is_empty() { Ok(()) } else { self.complete(each) }
    }

    fn complete(&mut self, each: &mut impl FnMut(&[u8]) -> Result<(), TooLong>) -> Result<(), TooLong> {
        if self.ends == Ends::Lf && self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        let result = each(&self.line);
        self.line.clear();
        result
    }
}
