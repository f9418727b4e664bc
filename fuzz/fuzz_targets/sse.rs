//! A stream of a model server, cut by the network wherever it likes.
//!
//! Held: the same events and lines come out however the bytes are cut, and the same
//! streams are refused; nothing that comes out has a line of its own in it where the
//! standard has none.
//!
//! Input: the first bytes say where to cut, the rest is the stream.
#![no_main]

#[path = "../cuts.rs"]
mod cuts;

use cuts::pieces;
use libfuzzer_sys::fuzz_target;
use skynet_plugin_sdk::{ndjson, sse};

/// Low, so that the bound is met too.
const LINE: usize = 200;

fuzz_target!(|bytes: &[u8]| {
    let (cuts, stream) = bytes.split_at(bytes.len().min(4));
    let whole = vec![stream];
    let single: Vec<&[u8]> = stream.chunks(1).collect();
    let some = pieces(stream, cuts);
    let events = decode(&whole);
    assert_eq!(decode(&single), events, "cut at each byte");
    assert_eq!(decode(&some), events, "cut by {cuts:?}");
    for event in events.iter().flatten() {
        assert!(!event.event.is_empty() && !event.event.contains(['\n', '\r']), "{event:?}");
        assert!(!event.data.contains('\r'), "{event:?}");
        assert!(!event.id.as_ref().is_some_and(|id| id.contains(['\n', '\r', '\0'])), "{event:?}");
    }
    let read = lines(&whole);
    assert_eq!(lines(&single), read, "lines, cut at each byte");
    assert_eq!(lines(&some), read, "lines, cut by {cuts:?}");
});

/// All events, or nothing where the stream is refused.
fn decode(pieces: &[&[u8]]) -> Option<Vec<sse::Event>> {
    let mut decoder = sse::Decoder::with_line_limit(LINE);
    let mut events = Vec::new();
    for piece in pieces {
        events.extend(decoder.push(piece).ok()?);
    }
    Some(events)
}

fn lines(pieces: &[&[u8]]) -> Option<Vec<String>> {
    let mut decoder = ndjson::Decoder::with_line_limit(LINE);
    let mut lines = Vec::new();
    for piece in pieces {
        lines.extend(decoder.push(piece).ok()?);
    }
    lines.extend(decoder.finish().ok()?);
    Some(lines)
}
