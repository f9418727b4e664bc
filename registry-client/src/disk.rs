//! Folders that are not left, files that appear whole or not at all.
//!
//! Everything lies below one opened folder; links are refused on the whole way down, so
//! that nobody who may write there leads a reader or a writer elsewhere. A private
//! folder must be its owner's alone.

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a file that is being written is called until it is whole.
pub const UNFINISHED: &str = ".new-";

/// Why the disk did not do it.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// No space, or a quota.
    #[error("{path} could not be written: the disk is full{}. What was there before is as it was; make room and try again", room_said(*.needed, *.free))]
    Full {
        /// Where.
        path: String,
        /// Bytes that were still to be written; 0 where nobody counted.
        needed: u64,
        /// Bytes that are free there, where the system says.
        free: Option<u64>,
    },
    /// Others may write there.
    #[error("{path} is refused: {why}. Run `chmod -R go-rwx` on it as its owner, or choose another folder")]
    Open {
        /// Where.
        path: String,
        /// Who could.
        why: &'static str,
    },
    /// A link or a special file where a plain one must be.
    #[error("{path} is refused: it is {what}. Put the file itself there")]
    NotPlain {
        /// Where.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// Larger than any honest file of its kind.
    #[error("{path} has more than {max} bytes and is refused. Restore it from a backup")]
    TooLarge {
        /// Where.
        path: String,
        /// The limit.
        max: u64,
    },
    /// Anything else.
    #[error("{path}: {source}. Check the folder and its rights, and try again")]
    Io {
        /// Where.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// An opened folder.
#[derive(Debug, Clone)]
pub struct Folder {
    dir: Arc<Dir>,
    path: PathBuf,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Folder {
    /// Opens a folder that is there.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(|error| failed(path, error))?;
        Ok(Self { dir: Arc::new(dir), path: path.to_owned() })
    }

    /// Makes a folder that others may read, when it is not there.
    pub fn create(path: &Path) -> Result<Self, DiskError> {
        std::fs::create_dir_all(path).map_err(|error| failed(path, error))?;
        Self::open(path)
    }

    /// Opens or makes a folder of its owner's alone.
    pub fn private(path: &Path) -> Result<Self, DiskError> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| failed(path, error))?;
        let folder = Self::open(path)?;
        let meta = std::fs::symlink_metadata(path).map_err(|error| failed(path, error))?;
        let refused = |why| Err(DiskError::Open { path: path.display().to_string(), why });
        match meta {
            meta if !meta.is_dir() => Err(DiskError::NotPlain { path: path.display().to_string(), what: "a link" }),
            meta if meta.uid() != rustix::process::geteuid().as_raw() => refused("it belongs to somebody else"),
            meta if meta.mode() & 0o077 != 0 => refused("others may look into it"),
            _ => Ok(folder),
        }
    }

    /// Opens or makes a private folder in this one.
    pub fn private_below(&self, name: &str) -> Result<Self, DiskError> {
        self.check_plain(name)?;
        Self::private(&self.path.join(name))
    }

    /// Where it is, for messages and for programs that need a path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn shown(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Refuses `..`, absolute names, and links on the way to and at `name`.
    fn check_plain(&self, name: &str) -> Result<(), DiskError> {
        let refused = |what| Err(DiskError::NotPlain { path: self.shown(name).display().to_string(), what });
        let mut so_far = PathBuf::new();
        for part in Path::new(name).components() {
            let Component::Normal(part) = part else {
                return refused("a way out of its folder");
            };
            so_far.push(part);
            match self.dir.symlink_metadata(&so_far) {
                Ok(meta) if meta.is_symlink() => return refused("a link, or lies behind one"),
                Ok(meta) if !meta.is_dir() && !meta.is_file() => return refused("neither a file nor a folder"),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(failed(&self.shown(name), error)),
            }
        }
        Ok(())
    }

    /// Opens a file for reading; `None` when there is none.
    pub fn file(&self, name: &str) -> Result<Option<File>, DiskError> {
        self.check_plain(name)?;
        match self.dir.open(name) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&self.shown(name), error)),
        }
    }

    /// Reads a file whole; `None` when there is none.
    pub fn read(&self, name: &str, max: u64) -> Result<Option<Vec<u8>>, DiskError> {
        let Some(file) = self.file(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| failed(&self.shown(name), error))?;
        if u64::try_from(bytes.len()).is_ok_and(|size| size <= max) {
            return Ok(Some(bytes));
        }
        Err(DiskError::TooLarge { path: self.shown(name).display().to_string(), max })
    }

    /// Whether there is a file of this size.
    pub fn size(&self, name: &str) -> Result<Option<u64>, DiskError> {
        Ok(match self.file(name)? {
            Some(file) => Some(file.metadata().map_err(|error| failed(&self.shown(name), error))?.len()),
            None => None,
        })
    }

    /// Opens or makes a file to write at its end, private.
    pub fn append(&self, name: &str) -> Result<File, DiskError> {
        self.check_plain(name)?;
        let made = self.dir.open_with(name, OpenOptions::new().create(true).append(true).read(true));
        let file = made.map_err(|error| failed(&self.shown(name), error))?;
        self.set_mode(&file, name, 0o600)?;
        Ok(file)
    }

    fn set_mode(&self, file: &File, name: &str, mode: u32) -> Result<(), DiskError> {
        let mode = cap_std::fs::Permissions::from_std(std::fs::Permissions::from_mode(mode));
        file.set_permissions(mode).map_err(|error| failed(&self.shown(name), error))
    }

    /// Writes a file so that a crash leaves the old one or the new one.
    pub fn write(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
        self.check_plain(name)?;
        let fresh = format!("{UNFINISHED}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let unfinished = Path::new(name).with_file_name(&fresh).to_string_lossy().into_owned();
        if let Some(parent) = Path::new(name).parent().filter(|parent| !parent.as_os_str().is_empty()) {
            self.dir.create_dir_all(parent).map_err(|error| failed(&self.shown(name), error))?;
        }
        let written = self.write_new(&unfinished, bytes, mode).and_then(|()| self.rename(&unfinished, name));
        written.map_err(|error| {
            // Best effort: `sweep` takes what is left.
            let _ = self.dir.remove_file(&unfinished);
            error.needing(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
        })
    }

    fn write_new(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
        // What a dead process of the same number left there is nobody's.
        let _ = self.dir.remove_file(name);
        let wrong = |error| failed(&self.shown(name), error);
        let mut file = self.dir.open_with(name, OpenOptions::new().create_new(true).write(true)).map_err(wrong)?;
        self.set_mode(&file, name, mode)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(wrong)
    }

    /// Gives a whole file its name, and makes that durable.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.check_plain(to)?;
        self.dir.rename(from, &self.dir, to).map_err(|error| failed(&self.shown(to), error))?;
        let parent = Path::new(to).parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = self.dir.open(parent).and_then(|folder| folder.sync_all());
        folder.map_err(|error| failed(&self.shown(to), error))
    }

    /// Takes a file away; one that is not there is no error.
    pub fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.check_plain(name)?;
        match self.dir.remove_file(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&self.shown(name), error)),
            _ => Ok(()),
        }
    }

    /// Takes a folder away with all that is in it; one that is not there is no error.
    pub fn remove_all(&self, name: &str) -> Result<(), DiskError> {
        self.check_plain(name)?;
        match self.dir.remove_dir_all(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&self.shown(name), error)),
            _ => Ok(()),
        }
    }

    /// The names in a folder, `""` for this one, sorted.
    pub fn names(&self, name: &str) -> Result<Vec<String>, DiskError> {
        let wrong = |error| failed(&self.shown(name), error);
        self.check_plain(name)?;
        let entries = if name.is_empty() { self.dir.entries() } else { self.dir.read_dir(name) };
        let mut names = Vec::new();
        match entries {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(wrong(error)),
            Ok(entries) => {
                for entry in entries {
                    names.extend(entry.map_err(wrong)?.file_name().into_string());
                }
            }
        }
        names.sort();
        Ok(names)
    }

    /// Takes away what a killed process had not finished.
    pub fn sweep(&self, name: &str) -> Result<(), DiskError> {
        for left in self.names(name)?.iter().filter(|left| left.starts_with(UNFINISHED)) {
            self.remove(&Path::new(name).join(left).to_string_lossy())?;
        }
        Ok(())
    }
}

/// A failure of the system's, a full disk told apart.
pub fn failed(path: &Path, source: std::io::Error) -> DiskError {
    let path = path.display().to_string();
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DiskError::Full { free: free(Path::new(&path)), path, needed: 0 },
        _ => DiskError::Io { path, source },
    }
}

impl DiskError {
    /// The same; a full disk says how many bytes were still to be written.
    #[must_use]
    pub fn needing(mut self, bytes: u64) -> Self {
        if let Self::Full { needed, .. } = &mut self {
            *needed = bytes;
        }
        self
    }
}

/// That a disk is full, measured now.
pub(crate) fn full(path: &Path, needed: u64) -> DiskError {
    DiskError::Full { path: path.display().to_string(), needed, free: free(path) }
}

/// Bytes that anybody may still write where a file is or would be.
fn free(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

fn room_said(needed: u64, free: Option<u64>) -> String {
    match (needed, free) {
        (0, None) => String::new(),
        (0, Some(free)) => format!(", {free} bytes are free there"),
        (needed, None) => format!(", and {needed} bytes are needed"),
        (needed, Some(free)) => format!(", {free} bytes are free there, and {needed} are needed"),
    }
}

#[cfg(test)]
mod tests;
