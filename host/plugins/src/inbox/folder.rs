//! Reading the drop folder: listings, and one file at a time into memory.
//!
//! A file is opened once, without following links, and looked at before and after
//! reading: from then on only the bytes in memory count.

use super::{Stamp, is_plugin_name};
use crate::limits;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Why a file could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It changed while being read; look again later.
    #[error("it changed while it was read")]
    Changed,
    /// It is not a plain file.
    #[error("it is {0}, not a plain file; copy the file itself into the folder")]
    NotPlain(&'static str),
    /// Nothing that is said of it could name it.
    #[error("its name is not UTF-8, and is shown with a mark for each such byte; rename it")]
    NotText,
    /// It is over the cap.
    #[error("it has {size} bytes and plugins.max_component_bytes allows {cap}; build it smaller, or raise it in skynet.toml")]
    TooLarge { size: u64, cap: u64 },
    /// A folder with more files than anyone reads.
    #[error("it holds too many files; a script plugin may have {most}")]
    TooMany { most: usize },
    /// A folder whose files are too large together.
    #[error("its files have more than {cap} bytes together, the limit of a script plugin")]
    TooHeavy { cap: u64 },
    /// The system said no.
    #[error("it could not be read: {0}")]
    Io(#[from] std::io::Error),
}

/// The drop folder, by path: reopened for each scan, so that a replaced folder is
/// seen and not a dead handle.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

pub(crate) fn stamp(meta: &Metadata) -> Stamp {
    Stamp {
        size: meta.len(),
        modified_ns: i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec()),
        changed_ns: i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec()),
        inode: meta.ino(),
    }
}

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn open(&self) -> std::io::Result<Dir> {
        Dir::open_ambient_dir(&self.path, ambient_authority())
    }

    /// Names and stamps of what looks like a plugin file. Links are listed: they
    /// are refused by name when read.
    pub(crate) fn list(&self) -> std::io::Result<BTreeMap<String, Stamp>> {
        let mut listing = BTreeMap::new();
        for entry in self.open()?.entries()? {
            let entry = entry?;
            // One that is not UTF-8 is listed nearly by name, so that reading can refuse it.
            let name = entry.file_name().to_string_lossy().into_owned();
            if !is_plugin_name(&name) {
                continue;
            }
            // Gone between the two calls: the next scan says so.
            let Ok(meta) = entry.metadata() else { continue };
            listing.insert(name, stamp(&meta));
            if listing.len() >= limits::INBOX_FILES {
                tracing::warn!(folder = %self.path.display(), "more than {} plugin files; the rest is not looked at", limits::INBOX_FILES);
                break;
            }
        }
        Ok(listing)
    }

    /// The bytes of one file.
    pub(crate) fn read(&self, name: &str, cap: u64) -> Result<Vec<u8>, ReadError> {
        let folder = self.open()?;
        let kind = match folder.symlink_metadata(name) {
            Ok(meta) => meta.file_type(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && name.contains(char::REPLACEMENT_CHARACTER) => {
                return Err(ReadError::NotText);
            }
            Err(error) => return Err(error.into()),
        };
        if kind.is_symlink() {
            return Err(ReadError::NotPlain("a link"));
        }
        if !kind.is_file() {
            return Err(ReadError::NotPlain(if kind.is_dir() { "a folder" } else { "a device or pipe" }));
        }
        let mut options = OpenOptions::new();
        // Not blocking: a pipe put in the file's place must not hang the scan.
        options.read(true).custom_flags((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed());
        let mut file: File = folder.open_with(name, &options)?;
        let before = file.metadata()?;
        if !before.is_file() {
            return Err(ReadError::Changed);
        }
        if before.len() > cap {
            return Err(ReadError::TooLarge { size: before.len(), cap });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or(0));
        (&mut file).take(cap.saturating_add(1)).read_to_end(&mut bytes)?;
        let after = file.metadata()?;
        if stamp(&before) != stamp(&after) || bytes.len() as u64 != after.len() {
            return Err(ReadError::Changed);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::new(temp.path());
        (temp, folder)
    }

    #[test]
    fn a_plain_file_is_read_whole() {
        let (temp, folder) = folder();
        std::fs::write(temp.path().join("a.wasm"), b"bytes").unwrap();
        std::fs::write(temp.path().join("b.txt"), b"no").unwrap();
        assert_eq!(folder.list().unwrap().keys().collect::<Vec<_>>(), ["a.wasm"]);
        assert_eq!(folder.read("a.wasm", 10).unwrap(), b"bytes");
    }

    #[test]
    fn links_pipes_folders_and_large_files_are_refused_with_the_reason() {
        let (temp, folder) = folder();
        let at = |name: &str| temp.path().join(name);
        std::fs::write(at("real"), b"bytes").unwrap();
        std::os::unix::fs::symlink(at("real"), at("link.wasm")).unwrap();
        std::fs::create_dir(at("dir.wasm")).unwrap();
        std::fs::write(at("big.wasm"), vec![0; 100]).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe.wasm"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let refusal = |name: &str| folder.read(name, 99).unwrap_err().to_string();
        assert!(refusal("link.wasm").contains("a link"), "{}", refusal("link.wasm"));
        assert!(refusal("dir.wasm").contains("a folder"));
        assert!(refusal("pipe.wasm").contains("pipe"));
        assert!(refusal("big.wasm").contains("100 bytes"));
        assert!(refusal("none.wasm").contains("could not be read"));
    }

    #[test]
    fn a_file_whose_name_is_not_utf8_is_listed_and_refused_with_the_reason() {
        use std::os::unix::ffi::OsStrExt;
        let (temp, folder) = folder();
        let made = std::fs::write(temp.path().join(std::ffi::OsStr::from_bytes(b"a\xff.wasm")), b"bytes");
        // Some file systems have no such names.
        if made.is_err() {
            return;
        }
        let listed = folder.list().unwrap();
        assert_eq!(listed.keys().collect::<Vec<_>>(), ["a\u{fffd}.wasm"]);
        assert!(folder.read("a\u{fffd}.wasm", 10).unwrap_err().to_string().contains("not UTF-8"));
    }

    #[test]
    fn a_folder_that_was_replaced_is_read_anew() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("plugins");
        std::fs::create_dir(&path).unwrap();
        let folder = Folder::new(&path);
        assert!(folder.list().unwrap().is_empty());
        std::fs::rename(&path, temp.path().join("old")).unwrap();
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("a.wasm"), b"x").unwrap();
        assert_eq!(folder.list().unwrap().len(), 1);
    }
}
