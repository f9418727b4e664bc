//! Where in an archive each file lies.
//!
//! Reads headers only, within limits. Refuses all but plain files with known names: no
//! links, no folders, no `..`, no second file of a name, no sizes beyond the archive's
//! own, no extensions, nothing behind its end. It unpacks nothing.

use super::name_of;
use crate::disk::failed;
use crate::error::RegistryError;
use crate::fetch::{Answer, Fetch, FetchError, folder};
use crate::limits::{BUNDLE_BYTES, BUNDLE_FILES};
use async_trait::async_trait;
use skynet_policy::registry::archive::{BLOCK, read_header};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use url::Url;

/// A bundle that was looked through.
#[derive(Debug, Clone)]
pub struct BundleFetch {
    path: PathBuf,
    table: BTreeMap<String, (u64, u64)>,
}

impl BundleFetch {
    /// Opens a bundle.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let mut file = File::open(path).map_err(|error| failed(path, error))?;
        let size = file.metadata().map_err(|error| failed(path, error))?.len();
        let refused =
            |why: String| RegistryError::refused(format!("the bundle {}", path.display()), why, "Get it again from whoever made it");
        Ok(Self { table: table(&mut file, size).map_err(refused)?, path: path.to_owned() })
    }

    /// Digests of the documents in it, as its table says; bytes are checked when they are read.
    pub(super) fn documents(&self) -> BTreeSet<String> {
        self.table.keys().filter_map(|name| name.strip_prefix("targets/")).map(ToOwned::to_owned).collect()
    }
}

/// Names with offset and size; generic, so that it can be fed with anything.
pub(super) fn table(archive: &mut (impl Read + Seek), size: u64) -> Result<BTreeMap<String, (u64, u64)>, String> {
    if size > BUNDLE_BYTES {
        return Err(format!("it has {size} bytes; at most {BUNDLE_BYTES} are read"));
    }
    let mut table = BTreeMap::new();
    let mut at = 0;
    loop {
        archive.seek(SeekFrom::Start(at)).map_err(|error| error.to_string())?;
        let mut block = [0; BLOCK];
        archive.read_exact(&mut block).map_err(|_| "it ends in the middle".to_owned())?;
        at += block_size();
        if block.iter().all(|byte| *byte == 0) {
            return end(archive, at, size).map(|()| table);
        }
        let (name, length) = read_header(&block)?;
        let padded = length.checked_next_multiple_of(block_size()).and_then(|padded| at.checked_add(padded));
        let next = padded.filter(|next| *next <= size).ok_or_else(|| format!("`{name}` is said to be larger than the bundle"))?;
        if table.len() >= BUNDLE_FILES {
            return Err(format!("it has more than {BUNDLE_FILES} files"));
        }
        if table.insert(name.clone(), (at, length)).is_some() {
            return Err(format!("it has `{name}` twice"));
        }
        at = next;
    }
}

fn block_size() -> u64 {
    u64::try_from(BLOCK).unwrap_or(512)
}

/// One more block of zeros, and then nothing.
fn end(archive: &mut impl Read, at: u64, size: u64) -> Result<(), String> {
    let mut block = [0; BLOCK];
    archive.read_exact(&mut block).map_err(|_| "it ends in the middle".to_owned())?;
    if block.iter().any(|byte| *byte != 0) || at + block_size() != size {
        return Err("something follows its end".into());
    }
    Ok(())
}

#[async_trait]
impl Fetch for BundleFetch {
    async fn get(&self, url: &Url, from: u64) -> Result<Answer, FetchError> {
        let Some((offset, size)) = self.table.get(name_of(url.path().trim_start_matches('/'))) else {
            return Ok(folder::empty(404));
        };
        let Some(length) = size.checked_sub(from) else {
            return Ok(folder::empty(416));
        };
        let wrong = |error: std::io::Error| FetchError(error.to_string());
        let mut file = File::open(&self.path).map_err(wrong)?;
        file.seek(SeekFrom::Start(offset + from)).map_err(wrong)?;
        Ok(folder::whole(file, from, length))
    }
}

#[cfg(test)]
mod tests;
