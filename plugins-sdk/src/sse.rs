//! Server-sent events from bytes as they come (the HTML standard's grammar).
//!
//! It owns the fields `event`, `data`, `id` and `retry`; comments and unknown
//! fields are dropped. An event that the end of the stream cuts off is dropped
//! too, as the standard says. It refuses events above a bound.

use crate::limits::{STREAM_EVENT_BYTES, STREAM_LINE_BYTES};
use crate::lines::{Ends, Splitter};

pub use crate::lines::TooLong;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// Its kind; `message` when the server names none.
    pub event: String,
    /// Its data lines, joined by newlines.
    pub data: String,
    /// The last id the server gave, in this event or before.
    pub id: Option<String>,
    /// How long the server wants a client to wait before it connects again.
    pub retry_ms: Option<u64>,
}

/// The decoder: feed it chunks, take events.
#[derive(Debug)]
pub struct Decoder {
    lines: Splitter,
    pending: Pending,
}

#[derive(Debug, Default)]
struct Pending {
    begun: bool,
    event: String,
    data: String,
    has_data: bool,
    id: Option<String>,
    retry_ms: Option<u64>,
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
        Self { lines: Splitter::new(Ends::Any, limit), pending: Pending::default() }
    }

    /// The events that `chunk` completes. After an error the stream is useless.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Event>, TooLong> {
        let Self { lines, pending } = self;
        let mut events = Vec::new();
        lines.push(chunk, &mut |line| {
            events.extend(pending.line(line)?);
            Ok(())
        })?;
        Ok(events)
    }
}

impl Pending {
    fn line(&mut self, line: &[u8]) -> Result<Option<Event>, TooLong> {
        let first = !std::mem::replace(&mut self.begun, true);
        let line = if first { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let text = String::from_utf8_lossy(line);
        let (field, value) =
            text.split_once(':').map_or((text.as_ref(), ""), |(field, value)| (field, value.strip_prefix(' ').unwrap_or(value)));
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                if self.data.len().saturating_add(value.len()) > STREAM_EVENT_BYTES {
                    return Err(TooLong { limit: STREAM_EVENT_BYTES });
                }
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => self.retry_ms = value.parse().ok().or(self.retry_ms),
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<Event> {
        let event = std::mem::take(&mut self.event);
        let data = std::mem::take(&mut self.data);
        let retry_ms = self.retry_ms.take();
        let event = if event.is_empty() { "message".to_owned() } else { event };
        std::mem::take(&mut self.has_data).then(|| Event { event, data, id: self.id.clone(), retry_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::{Decoder, Event};
    use proptest::prelude::*;

    fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
        let mut decoder = Decoder::new();
        chunks.into_iter().flat_map(|chunk| decoder.push(chunk).unwrap()).collect()
    }

    fn check(stream: &str, expected: &[(&str, &str)]) {
        let events = decode([stream.as_bytes()]);
        let got: Vec<_> = events.iter().map(|event| (event.event.as_str(), event.data.as_str())).collect();
        assert_eq!(got, expected, "{stream:?}");
    }

    #[test]
    fn fields_are_read_as_the_standard_says() {
        check("data: one\n\n", &[("message", "one")]);
        check("event: ping\ndata:no space\n\n", &[("ping", "no space")]);
        check("data: a\ndata: b\n\n", &[("message", "a\nb")]);
        check("data\n\n", &[("message", "")]);
        check("data:  two spaces\n\n", &[("message", " two spaces")]);
        check(": comment\nunknown: x\ndata: y\n\n", &[("message", "y")]);
        check("\u{feff}data: after a byte order mark\n\n", &[("message", "after a byte order mark")]);
    }

    #[test]
    fn every_line_ending_works_even_mixed() {
        check(
            "data: a\r\n\r\ndata: b\r\rdata: c\n\ndata: d\r\n\n",
            &[("message", "a"), ("message", "b"), ("message", "c"), ("message", "d")],
        );
    }

    #[test]
    fn an_event_without_data_or_without_its_blank_line_is_dropped() {
        check("event: empty\n\n", &[]);
        check("data: cut off", &[]);
        check("data: cut off\n", &[]);
        check("event: a\n\ndata: x\n\n", &[("message", "x")]);
    }

    #[test]
    fn the_last_id_stays_and_retry_belongs_to_one_event() {
        let events = decode([b"id: 7\nretry: 1500\ndata: a\n\ndata: b\nretry: soon\n\n".as_slice()]);
        let got: Vec<_> = events.iter().map(|event| (event.id.as_deref(), event.retry_ms)).collect();
        assert_eq!(got, [(Some("7"), Some(1500)), (Some("7"), None)]);
    }

    #[test]
    fn a_line_above_the_bound_is_refused_before_it_is_kept() {
        let mut decoder = Decoder::with_line_limit(16);
        assert!(decoder.push(b"data: 0123456789").is_ok());
        assert_eq!(decoder.push(b"x").unwrap_err().to_string(), "the server sent a line or an event of more than 16 bytes");
    }

    #[test]
    fn an_event_of_endless_data_lines_is_refused() {
        let mut decoder = Decoder::new();
        let line = format!("data: {}\n", "x".repeat(1024 * 1024));
        let refused = (0..10).any(|_| decoder.push(line.as_bytes()).is_err());
        assert!(refused);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_events(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "data: ", "data:", "event: x", "id: 1", "retry: 9", ":", "grüße 🦀", "\r", "\n", "\r\n", "\n\n", "\u{feff}", "\0", " ",
            ]), 0..40),
            cuts in prop::collection::vec(1_usize..7, 1..60),
        ) {
            let stream = pieces.concat();
            let whole = decode([stream.as_bytes()]);
            let mut rest = stream.as_bytes();
            let mut chunks = Vec::new();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                chunks.push(now);
                rest = later;
            }
            prop_assert_eq!(whole, decode(chunks));
        }
    }
}
