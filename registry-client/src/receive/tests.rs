//! A disk that is full, and what is left then.

use super::*;
use std::io::{Error, ErrorKind};

/// Takes so many bytes.
struct Disk {
    room: usize,
    held: Vec<u8>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let fits = bytes.len().min(self.room - self.held.len());
        if fits == 0 && !bytes.is_empty() {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        self.held.extend(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_the_download_in_words_and_counts_nothing_that_is_not_there() {
    let (mut disk, mut sink) = (Disk { room: 10, held: Vec::new() }, Sink::default());
    sink.take(&mut disk, b"12345678").unwrap();
    let error = failed(Path::new("store"), sink.take(&mut disk, b"9abc").unwrap_err());
    assert!(matches!(error, DiskError::Full { .. }), "{error}");
    assert_eq!(sink.count, 8, "what was torn is hashed again when it is continued");
}

#[test]
fn the_file_is_flushed_in_steps() {
    let mut sink = Sink::default();
    let half = vec![0; usize::try_from(FLUSH_BYTES / 2).unwrap()];
    assert!(!sink.take(&mut std::io::sink(), &half).unwrap());
    assert!(sink.take(&mut std::io::sink(), &half).unwrap());
    assert!(!sink.take(&mut std::io::sink(), &half).unwrap());
}
