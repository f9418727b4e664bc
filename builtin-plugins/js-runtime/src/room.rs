//! Where the script lies: a room in this component's data that the host fills.
//!
//! Layout: a mark of 24 bytes, the length of the payload as 8 hexadecimal digits, the
//! payload. `host/plugins/src/instant/room.rs` writes it; both must agree. The payload
//! is a JSON header, a line feed, and the script.

use crate::limits::ROOM;
use serde::Deserialize;

const MARK: [u8; 24] = *b"skynet:js-runtime:room:1";
const LENGTH: usize = 8;
const START: usize = MARK.len() + LENGTH;

static AREA: [u8; START + ROOM] = empty();

const fn empty() -> [u8; START + ROOM] {
    let mut area = [0; START + ROOM];
    let mut at = 0;
    while at < START {
        #[allow(clippy::indexing_slicing)] // Evaluated by the compiler: out of bounds would not build.
        {
            area[at] = if at < MARK.len() { MARK[at] } else { b'0' };
        }
        at += 1;
    }
    area
}

/// A script and what its manifest says of it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Payload {
    pub(crate) name: String,
    pub(crate) summary: String,
    /// Interfaces beyond the harmless ones that the component was linked with.
    #[serde(default)]
    pub(crate) powers: Vec<String>,
    #[serde(skip)]
    pub(crate) script: String,
}

/// What the host put here.
pub(crate) fn payload() -> Payload {
    // The compiler knows the empty room; what is in it at run time it must not guess.
    read(std::hint::black_box(&AREA)).unwrap_or_default()
}

fn read(area: &[u8]) -> Option<Payload> {
    let length = std::str::from_utf8(area.get(MARK.len()..START)?).ok()?;
    let length = usize::from_str_radix(length, 16).ok()?;
    let text = std::str::from_utf8(area.get(START..START.checked_add(length)?)?).ok()?;
    let (header, script) = text.split_once('\n')?;
    let payload: Payload = serde_json::from_str(header).ok()?;
    Some(Payload { script: script.to_owned(), ..payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_room_is_read_and_an_empty_one_is_nothing() {
        let text = "{\"name\":\"N\",\"summary\":\"S\",\"powers\":[\"kv\"]}\nexport const tools = [];";
        let area = [&MARK[..], format!("{:08x}", text.len()).as_bytes(), text.as_bytes(), &[0; 9]].concat();
        let payload = read(&area).unwrap();
        assert_eq!((payload.name.as_str(), payload.script.as_str()), ("N", "export const tools = [];"));
        assert_eq!(payload.powers, ["kv"]);
        assert!(read(&AREA).is_none());
    }
}
