//! A room: a place in a plugin's own data that is filled after it was built and before it is
//! signed, so that the signature covers what is in it.
//!
//! Layout: a mark of 24 bytes, the length of the payload as 8 hexadecimal digits, the payload.
//! `host/plugins/src/room.rs` writes it; both must agree. Only plugins that the host fills
//! have a use for this.

/// A room of `SIZE` bytes. Make it a `static`, with a mark that nothing else has.
#[derive(Debug)]
#[repr(C)] // In this order and without gaps: the host finds it by its mark.
pub struct Room<const SIZE: usize> {
    #[allow(dead_code)] // The host reads it, in the file.
    mark: [u8; 24],
    length: [u8; 8],
    payload: [u8; SIZE],
}

impl<const SIZE: usize> Room<SIZE> {
    /// As it is built.
    pub const fn empty(mark: &[u8; 24]) -> Self {
        Self { mark: *mark, length: *b"00000000", payload: [b' '; SIZE] }
    }

    /// What was put there, which may be nothing; `None` where the length is none of it.
    pub fn payload(&'static self) -> Option<&'static [u8]> {
        // The compiler knows the empty room; what is in it at run time it must not guess.
        let room = std::hint::black_box(self);
        let length = usize::from_str_radix(std::str::from_utf8(&room.length).ok()?, 16).ok()?;
        room.payload.get(..length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &[u8; 24] = b"skynet:a-test-of:room:01";
    static EMPTY: Room<16> = Room::empty(MARK);
    static FULL: Room<16> = Room { length: *b"00000005", payload: *b"hello           ", ..Room::empty(MARK) };
    static LYING: Room<16> = Room { length: *b"ffffffff", ..Room::empty(MARK) };

    #[test]
    fn a_room_gives_what_was_put_there_and_never_more() {
        assert_eq!(EMPTY.payload(), Some(b"".as_slice()));
        assert_eq!(FULL.payload(), Some(b"hello".as_slice()));
        assert_eq!(LYING.payload(), None);
        assert_eq!(size_of::<Room<16>>(), 48);
    }
}
