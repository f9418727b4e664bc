//! The host's log, followed from where it ended: whole lines, whatever bytes they are of.
//!
//! A log that was emptied or replaced is followed from its beginning. Refuses to wait for the end
//! of a line that is longer than what is read at once.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes of the log that are told at once.
const TAIL: u64 = 1 << 20;

/// The host's log from here on.
pub(super) struct Log {
    path: PathBuf,
    at: u64,
}

impl Log {
    pub(super) fn at_end(path: &Path) -> Self {
        Self { path: path.to_owned(), at: std::fs::metadata(path).map_or(0, |meta| meta.len()) }
    }

    /// Whole lines that were written since the last time.
    pub(super) fn lines(&mut self) -> Vec<String> {
        let bytes = self.read().unwrap_or_default();
        let whole = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            // A line that is longer than what is read at once would be waited for without end.
            None if bytes.len() as u64 == TAIL => bytes.len(),
            None => 0,
        };
        self.at += whole as u64;
        String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default()).lines().map(str::to_owned).collect()
    }

    fn read(&mut self) -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(&self.path)?;
        if file.metadata()?.len() < self.at {
            // Another one took its place, or it was emptied.
            self.at = 0;
        }
        file.seek(SeekFrom::Start(self.at))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_new_lines_of_the_log_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "old\n").unwrap();
        let mut log = Log::at_end(&path);
        std::fs::write(&path, "old\nnew\nhal").unwrap();
        assert_eq!(log.lines(), ["new"]);
        std::fs::write(&path, "old\nnew\nhalf\n").unwrap();
        assert_eq!(log.lines(), ["half"]);
    }

    #[test]
    fn a_log_that_begins_anew_or_is_no_text_is_followed_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "old and long\n").unwrap();
        let mut log = Log::at_end(&path);
        std::fs::write(&path, b"n\xffw\n").unwrap();
        assert_eq!(log.lines(), ["n\u{fffd}w"]);
        std::fs::write(&path, [b"n\xffw\n".as_slice(), &vec![b'x'; TAIL as usize], b"\nnext\n"].concat()).unwrap();
        assert_eq!(log.lines()[0].len() as u64, TAIL);
        assert_eq!(log.lines(), ["", "next"]);
    }
}
