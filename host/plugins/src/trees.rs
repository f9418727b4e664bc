//! Folders of script plugins: the drop folder in which they appear, and the host's own copies.
//!
//! A folder is read once into memory, without following links; from then on only those bytes count. They
//! are copied under their digest into a private folder, and that copy is what runs. Owns what belongs to
//! a folder: regular files, but for hidden ones and what editors and interpreters leave; and which copies
//! are still of use. Refuses links, devices and pipes, and copies that were changed.

use crate::blobs::private_folder;
use crate::folder_plugin::FolderPlugin;
use crate::inbox::Stamp;
use crate::inbox::folder::{ReadError, stamp};
use crate::limits;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use skynet_core::PluginId;
use skynet_policy::limits::{TREE_BYTES, TREE_DEPTH, TREE_FILES};
use skynet_policy::script::MANIFEST_FILE;
use skynet_policy::tree::{self, Files};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// How folders of scripts are named among the files of the inbox; no file has a `/` in its name.
pub(crate) const PREFIX: &str = "tools/";

/// Whether a receipt's source is a folder of scripts and no file.
pub fn is_script_folder(source: &str) -> bool {
    source.starts_with(PREFIX)
}

/// Where the host keeps its copies, within its private folder.
pub fn kept_in(private: &Path) -> PathBuf {
    private.join("scripts")
}

/// How a copy is named while it is written.
const NEW: &str = ".new-";

/// Both places.
#[derive(Debug, Clone)]
pub(crate) struct Trees {
    inbox: PathBuf,
    kept: PathBuf,
    /// Those that were met. As long as anything may run from one of them, somebody has it.
    met: Arc<Mutex<Vec<Weak<FolderPlugin>>>>,
}

/// One file of a folder, while it is walked.
enum Entry {
    File,
    Folder,
    Other(&'static str),
}

impl Trees {
    pub(crate) fn open(inbox: &Path, private: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(inbox)?;
        let kept = kept_in(private);
        private_folder(&kept)?;
        Ok(Self { inbox: inbox.to_owned(), kept, met: Arc::default() })
    }

    pub(crate) fn inbox(&self) -> &Path {
        &self.inbox
    }

    /// Names and stamps of folders that hold a manifest, as the inbox names them. Links are listed: they
    /// are refused by name when read.
    pub(crate) fn list(&self) -> io::Result<BTreeMap<String, Stamp>> {
        let mut listing = BTreeMap::new();
        for entry in Dir::open_ambient_dir(&self.inbox, ambient_authority())?.entries()? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Ok(meta) = entry.metadata() else { continue };
            if is_left_out(&name) || !(meta.is_dir() || meta.is_symlink()) {
                continue;
            }
            let seen = match meta.is_symlink() {
                true => Some(stamp(&meta)),
                false => match entry.open_dir() {
                    // One that cannot be walked is listed too: reading it says why.
                    Ok(folder) => folder.exists(MANIFEST_FILE).then(|| whole_stamp(&folder).unwrap_or_else(|_| stamp(&meta))),
                    // Gone meanwhile: the next scan says so.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                    Err(_) => Some(stamp(&meta)),
                },
            };
            listing.extend(seen.map(|seen| (format!("{PREFIX}{name}"), seen)));
            if listing.len() >= limits::INBOX_FILES {
                tracing::warn!(folder = %self.inbox.display(), "more than {} folders; the rest is not looked at", limits::INBOX_FILES);
                break;
            }
        }
        Ok(listing)
    }

    /// The files of one folder, which looks the same before and after.
    pub(crate) fn read(&self, name: &str) -> Result<Files, ReadError> {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        let inbox = Dir::open_ambient_dir(&self.inbox, ambient_authority())?;
        if !inbox.symlink_metadata(name)?.is_dir() {
            return Err(ReadError::NotPlain("a link"));
        }
        let folder = inbox.open_dir(name)?;
        let before = whole_stamp(&folder)?;
        let files = read_all(&folder)?;
        if whole_stamp(&folder)? != before {
            return Err(ReadError::Changed);
        }
        Ok(files)
    }

    /// Keeps these files; gives their digest. Doing it again does nothing.
    pub(crate) fn keep(&self, files: &Files) -> io::Result<String> {
        let digest = tree::digest(files);
        if self.kept(&digest).is_ok() {
            return Ok(digest);
        }
        let place = self.kept.join(&digest);
        let new = tempfile::Builder::new().prefix(NEW).tempdir_in(&self.kept)?;
        for (path, bytes) in files.iter().filter(|(path, _)| !tree::is_sidecar(path)) {
            let path = new.path().join(path);
            if let Some(folder) = path.parent() {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
            // One that is a program by itself may be started by the script.
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o500).open(&path)?;
            file.write_all(bytes)?;
            file.sync_all()?;
        }
        if place.exists() {
            // A copy that somebody changed.
            std::fs::remove_dir_all(&place)?;
        }
        std::fs::rename(new.path(), &place)?;
        std::fs::File::open(&self.kept)?.sync_all()?;
        Ok(digest)
    }

