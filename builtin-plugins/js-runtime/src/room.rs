//! Where the script lies: a room in this component's data that the host fills.
//!
//! How it lies there is `plugins-sdk/src/room.rs`; `host/plugins/src/instant.rs` fills it. The
//! payload is a JSON header, a line feed, and the script.

use crate::limits::ROOM as SIZE;
use serde::Deserialize;
use skynet_plugin_sdk::room::Room;

static ROOM: Room<SIZE> = Room::empty(b"skynet:js-runtime:room:1");

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
    ROOM.payload().and_then(read).unwrap_or_default()
}

fn read(text: &[u8]) -> Option<Payload> {
    let (header, script) = std::str::from_utf8(text).ok()?.split_once('\n')?;
    let payload: Payload = serde_json::from_str(header).ok()?;
    Some(Payload { script: script.to_owned(), ..payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_room_is_read_and_an_empty_one_is_nothing() {
        let text = b"{\"name\":\"N\",\"summary\":\"S\",\"powers\":[\"kv\"]}\nexport const tools = [];";
        let payload = read(text).unwrap();
        assert_eq!((payload.name.as_str(), payload.script.as_str()), ("N", "export const tools = [];"));
        assert_eq!(payload.powers, ["kv"]);
        assert_eq!(ROOM.payload().unwrap(), b"");
        assert!(read(b"").is_none());
    }
}
