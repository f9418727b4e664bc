//! An archive is written: whole under its name, or not there.

use super::{beside, name_of};
use crate::disk::{DiskError, failed};
use crate::error::RegistryError;
use crate::mirror::Sink;
use skynet_policy::registry::archive::{BLOCK, is_known, write_header};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// One that grows.
pub(super) struct Archive {
    file: NamedTempFile,
    path: PathBuf,
    names: BTreeSet<String>,
}

impl Archive {
    pub(super) fn create(path: &Path) -> Result<Self, DiskError> {
        let file =
            tempfile::Builder::new().prefix(crate::disk::UNFINISHED).tempfile_in(beside(path)).map_err(|error| failed(path, error))?;
        Ok(Self { file, path: path.to_owned(), names: BTreeSet::new() })
    }

    /// Two blocks of zeros end it; then it gets its name.
    pub(super) fn finish(mut self) -> Result<(), DiskError> {
        let wrong = |error| failed(&self.path, error);
        self.file.write_all(&[0; 2 * BLOCK]).map_err(wrong)?;
        self.file.as_file().sync_all().map_err(wrong)?;
        self.file.persist(&self.path).map_err(|error| failed(&self.path, error.error))?;
        Ok(())
    }
}

impl Sink for Archive {
    fn get(&mut self, _: &str, _: u64, _: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        Ok(None)
    }

    fn has(&mut self, path: &str, _: u64, _: &str) -> Result<bool, RegistryError> {
        Ok(self.names.contains(name_of(path)))
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let name = name_of(path);
        if !is_known(name) {
            return Err(RegistryError::refused(path, "a bundle has no place for it", "Tell whoever made this program"));
        }
        if !self.names.insert(name.to_owned()) {
            return Ok(());
        }
        let padding = bytes.len().next_multiple_of(BLOCK) - bytes.len();
        let padding = [0; BLOCK].get(..padding).unwrap_or_default().to_vec();
        for part in [write_header(name, size(bytes)).as_slice(), bytes, &padding] {
            self.file.write_all(part).map_err(|error| failed(&self.path, error))?;
        }
        Ok(())
    }
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
