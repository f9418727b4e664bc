//! The mode of a file that takes the place of another: that of the one it replaces.

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt};
use std::fs::File;
use std::io;

/// Permission bits: no setuid, setgid or sticky bit is handed on.
const BITS: u32 = 0o777;

fn plain(folder: &Dir, path: &str) -> Option<u32> {
    let meta = folder.symlink_metadata(path).ok()?;
    meta.is_file().then(|| meta.permissions().mode())
}

/// Gives the file at `path` the mode of the one at `new`, where both are plain files. Before the rename, so that
/// there is no moment in which the new file stands in the old one's place and is open to more people.
///
/// Fails only if the file would be open to somebody who could not open the old one. What is
/// not found, and what the rename itself refuses, is for the rename to say.
pub(super) fn keep(from: &File, path: &str, to: &File, new: &str) -> io::Result<()> {
    let (from, to) = (Dir::from_std_file(from.try_clone()?), Dir::from_std_file(to.try_clone()?));
    let (Some(has), Some(wants)) = (plain(&from, path), plain(&to, new).map(|mode| mode & BITS)) else { return Ok(()) };
    if has == wants {
        return Ok(());
    }
    match set(&from, path, wants) {
        Err(error) if has & BITS & !wants != 0 => Err(error),
        _ => Ok(()),
    }
}

fn set(folder: &Dir, path: &str, mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // Neither a link nor a pipe that was put there meanwhile.
    options.read(true).custom_flags((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed());
    folder.open_with(path, &options)?.set_permissions(Permissions::from_mode(mode))
}
