//! Where in an archive each file lies.
//!
//! Reads headers only, within limits. Refuses all but plain files with known names: no
//! links, no folders, no `..`, no second file of a name, no sizes beyond the archive's
//! own, no extensions, nothing behind its end. It unpacks nothing.

use super::{is_known, name_of};
use crate::disk::failed;
use crate::error::RegistryError;
use crate::fetch::{Answer, Fetch, FetchError, folder};
use crate::limits::{BUNDLE_BYTES, BUNDLE_FILES};
use async_trait::async_trait;
use skynet_policy::naming::plain_line;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use url::Url;

/// What tar counts in.
pub(super) const BLOCK: usize = 512;

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
        let (name, length) = header(&block)?;
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

/// Name and size of a plain file, from the older tar header.
fn header(block: &[u8; BLOCK]) -> Result<(String, u64), String> {
    let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
    let sum: u32 = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
    if octal(field(148, 156)) != Some(u64::from(sum)) {
        return Err("a header is damaged".into());
    }
    let name = field(0, 100).split(|byte| *byte == 0).next().unwrap_or_default();
    let shown = plain_line(&String::from_utf8_lossy(name), 120);
    if field(156, 157) != b"0" || field(157, 257).iter().any(|byte| *byte != 0) {
        return Err(format!("`{shown}` is not a plain file; links, folders and devices are not taken"));
    }
    if field(345, 500).iter().any(|byte| *byte != 0) || !is_known(&shown) || shown.as_bytes() != name {
        return Err(format!("`{shown}` is no file of a registry"));
    }
    let size = octal(field(124, 136)).ok_or_else(|| format!("the size of `{shown}` is malformed"))?;
    Ok((shown, size))
}

/// Octal digits, ended by a space or a zero byte.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = field.split(|byte| *byte == 0 || *byte == b' ').next().filter(|digits| !digits.is_empty())?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
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
