//! A component comes in: counted, hashed while it is written, kept apart until it is whole.
//!
//! What broke off is continued where it ended, also by a later process: what lies there
//! is hashed again first, for nobody vouches for it. Refuses one byte more than the
//! release says, and any other digest.

use crate::courier::{Courier, CourierError, Stream};
use crate::disk::{DiskError, Folder, failed, full};
use crate::error::RegistryError;
use crate::home::named;
use crate::limits::{ATTEMPTS, BLOB_TIMEOUT, FLUSH_BYTES};
use crate::progress::Progress;
use async_trait::async_trait;
use cap_std::fs::File;
use sha2::{Digest, Sha256};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// What is to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// For people.
    pub(crate) what: &'a str,
    /// Hex.
    pub(crate) sha256: &'a str,
    /// Bytes.
    pub(crate) size: u64,
    /// Whose word digest and size are, such as `its publisher signed`.
    pub(crate) said: &'static str,
}

/// Where a blob comes from, by its digest.
#[async_trait]
pub(crate) trait Source: Sync {
    /// Begins at a byte, or at the start where the server knows no ranges.
    async fn open(&self, sha256: &str, from: u64) -> Result<Stream, CourierError>;
}

#[async_trait]
impl Source for Courier {
    async fn open(&self, sha256: &str, from: u64) -> Result<Stream, CourierError> {
        Self::open(self, &blob(sha256), from, BLOB_TIMEOUT).await
    }
}

/// The name of a component that is not whole yet.
pub(crate) fn part(sha256: &str) -> String {
    format!("{sha256}.part")
}

/// Where a registry keeps a component.
pub(crate) fn blob(sha256: &str) -> String {
    format!("blobs/sha256/{}/{sha256}", sha256.get(..2).unwrap_or_default())
}

/// Fetches a component into quarantine and gives back its bytes.
pub(crate) async fn receive(
    source: &dyn Source,
    quarantine: &Folder,
    expected: Expected<'_>,
    progress: &dyn Progress,
) -> Result<Vec<u8>, RegistryError> {
    let name = part(expected.sha256);
    let path = quarantine.path().join(&name);
    let mut unfinished = Unfinished::open(quarantine, &name, expected)?;
    let continued = unfinished.sink.count > 0;
    progress.begin(expected.what, expected.size, unfinished.sink.count);
    let mut came = unfinished.fill(source, expected, progress, &path).await;
    if continued && matches!(came, Err(RegistryError::Refused { .. })) {
        // What an earlier try left may be what is wrong; once more from the start.
        unfinished.restart(&path)?;
        came = unfinished.fill(source, expected, progress, &path).await;
    }
    progress.end();
    if matches!(came, Err(RegistryError::Refused { .. })) {
        drop(unfinished);
        quarantine.remove(&name)?;
        return Err(came.err().unwrap_or_else(|| RegistryError::missing(expected.what, "Try again")));
    }
    if matches!(came, Err(RegistryError::Disk(DiskError::Full { .. }))) {
        // A full disk is others' trouble too: half a file that may never be continued makes room.
        drop(unfinished);
        quarantine.remove(&name)?;
        return Err(full(&path, expected.size).into());
    }
    came?;
    unfinished.bytes(expected, &path)
}

/// A file that grows, with the digest of what is in it.
struct Unfinished {
    file: File,
    sink: Sink,
}

/// Counts and hashes what is written through it.
#[derive(Default)]
struct Sink {
    hash: Sha256,
    count: u64,
    unflushed: u64,
}

impl Sink {
    /// Writes to `out` first, so that the digest never runs ahead of the file.
    fn take(&mut self, out: &mut impl Write, piece: &[u8]) -> std::io::Result<bool> {
        out.write_all(piece)?;
        self.hash.update(piece);
        let size = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.count = self.count.saturating_add(size);
        self.unflushed = self.unflushed.saturating_add(size);
        let due = self.unflushed >= FLUSH_BYTES;
        if due {
            self.unflushed = 0;
        }
        Ok(due)
    }
}