    /// Remembers a plugin, whose copy stays as long as anybody has it: what serves, waits, is called or is kept.
    pub(crate) fn meet(&self, folder: &Arc<FolderPlugin>) {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(folder));
    }

    /// Removes the copies that nothing runs from, but for those that are needed all the same; gives their number.
    /// For the one loop that also makes them.
    pub(crate) fn sweep(&self, needed: &BTreeSet<String>) -> io::Result<usize> {
        let mut used: BTreeSet<String> = BTreeSet::new();
        self.met.lock().unwrap_or_else(PoisonError::into_inner).retain(|met| {
            let folder = met.upgrade();
            used.extend(folder.as_ref().map(|folder| folder.tree.clone()));
            folder.is_some()
        });
        let mut removed = 0;
        for entry in std::fs::read_dir(&self.kept)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_copy = skynet_policy::digest::is_sha256_hex(&name) && !used.contains(&name) && !needed.contains(&name);
            // The others were left by a host that was ended in the middle.
            if is_copy || name.starts_with(NEW) {
                std::fs::remove_dir_all(entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The files of the copy under this digest, which are those that were kept.
    pub(crate) fn kept(&self, digest: &str) -> io::Result<Files> {
        if !skynet_policy::digest::is_sha256_hex(digest) {
            return Err(io::Error::other("not a digest"));
        }
        let folder = Dir::open_ambient_dir(self.kept.join(digest), ambient_authority())?;
        let files = read_all(&folder).map_err(io::Error::other)?;
        match tree::digest(&files) == digest {
            true => Ok(files),
            false => Err(io::Error::other(format!("the kept copy {digest} was changed; touch a file of the plugin's folder"))),
        }
    }
}

/// Hidden files, and what editors and interpreters leave behind: nobody wrote them for the plugin.
fn is_left_out(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || name == "__pycache__"
}

/// Walks a folder, shallow names first; `see` gets each path below it.
fn walk(folder: &Dir, see: &mut impl FnMut(&Dir, &str, &str, Entry) -> Result<(), ReadError>) -> Result<(), ReadError> {
    let mut waiting = vec![(String::new(), folder.try_clone()?)];
    // Folders may be empty and files be left out; neither may keep a scan busy.
    let mut budget = TREE_FILES.saturating_mul(4);
    while let Some((above, folder)) = waiting.pop() {
        for entry in folder.entries()? {
            let entry = entry?;
            budget = budget.checked_sub(1).ok_or(ReadError::TooMany { most: TREE_FILES })?;
            let name = entry.file_name().into_string().map_err(|_| ReadError::NotPlain("a file whose name is not UTF-8"))?;
            if is_left_out(&name) {
                continue;
            }
            let kind = entry.file_type()?;
            let path = format!("{above}{name}");
            let what = match () {
                () if kind.is_file() => Entry::File,
                () if kind.is_dir() => Entry::Folder,
                () if kind.is_symlink() => Entry::Other("a folder with a link in it"),
                () => Entry::Other("a folder with a device or pipe in it"),
            };
            if matches!(what, Entry::Folder) {
                if path.split('/').count() >= TREE_DEPTH {
                    return Err(ReadError::NotPlain("a folder with too many folders within folders"));
                }
                waiting.push((format!("{path}/"), entry.open_dir()?));
            }
            see(&folder, &name, &path, what)?;
        }
    }
    Ok(())
}

/// What a look at all of a folder tells, as if it were one file.
fn whole_stamp(folder: &Dir) -> Result<Stamp, ReadError> {
    let mut whole = stamp(&folder.dir_metadata()?);
    let mut parts = BTreeMap::new();
    walk(folder, &mut |folder, name, path, _| {
        let seen = stamp(&folder.symlink_metadata(name)?);
        parts.insert(path.to_owned(), (seen.size, seen.modified_ns, seen.changed_ns, seen.inode));
        whole.size = whole.size.saturating_add(seen.size);
        whole.modified_ns = whole.modified_ns.max(seen.modified_ns);
        whole.changed_ns = whole.changed_ns.max(seen.changed_ns);
        Ok(())
    })?;
    let mut hasher = DefaultHasher::new();
    (whole.inode, parts).hash(&mut hasher);
    whole.inode = hasher.finish();
    Ok(whole)
}

fn read_all(folder: &Dir) -> Result<Files, ReadError> {
    let (mut files, mut left) = (Files::new(), TREE_BYTES);
    walk(folder, &mut |folder, name, path, what| {
        match what {
            Entry::Other(what) => return Err(ReadError::NotPlain(what)),
            Entry::Folder => return Ok(()),
            Entry::File => {}
        }
        if files.len() >= TREE_FILES {
            return Err(ReadError::TooMany { most: TREE_FILES });
        }
        let mut options = OpenOptions::new();
        // Not blocking: a pipe put in the file's place must not hang the scan.
        options.read(true).custom_flags((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed());
        let file = folder.open_with(name, &options)?;
        if !file.metadata()?.is_file() {
            return Err(ReadError::Changed);
        }
        let mut bytes = Vec::new();
        file.take(left.saturating_add(1)).read_to_end(&mut bytes)?;
        left = left.checked_sub(bytes.len() as u64).ok_or(ReadError::TooHeavy { cap: TREE_BYTES })?;
        files.insert(path.to_owned(), bytes);
        Ok(())
    })?;
    Ok(files)
}

/// The files of any folder of a script plugin, for who signs it or looks at it. The error is a sentence.
pub fn read_folder(path: &Path) -> Result<Files, String> {
    let read = || read_all(&Dir::open_ambient_dir(path, ambient_authority())?);
    let files = read().map_err(|error| error.to_string())?;
    match tree::faults(&files).first() {
        Some(fault) => Err(fault.clone()),
        None => Ok(files),
    }
}

/// The plugin that a folder of this name is when nobody signed it. The error is a sentence.
pub fn plugin_of(name: &str) -> Result<PluginId, String> {
    crate::folder_plugin::id_of(name)
}

#[cfg(test)]
mod tests;
