//! The files of a cell: a new root in memory, with the few trees that a script sees at their own places.
//!
//! Each tree is taken by its opened folder, gets its flags while nobody can reach it, and is then
//! put in its place, parents first. Owns the scratch folder in memory, which has a size and goes
//! with the cell. Refuses to leave anything of the old root behind.

use super::check::{Granted, Job};
use super::system::{DEVICES, Seen, System};
use super::{Part, Refusal, bare, failed, spaces};
use crate::limits::{CELL_ROOT_BYTES, SCRATCH_FILES};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen, move_mount, open_tree, unmount,
};
use rustix::process::{chdir, fchdir, pivot_root};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// Where the scratch folder is in a cell that has its own files.
pub(super) const SCRATCH: &str = "/scratch";

/// Links that shells and programs go by, where there is a `/proc`.
const STREAMS: [(&str, &str); 4] =
    [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")];

/// Something to be put in its place.
struct Piece {
    at: PathBuf,
    what: What,
}

enum What {
    Mount { tree: OwnedFd, folder: bool },
    Link(PathBuf),
}

/// Builds it and makes it this process's root. Says whether it has a `/proc`.
pub(super) fn root(job: &Job, system: &System) -> Result<bool, Refusal> {
    let mut pieces = pieces(job, system)?;
    let proc = spaces::processes_only();
    let has_proc = proc.is_some();
    if let Some(tree) = proc {
        pieces.push(Piece { at: "/proc".into(), what: What::Mount { tree, folder: true } });
        pieces.extend(STREAMS.iter().map(|(name, target)| Piece { at: Path::new("/dev").join(name), what: What::Link(target.into()) }));
    }
    let (bytes, files) = (job.limits.scratch.to_string(), SCRATCH_FILES.to_string());
    let tree = memory("0700", &bytes, &files).map_err(failed(Part::Scratch, "it cannot be made in memory"))?;
    pieces.push(Piece { at: SCRATCH.into(), what: What::Mount { tree, folder: true } });
    // A folder inside of another one is put into it, not under it.
    pieces.sort_by(|one, other| one.at.cmp(&other.at));
    let root = memory("0755", &CELL_ROOT_BYTES.to_string(), "1024").map_err(unbuilt("the root"))?;
    // Somewhere that is there for certain; what it covers is not needed any more.
    move_mount(&root, c"", &job.place, c"", whole()).map_err(unbuilt("the root's place"))?;
    for piece in &pieces {
        put(&root, piece).map_err(unbuilt(&piece.at.display().to_string()))?;
    }
    bare::set_mount_flags_here(&root, MountAttrFlags::MOUNT_ATTR_RDONLY).map_err(unbuilt("a root that nobody changes"))?;
    enter(&root).map_err(unbuilt("the change of roots"))?;
    Ok(has_proc)
}

fn unbuilt<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Refusal {
    move |error| Refusal::new(Part::Namespaces, format!("{what}, of its files, could not be made: {error}"))
}

fn whole() -> MoveMountFlags {
    MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH
}

fn pieces(job: &Job, system: &System) -> Result<Vec<Piece>, Refusal> {
    let closed = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let read = closed | MountAttrFlags::MOUNT_ATTR_RDONLY;
    let mut pieces = Vec::new();
    for seen in &system.seen {
        pieces.push(match seen {
            Seen::Link(at, target) => Piece { at: at.clone(), what: What::Link(target.clone()) },
            Seen::Tree(at) => mount(at, open(at).map_err(unbuilt(&at.display().to_string()))?, read)?,
        });
    }
    for device in DEVICES.iter().map(Path::new).filter(|path| path.exists()) {
        let opened = open(device).map_err(unbuilt("a device"))?;
        pieces.push(mount(device, opened, MountAttrFlags::MOUNT_ATTR_NOSUID)?);
    }
    for Granted { path, opened, writable } in job.roots.iter().chain(&job.plugin) {
        pieces.push(mount(path, opened, if *writable { closed } else { read })?);
    }
    Ok(pieces)
}

fn open(path: &Path) -> Result<OwnedFd, Errno> {
    openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

/// A copy of the tree at an opened place, with these flags all over it.
fn mount(at: &Path, opened: impl AsFd, flags: MountAttrFlags) -> Result<Piece, Refusal> {
    let copy =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH | OpenTreeFlags::AT_RECURSIVE;
    let name = at.display().to_string();
    let folder = rustix::fs::fstat(&opened).map_err(unbuilt(&name))?.st_mode & libc::S_IFMT == libc::S_IFDIR;
    let tree = open_tree(opened, c"", copy).map_err(unbuilt(&name))?;
    bare::set_mount_flags(&tree, flags).map_err(unbuilt(&name))?;
    Ok(Piece { at: at.to_owned(), what: What::Mount { tree, folder } })
}

fn memory(mode: &str, bytes: &str, files: &str) -> Result<OwnedFd, Errno> {
    let tmpfs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in [("mode", mode), ("size", bytes), ("nr_inodes", files)] {
        fsconfig_set_string(tmpfs.as_fd(), key, value)?;
    }
    fsconfig_create(tmpfs.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    fsmount(tmpfs.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)
}

fn put(root: &OwnedFd, piece: &Piece) -> Result<(), Errno> {
    let inside: PathBuf = piece.at.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let mut above = PathBuf::new();
    for part in inside.parent().into_iter().flat_map(Path::components) {
        above.push(part);
        made(mkdirat(root, &above, Mode::from_raw_mode(0o755)))?;
    }
    match &piece.what {
        What::Link(target) => made(symlinkat(target, root, &inside)),
        What::Mount { tree, folder } => {
            if *folder {
                made(mkdirat(root, &inside, Mode::from_raw_mode(0o755)))?;
            } else {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                made(openat(root, &inside, flags, Mode::from_raw_mode(0o444)).map(drop))?;
            }
            move_mount(tree, c"", root, &inside, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        }
    }
}

/// What is there already, in a tree that was put there before, is as good; a tree that is read
/// only says so before it says that the name is taken.
fn made(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}

fn enter(root: &OwnedFd) -> Result<(), Errno> {
    fchdir(root)?;
    // Both names are this folder: the old root comes to lie on the new one, and is taken off.
    pivot_root(c".", c".")?;
    unmount(c".", UnmountFlags::DETACH)?;
    chdir(c"/")
}
