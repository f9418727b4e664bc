//! Files as text: reading them whole, telling binary ones, cutting between
//! characters. It refuses folders, files above the bound, and what is not UTF-8.

use crate::limits::{BINARY_PROBE, FILE_BYTES};
use crate::place::Place;
use crate::trouble::trouble;
use skynet_plugin_sdk::files::Root;
use skynet_plugin_sdk::tool::ToolError;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What a file holds.
pub(crate) enum Content {
    Text(String),
    /// A NUL byte, or bytes that are not UTF-8.
    Binary,
    /// More bytes than are read.
    TooLarge(u64),
}

/// Reads a file whole.
pub(crate) fn load(path: &Path) -> io::Result<Content> {
    let file = File::open(path)?;
    let size = file.metadata()?;
    if size.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if size.len() > FILE_BYTES {
        return Ok(Content::TooLarge(size.len()));
    }
    let mut bytes = Vec::new();
    // A file may grow while it is read, and some say 0 and hold more.
    file.take(FILE_BYTES.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_BYTES) {
        return Ok(Content::TooLarge(FILE_BYTES.saturating_add(1)));
    }
    if bytes.iter().take(BINARY_PROBE).any(|byte| *byte == 0) {
        return Ok(Content::Binary);
    }
    Ok(String::from_utf8(bytes).map_or(Content::Binary, Content::Text))
}

/// Reads a text file, or says why not.
pub(crate) fn load_text(roots: &[Root], what: &str, place: &Place) -> Result<String, ToolError> {
    match load(&place.path).map_err(|error| trouble(roots, what, place, &error))? {
        Content::Text(text) => Ok(text),
        Content::Binary => Err(ToolError::Failed(format!("cannot {what} {}: it is not a UTF-8 text file", place.shown))),
        Content::TooLarge(size) => {
            Err(ToolError::Failed(format!("cannot {what} {}: it has {size} bytes, and at most {FILE_BYTES} are read", place.shown)))
        }
    }
}

/// The first `limit` characters, and whether that is less than all.
pub(crate) fn cut(text: &str, limit: usize) -> (&str, bool) {
    match text.char_indices().nth(limit) {
        Some((end, _)) => (text.get(..end).unwrap_or(text), true),
        None => (text, false),
    }
}
