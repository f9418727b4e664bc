//! The newest bytes of a stream, each with its place in the whole.
//!
//! Owns the bound. Says how much of what is asked for is gone.

use std::collections::VecDeque;

/// So many bytes, the last ones.
#[derive(Debug)]
pub(super) struct Ring {
    bytes: VecDeque<u8>,
    most: usize,
    /// Bytes that came and are gone.
    gone: u64,
}

impl Ring {
    pub(super) fn new(most: usize) -> Self {
        Self { bytes: VecDeque::new(), most, gone: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let over = self.bytes.len().saturating_sub(self.most);
        self.bytes.drain(..over);
        self.gone = self.gone.saturating_add(wide(over));
    }

    /// The place behind the last byte.
    pub(super) fn end(&self) -> u64 {
        self.gone.saturating_add(wide(self.bytes.len()))
    }

    /// The bytes between two places, and how many of them are gone.
    pub(super) fn between(&self, from: u64, to: u64) -> (Vec<u8>, u64) {
        let dropped = self.gone.min(to).saturating_sub(from);
        let skip = usize::try_from(from.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        let take = usize::try_from(to.saturating_sub(from.max(self.gone))).unwrap_or(usize::MAX);
        (self.bytes.iter().skip(skip).take(take).copied().collect(), dropped)
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_it_is_known_how_many() {
        let mut ring = Ring::new(4);
        ring.push(b"abc");
        assert_eq!((ring.end(), ring.between(1, 3)), (3, (b"bc".to_vec(), 0)));
        ring.push(b"defg");
        assert_eq!(ring.end(), 7);
        assert_eq!(ring.between(0, 7), (b"defg".to_vec(), 3));
        assert_eq!(ring.between(4, 6), (b"ef".to_vec(), 0));
        assert_eq!(ring.between(0, 2), (Vec::new(), 2));
        assert_eq!(ring.between(7, 7), (Vec::new(), 0));
    }
}
