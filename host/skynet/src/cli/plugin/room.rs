//! The room in a bridge's data: found by its mark, filled before the file is signed.
//!
//! Layout: a mark of 24 bytes, the length of the payload as 8 hexadecimal digits, the
//! payload. `builtin-plugins/mcp-bridge/src/room.rs` reads it; both must agree. Refuses a
//! component without the mark, with two of them, or that is filled already.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

const MARK: &[u8; 24] = b"skynet:mcp-bridge:room:1";
const LENGTH: usize = 8;
/// Bytes of a file that are looked at together.
const PIECE: u64 = 256 * 1024;
/// Bytes after the length, in every bridge of this layout.
pub(super) const ROOM: usize = 512 * 1024;

/// Whether this file looks like a bridge at all, read piece by piece: most are none, and some are large.
pub(super) fn is_in_file(path: &Path) -> bool {
    let look = || -> std::io::Result<bool> {
        let mut file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Ok(false);
        }
        let mut seen = Vec::new();
        loop {
            // What may be the beginning of a mark stays.
            seen.drain(..seen.len().saturating_sub(MARK.len() - 1));
            if file.by_ref().take(PIECE).read_to_end(&mut seen)? == 0 {
                return Ok(false);
            }
            if find(&seen).is_some() {
                return Ok(true);
            }
        }
    };
    look().unwrap_or(false)
}

fn find(component: &[u8]) -> Option<usize> {
    component.windows(MARK.len()).position(|window| window == MARK)
}

/// The component with this in its room. The error is a sentence.
pub(super) fn fill(component: &[u8], payload: &[u8]) -> Result<Vec<u8>, String> {
    let at = find(component).ok_or("it is no bridge: it has no room for a server")?;
    let rest = component.get(at + MARK.len()..).unwrap_or_default();
    if find(rest).is_some() {
        return Err("it has more than one room for a server".into());
    }
    if payload.len() > ROOM {
        return Err(format!("the server's tools take {} bytes, and a bridge has room for {ROOM}", payload.len()));
    }
    if !rest.starts_with(b"00000000") || rest.len() < LENGTH + ROOM {
        return Err("its room is filled already; a bridge as it was built is needed".into());
    }
    let mut filled = component.to_vec();
    let words = [format!("{:08x}", payload.len()).as_bytes(), payload].concat();
    let start = at + MARK.len();
    match filled.get_mut(start..start + words.len()) {
        Some(room) => room.copy_from_slice(&words),
        None => return Err("its room is cut off".into()),
    }
    Ok(filled)
}

/// What a filled room holds.
pub(super) fn read(component: &[u8]) -> Option<&[u8]> {
    let rest = component.get(find(component)? + MARK.len()..)?;
    let length = usize::from_str_radix(std::str::from_utf8(rest.get(..LENGTH)?).ok()?, 16).ok()?;
    rest.get(LENGTH..LENGTH.checked_add(length)?).filter(|_| length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bridge() -> Vec<u8> {
        [b"before".as_slice(), MARK, b"00000000", &[b' '; ROOM], b"after"].concat()
    }

    #[test]
    fn a_room_is_filled_once_and_nothing_else_moves() {
        let filled = fill(&bridge(), b"{}").unwrap();
        assert_eq!((filled.len(), read(&filled)), (bridge().len(), Some(b"{}".as_slice())));
        assert!(filled.starts_with(b"before") && filled.ends_with(b"after"));
        assert!(fill(&filled, b"{}").unwrap_err().contains("filled already"));
        assert_eq!(read(&bridge()), None);
    }

    #[test]
    fn a_mark_is_seen_in_a_file_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let piece = usize::try_from(PIECE).unwrap();
        for before in [0, piece - 1, piece - MARK.len() / 2, piece, 2 * piece + 5] {
            std::fs::write(&path, [vec![b'x'; before].as_slice(), MARK, b"after"].concat()).unwrap();
            assert!(is_in_file(&path), "{before}");
        }
        std::fs::write(&path, vec![b'x'; 2 * piece]).unwrap();
        assert!(!is_in_file(&path) && !is_in_file(folder.path()) && !is_in_file(&folder.path().join("none")));
    }

    #[test]
    fn what_is_no_bridge_or_does_not_fit_is_refused() {
        assert!(fill(b"\0asm", b"{}").unwrap_err().contains("no bridge"));
        assert!(fill(&[bridge(), bridge()].concat(), b"{}").unwrap_err().contains("more than one"));
        assert!(fill(&bridge(), &vec![b' '; ROOM + 1]).unwrap_err().contains("has room for"));
        assert!(fill(&bridge()[..1000], b"{}").is_err());
    }
}
