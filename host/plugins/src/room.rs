//! Rooms: places in a component's data that are filled before the file is signed, so that the
//! signature covers what is in them.
//!
//! Layout: a mark of 24 bytes, the length of the payload as 8 hexadecimal digits, the payload.
//! A guest has one by `plugins-sdk/src/room.rs`; both must agree. It is written in place, so
//! everything else of the component stays byte for byte the same. Refuses a component without
//! the mark, with two of them, or that is filled already.

use memchr::memmem;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

/// Bytes of a mark.
const MARK: usize = 24;
/// Bytes of a file that are looked at together.
const PIECE: u64 = 256 * 1024;
/// Bytes of the length.
const LENGTH: usize = 8;
/// The length of nothing.
const EMPTY: &[u8; LENGTH] = b"00000000";

/// One sort of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    mark: &'static [u8; MARK],
    /// Bytes of the longest payload.
    pub size: usize,
}

/// For a script, in the engine of instant plugins. A script of a person or a model has a few
/// kilobytes; a bundle with a library has a hundred.
pub const SCRIPT: Room = Room { mark: b"skynet:js-runtime:room:1", size: 256 * 1024 };

/// For a server's address and its approved tools, in the bridge to servers of the Model Context Protocol.
pub const SERVER: Room = Room { mark: b"skynet:mcp-bridge:room:1", size: 512 * 1024 };

/// All that there are.
pub(crate) const ALL: [Room; 2] = [SCRIPT, SERVER];

/// Why a room was not filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    /// No mark, or one at the very end.
    #[error("it has no such room")]
    None,
    /// Nobody could say which one counts.
    #[error("it has more than one such room")]
    Several,
    /// Only a component as it was built is filled.
    #[error("its room is filled already; one as it was built is needed")]
    Filled,
    /// The payload does not fit.
    #[error("{bytes} bytes do not fit into a room of {room}")]
    TooLong {
        /// Of the payload.
        bytes: usize,
        /// What there is.
        room: usize,
    },
}

impl Room {
    /// Whether a component has such a room, filled or not.
    pub fn is_in(&self, component: &[u8]) -> bool {
        self.place(component).is_ok()
    }

    /// Whether a file holds such a mark at all, read piece by piece: most have none, and some are large. One that
    /// cannot be read has none.
    pub fn is_marked(&self, path: &Path) -> bool {
        let look = || -> std::io::Result<bool> {
            let mut file = File::open(path)?;
            if !file.metadata()?.is_file() {
                return Ok(false);
            }
            let mut seen = Vec::new();
            loop {
                // What may be the beginning of a mark stays.
                seen.drain(..seen.len().saturating_sub(MARK - 1));
                if file.by_ref().take(PIECE).read_to_end(&mut seen)? == 0 {
                    return Ok(false);
                }
                if memmem::find(&seen, self.mark).is_some() {
                    return Ok(true);
                }
            }
        };
        look().unwrap_or(false)
    }

    /// Puts the payload into the room of a component or module that was not filled before.
    pub fn fill(&self, component: &mut [u8], payload: &[u8]) -> Result<(), RoomError> {
        let place = self.place(component)?;
        if payload.len() > self.size {
            return Err(RoomError::TooLong { bytes: payload.len(), room: self.size });
        }
        let room = component.get_mut(place).and_then(|room| room.get_mut(MARK..)).ok_or(RoomError::None)?;
        if !room.starts_with(EMPTY) {
            return Err(RoomError::Filled);
        }
        let words = [format!("{:08x}", payload.len()).as_bytes(), payload].concat();
        room.get_mut(..words.len()).ok_or(RoomError::None)?.copy_from_slice(&words);
        Ok(())
    }

