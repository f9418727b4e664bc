//! Writes a file so that there is always the old one or the new one.
//!
//! The new text goes to a temporary file beside the target and is renamed over
//! it. On any failure the temporary file is removed again.

use crate::limits::TEMPORARY_NAMES;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Replaces or creates the file at `path`; its folder must exist.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| found.is_dir()) {
        return Err(ErrorKind::IsADirectory.into());
    }
    let (mut file, temporary) = create_beside(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    let done = written.and_then(|()| fs::rename(&temporary, path));
    if done.is_err() {
        // The first failure is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    done
}

fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_string_lossy();
    // A name of the usual maximum of 255 bytes leaves no room for more.
    let stem: String = name.chars().take(40).collect();
    for number in 0..TEMPORARY_NAMES {
        let temporary = path.with_file_name(format!(".{stem}.{number}.tmp"));
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(ErrorKind::AlreadyExists, format!("{TEMPORARY_NAMES} unfinished temporary files lie beside it; remove them")))
}
