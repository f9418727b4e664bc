//! Where the server's address and its approved tools lie: a room in this component's data
//! that is filled before the file is signed, so that the signature covers them.
//!
//! How it lies there is `plugins-sdk/src/room.rs`; `host/skynet/src/cli/plugin/add_mcp/build.rs`
//! fills it, with JSON.

use crate::limits::ROOM as SIZE;
use serde::Deserialize;
use skynet_plugin_sdk::room::Room;

static ROOM: Room<SIZE> = Room::empty(b"skynet:mcp-bridge:room:1");

/// One server as its owner approved it, and where it is.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Place {
    pub(crate) url: String,
    #[serde(flatten)]
    pub(crate) server: mcp_client::Server,
}

/// What was put here; `None` in the bridge as it is built.
pub(crate) fn place() -> Option<Place> {
    read(ROOM.payload()?)
}

fn read(payload: &[u8]) -> Option<Place> {
    serde_json::from_slice(payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_room_is_read_and_an_empty_one_is_nothing() {
        let text = br#"{"name":"n","url":"https://a.example/mcp","tools":[{"name":"t","tool":{"name":"T"}}]}"#;
        let Place { url, server } = read(text).unwrap();
        assert_eq!((url.as_str(), server.look, server.tools[0].name.as_str()), ("https://a.example/mcp", false, "t"));
        assert!(place().is_none());
    }
}