    /// What a filled room holds.
    pub fn read<'a>(&self, component: &'a [u8]) -> Option<&'a [u8]> {
        let room = component.get(self.place(component).ok()?)?.get(MARK..)?;
        let length = usize::from_str_radix(std::str::from_utf8(room.get(..LENGTH)?).ok()?, 16).ok()?;
        room.get(LENGTH..LENGTH.checked_add(length)?).filter(|_| length > 0)
    }

    /// Where the one room is, from its mark to its end.
    pub(crate) fn place(&self, bytes: &[u8]) -> Result<Range<usize>, RoomError> {
        let mut places = memmem::find_iter(bytes, self.mark);
        let at = places.next().ok_or(RoomError::None)?;
        if places.next().is_some() {
            return Err(RoomError::Several);
        }
        let end = at + MARK + LENGTH + self.size;
        if end > bytes.len() { Err(RoomError::None) } else { Ok(at..end) }
    }

    /// The bytes of an empty room, mark and all. Blanks and not zeros: a compiler may leave
    /// zeros out at the end of a memory's image.
    pub(crate) fn blank(&self) -> Vec<u8> {
        [self.mark.as_slice(), EMPTY, &vec![b' '; self.size]].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_seen_in_a_file_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let piece = usize::try_from(PIECE).unwrap();
        for before in [0, piece - 1, piece - MARK / 2, piece, 2 * piece + 5] {
            std::fs::write(&path, [vec![b'x'; before].as_slice(), SERVER.mark, b"after"].concat()).unwrap();
            assert!(SERVER.is_marked(&path) && !SCRIPT.is_marked(&path), "{before}");
        }
        std::fs::write(&path, vec![b'x'; 2 * piece]).unwrap();
        assert!(!SERVER.is_marked(&path) && !SERVER.is_marked(folder.path()) && !SERVER.is_marked(&folder.path().join("none")));
    }

    fn component(rooms: usize) -> Vec<u8> {
        [b"before".to_vec(), SERVER.blank().repeat(rooms), b"after".to_vec()].concat()
    }

    fn filled(mut component: Vec<u8>, payload: &[u8]) -> Result<Vec<u8>, RoomError> {
        SERVER.fill(&mut component, payload).map(|()| component)
    }

    #[test]
    fn a_room_is_filled_once_and_nothing_else_moves() {
        let filled_one = filled(component(1), b"{}").unwrap();
        assert_eq!((filled_one.len(), SERVER.read(&filled_one)), (component(1).len(), Some(b"{}".as_slice())));
        assert!(filled_one.starts_with(b"before") && filled_one.ends_with(b"after"));
        let at = b"before".len() + MARK;
        assert_eq!(&filled_one[at..at + 12], b"00000002{}  ");
        assert_eq!(filled(filled_one, b"{}"), Err(RoomError::Filled));
        assert_eq!(SERVER.read(&component(1)), None);
    }

    #[test]
    fn the_longest_payload_fits_and_one_byte_more_is_refused() {
        assert!(filled(component(1), &vec![b'x'; SERVER.size]).is_ok());
        assert!(matches!(filled(component(1), &vec![b'x'; SERVER.size + 1]), Err(RoomError::TooLong { bytes, room }) if bytes == room + 1));
    }

    #[test]
    fn no_room_two_rooms_another_room_and_a_cut_one_are_refused() {
        assert_eq!(filled(component(0), b"{}"), Err(RoomError::None));
        assert_eq!(filled(component(2), b"{}"), Err(RoomError::Several));
        assert_eq!(filled(SCRIPT.blank(), b"{}"), Err(RoomError::None));
        assert_eq!(filled(component(1)[..1000].to_vec(), b"{}"), Err(RoomError::None));
        assert!(!SERVER.is_in(&SCRIPT.blank()) && SCRIPT.is_in(&SCRIPT.blank()));
    }

    #[test]
    fn a_length_beyond_the_room_is_nothing() {
        let mut lying = component(1);
        let at = b"before".len() + MARK;
        lying[at..at + LENGTH].copy_from_slice(b"ffffffff");
        assert_eq!(SERVER.read(&lying), None);
    }
}
