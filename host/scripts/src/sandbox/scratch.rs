//! The scratch folder of a cell without its own files: on disk, private, gone with the cell.
//!
//! Owns its name, its making and its removal, which comes when nothing of the script is alive.
//! Refuses to go by a name that may have been given to another folder, and never follows a link
//! that a script left.

use super::{Part, Refusal, failed};
use rustix::fs::{Mode, OFlags, openat};
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// A private folder.
pub(super) struct Scratch {
    path: PathBuf,
    /// The way to it by the opened parent, which leads to that very one whatever its name is by now.
    held: PathBuf,
    opened: OwnedFd,
}

impl Scratch {
    /// Makes one in this folder, of which the path is for the script and the opened one for the work.
    pub(super) fn make(path: &Path, parent: &OwnedFd) -> Result<Self, Refusal> {
        // One cell is one process, so its number is free as soon as an older folder of that name is gone.
        let name = format!("script-{}", std::process::id());
        let held = Path::new("/proc/self/fd").join(parent.as_raw_fd().to_string()).join(&name);
        if held.symlink_metadata().is_ok() {
            remove(&held).map_err(failed(Part::Scratch, "an older one of that name"))?;
        }
        DirBuilder::new().mode(0o700).create(&held).map_err(failed(Part::Scratch, "it cannot be made"))?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(parent, &name, flags, Mode::empty()).map_err(failed(Part::Scratch, "it cannot be opened"))?;
        Ok(Self { path: path.join(name), held, opened })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder itself.
    pub(super) fn opened(&self) -> &OwnedFd {
        &self.opened
    }

    /// Removes it. For when nobody who could change it is alive.
    pub(super) fn remove(self) -> io::Result<()> {
        remove(&self.held)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    if fs::remove_dir_all(path).is_ok() {
        return Ok(());
    }
    // A script may have closed folders of its own, even to itself.
    open_up(path)?;
    fs::remove_dir_all(path)
}

fn open_up(folder: &Path) -> io::Result<()> {
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_folder_and_a_link_outward_are_removed_and_what_is_outside_stays() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("outside"), "kept").unwrap();
        let parent = rustix::fs::open(folder.path(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let scratch = Scratch::make(folder.path(), &parent).unwrap();
        assert_eq!(fs::metadata(scratch.path()).unwrap().permissions().mode() & 0o777, 0o700);
        fs::create_dir_all(scratch.path().join("a/b")).unwrap();
        std::os::unix::fs::symlink(folder.path(), scratch.path().join("a/b/link")).unwrap();
        fs::set_permissions(scratch.path().join("a"), Permissions::from_mode(0o0)).unwrap();
        let path = scratch.path().to_owned();
        scratch.remove().unwrap();
        assert!(!path.exists());
        assert_eq!(fs::read_to_string(folder.path().join("outside")).unwrap(), "kept");
    }
}
