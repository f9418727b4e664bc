//! The room for a script in the runtime's data.
//!
//! Layout, as `builtin-plugins/js-runtime/src/room.rs` reads it: a mark of 24 bytes, the
//! length as 8 hexadecimal digits, then a JSON header, a line feed, the script. It is
//! written in place, so everything else of the module stays byte for byte the same.

use super::InstantError;
use serde::Serialize;

const MARK: &[u8; 24] = b"skynet:js-runtime:room:1";

/// Bytes of the room. A script of a person or a model has a few kilobytes; a bundle with
/// a library has a hundred.
pub const ROOM: usize = 256 * 1024;

/// What the runtime knows of the manifest.
#[derive(Debug, Serialize)]
pub(super) struct Header<'a> {
    pub(super) name: &'a str,
    pub(super) summary: &'a str,
    pub(super) powers: Vec<&'a str>,
}

/// Puts header and script into the room of `module`.
pub(super) fn fill(module: &mut [u8], header: &Header<'_>, script: &str) -> Result<(), InstantError> {
    let none = || InstantError::Runtime("it has no room for a script".into());
    let header = serde_json::to_string(header).map_err(|error| InstantError::Runtime(error.to_string()))?;
    let payload = format!("{header}\n{script}");
    if payload.len() > ROOM {
        return Err(InstantError::TooLong { bytes: payload.len(), room: ROOM });
    }
    let at = places(module);
    let [at] = at.as_slice() else { return Err(none()) };
    let text = format!("{:08x}{payload}", payload.len());
    let start = at + MARK.len();
    module.get_mut(start..start + 8 + ROOM).and_then(|room| room.get_mut(..text.len())).ok_or_else(none)?.copy_from_slice(text.as_bytes());
    Ok(())
}

/// Where the mark of an empty room stands.
fn places(module: &[u8]) -> Vec<usize> {
    let empty = [&MARK[..], b"00000000"].concat();
    module.windows(empty.len()).enumerate().filter(|(_, window)| *window == empty).map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header<'static> {
        Header { name: "n", summary: "s", powers: vec!["kv"] }
    }

    fn module(rooms: usize) -> Vec<u8> {
        let room = [&MARK[..], b"00000000", &vec![0; ROOM]].concat();
        [b"before".to_vec(), room.repeat(rooms), b"after".to_vec()].concat()
    }

    #[test]
    fn a_script_is_written_in_place_with_its_length() {
        let mut filled = module(1);
        fill(&mut filled, &header(), "export const tools = [];").unwrap();
        let text = "{\"name\":\"n\",\"summary\":\"s\",\"powers\":[\"kv\"]}\nexport const tools = [];";
        assert_eq!(filled.len(), module(1).len());
        let room = &filled[6 + MARK.len()..];
        assert!(room.starts_with(format!("{:08x}{text}\0", text.len()).as_bytes()));
        assert!(filled.ends_with(b"after"));
    }

    #[test]
    fn the_longest_script_fits_and_one_byte_more_is_refused() {
        let head = serde_json::to_string(&header()).unwrap().len() + 1;
        fill(&mut module(1), &header(), &"x".repeat(ROOM - head)).unwrap();
        let error = fill(&mut module(1), &header(), &"x".repeat(ROOM - head + 1)).unwrap_err();
        assert!(matches!(error, InstantError::TooLong { bytes, room } if bytes == room + 1), "{error}");
    }

    #[test]
    fn no_room_two_rooms_and_a_filled_room_are_refused() {
        let mut filled = module(1);
        fill(&mut filled, &header(), "").unwrap();
        for mut wrong in [module(0), module(2), filled, b"skynet:js-runtime:room:100000000".to_vec()] {
            assert!(matches!(fill(&mut wrong, &header(), ""), Err(InstantError::Runtime(_))));
        }
    }
}