impl Unfinished {
    /// Opens what an earlier try left, and hashes it.
    fn open(quarantine: &Folder, name: &str, expected: Expected<'_>) -> Result<Self, RegistryError> {
        let path = quarantine.path().join(name);
        let mut found = Self { file: quarantine.append(name)?, sink: Sink::default() };
        let there = found.file.metadata().map_err(|error| failed(&path, error))?.len();
        if there > expected.size {
            found.restart(&path)?;
            return Ok(found);
        }
        let mut piece = vec![0; 64 * 1024];
        found.file.seek(SeekFrom::Start(0)).map_err(|error| failed(&path, error))?;
        loop {
            let count = found.file.read(&mut piece).map_err(|error| failed(&path, error))?;
            let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else {
                return Ok(found);
            };
            found.sink.take(&mut std::io::sink(), read).map_err(|error| failed(&path, error))?;
        }
    }

    fn restart(&mut self, path: &Path) -> Result<(), DiskError> {
        self.sink = Sink::default();
        self.file.set_len(0).map_err(|error| failed(path, error))
    }

    /// Fetches what is missing, and again when it breaks off after it came on a bit.
    async fn fill(
        &mut self,
        source: &dyn Source,
        expected: Expected<'_>,
        progress: &dyn Progress,
        path: &Path,
    ) -> Result<(), RegistryError> {
        let mut last = CourierError::Broken("nothing came".into());
        for _ in 0..ATTEMPTS {
            let before = self.sink.count;
            if before < expected.size || expected.size == 0 {
                match source.open(expected.sha256, before).await {
                    Ok(stream) => match self.drain(stream, expected, progress, path).await? {
                        None => {}
                        Some(error) => last = error,
                    },
                    Err(error) => last = error,
                }
            }
            if self.sink.count == expected.size {
                return self.check(expected, path);
            }
            if self.sink.count <= before || !matches!(last, CourierError::Broken(_)) {
                break;
            }
        }
        Err(named(expected.what, last))
    }

    /// Writes a stream down. `Some`: it broke off, and what came is kept.
    async fn drain(
        &mut self,
        mut stream: Stream,
        expected: Expected<'_>,
        progress: &dyn Progress,
        path: &Path,
    ) -> Result<Option<CourierError>, RegistryError> {
        if stream.start != self.sink.count {
            self.restart(path)?;
        }
        loop {
            let piece = match stream.next().await {
                Ok(Some(piece)) => piece,
                Ok(None) if self.sink.count < expected.size => {
                    let short = format!("it ended after {} of {} bytes", self.sink.count, expected.size);
                    return Ok(Some(CourierError::Broken(short)));
                }
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some(error)),
            };
            let size = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            if self.sink.count.saturating_add(size) > expected.size {
                let why = format!("more than the {} bytes came that {}", expected.size, expected.said);
                return Err(RegistryError::refused(expected.what, why, "Use another mirror, and tell the registry's keeper"));
            }
            if self.sink.take(&mut self.file, &piece).map_err(|error| failed(path, error))? {
                self.file.sync_data().map_err(|error| failed(path, error))?;
            }
            progress.advance(size);
        }
    }

    fn check(&mut self, expected: Expected<'_>, path: &Path) -> Result<(), RegistryError> {
        let found = hex::encode(self.sink.hash.clone().finalize());
        if found != expected.sha256 {
            let why = format!("its sha256 is {found}, and {} {}", expected.said, expected.sha256);
            return Err(RegistryError::refused(expected.what, why, "Use another mirror, and tell the registry's keeper"));
        }
        Ok(self.file.sync_all().map_err(|error| failed(path, error))?)
    }

    /// The bytes, which the caller hashes again when it puts the file together.
    fn bytes(mut self, expected: Expected<'_>, path: &Path) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0)).map_err(|error| failed(path, error))?;
        self.file.take(expected.size).read_to_end(&mut bytes).map_err(|error| failed(path, error))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
