//! Where the server's address and its approved tools lie: a room in this component's data
//! that is filled before the file is signed, so that the signature covers them.
//!
//! Layout: a mark of 24 bytes, the length of the payload as 8 hexadecimal digits, the
//! payload, JSON. `host/skynet/src/cli/plugin/room.rs` writes it; both must agree.

use crate::limits::ROOM;
use serde::Deserialize;

const MARK: [u8; 24] = *b"skynet:mcp-bridge:room:1";
const LENGTH: usize = 8;
const START: usize = MARK.len() + LENGTH;

static AREA: [u8; START + ROOM] = empty();

const fn empty() -> [u8; START + ROOM] {
    let mut area = [b' '; START + ROOM];
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

/// One server as its owner approved it, and where it is.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Place {
    pub(crate) url: String,
    #[serde(flatten)]
    pub(crate) server: mcp_client::Server,
}

/// What was put here; `None` in the bridge as it is built.
pub(crate) fn place() -> Option<Place> {
    // The compiler knows the empty room; what is in it at run time it must not guess.
    read(std::hint::black_box(&AREA))
}

fn read(area: &[u8]) -> Option<Place> {
    let length = std::str::from_utf8(area.get(MARK.len()..START)?).ok()?;
    let length = usize::from_str_radix(length, 16).ok()?;
    serde_json::from_slice(area.get(START..START.checked_add(length)?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_room_is_read_and_an_empty_one_is_nothing() {
        let text = r#"{"name":"n","url":"https://a.example/mcp","tools":[{"name":"t","tool":{"name":"T"}}]}"#;
        let area = [&MARK[..], format!("{:08x}", text.len()).as_bytes(), text.as_bytes(), b"   "].concat();
        let Place { url, server } = read(&area).unwrap();
        assert_eq!((url.as_str(), server.look, server.tools[0].name.as_str()), ("https://a.example/mcp", false, "t"));
        assert!(read(&AREA).is_none());
    }

    #[test]
    fn a_length_beyond_the_room_is_nothing() {
        let area = [&MARK[..], b"ffffffff", b"{}"].concat();
        assert!(read(&area).is_none());
    }
}
