//! WASI's file functions that name a path, with one thing added: what the granted folders
//! do not allow is a denial for the owner and a row in the audit log.
//!
//! Whether something is allowed is decided beneath, by the folder's own rights and by the
//! rule that no path leaves it. Refuses nothing itself, and allows nothing.

mod mode;

use super::door::{Act, Shut};
use crate::store::CallState;
use wasmtime::component::{Linker, LinkerInstance, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView as _};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, ErrorCode, HostDescriptor as _, NewTimestamp, OpenFlags, PathFlags,
};

/// The interface as `wasmtime-wasi` links it; a test fails when that moves on.
const INTERFACE: &str = "wasi:filesystem/types@0.2.12";

/// What the system tells apart no further.
const WHY: &str = "it was not granted this in the folders it has, or the path leaves them";

/// A grant alone does not help, and for a path that leaves the folder nothing does.
const REMEDY: &str = "A path that leaves its folder, also by a link, cannot be allowed. To write there, its grant must say so \
    (`skynet plugin grants`), the root must be `writable` in skynet.toml, no root that it may only read may lie inside of it, \
    and [ceiling] there must not keep it back";

type Folder = Resource<Descriptor>;
type Answer<T> = wasmtime::Result<(Result<T, ErrorCode>,)>;

/// Puts these functions in the place of those that are linked.
pub(super) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(INTERFACE)?;
    opening(&mut types)?;
    looking(&mut types)?;
    making(&mut types)?;
    removing(&mut types)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Passes an answer on; a refusal is told before.
async fn told<T>(state: &mut CallState, action: &'static str, path: &str, answer: FsResult<T>) -> Answer<T> {
    let code = match answer {
        Ok(value) => return Ok((Ok(value),)),
        Err(error) => error.downcast()?,
    };
    // What the system itself refuses, a file of somebody else's, is `Access` or `ReadOnly`.
    if code == ErrorCode::NotPermitted {
        let path = state.clean(path);
        state.refuse(&Act::new("fs", action, &path), Shut::with(WHY, REMEDY)).await;
    }
    Ok((Err(code),))
}

macro_rules! watch {
    ($types:ident, $name:literal, $action:literal, $method:ident($($value:ident: $kind:ty),*), $path:ident -> $gives:ty) => {
        $types.func_wrap_async(
            concat!("[method]descriptor.", $name),
            |mut store, (folder, $($value,)*): (Folder, $($kind,)*)| {
                Box::new(async move {
                    let state: &mut CallState = store.data_mut();
                    let path = $path.clone();
                    let answer: FsResult<$gives> = state.filesystem().$method(folder, $($value),*).await;
                    told(state, $action, &path, answer).await
                })
            },
        )
    };
}

fn opening(types: &mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()> {
    watch!(types, "open-at", "open", open_at(follow: PathFlags, path: String, open: OpenFlags, flags: DescriptorFlags), path -> Folder)
}

fn looking(types: &mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()> {
    watch!(types, "stat-at", "look-at", stat_at(follow: PathFlags, path: String), path -> DescriptorStat)?;
    watch!(types, "readlink-at", "read-link", readlink_at(path: String), path -> String)?;
    watch!(types, "set-times-at", "set-times", set_times_at(follow: PathFlags, path: String, read: NewTimestamp, written: NewTimestamp), path -> ())
}

fn making(types: &mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()> {
    watch!(types, "create-directory-at", "create-folder", create_directory_at(path: String), path -> ())?;
    watch!(types, "symlink-at", "symlink", symlink_at(target: String, path: String), path -> ())?;
    watch!(types, "link-at", "link", link_at(follow: PathFlags, path: String, other: Folder, new: String), path -> ())?;
    types.func_wrap_async("[method]descriptor.rename-at", |mut store, (folder, path, other, new): (Folder, String, Folder, String)| {
        Box::new(async move {
            let state: &mut CallState = store.data_mut();
            let answer = rename(state, folder, path.clone(), other, new).await;
            told(state, "rename", &path, answer).await
        })
    })
}

/// A guest can neither see nor set a file's mode, so the host carries it over: a file that is put in
/// the place of another is as private, and as executable, as that was.
async fn rename(state: &mut CallState, folder: Folder, path: String, other: Folder, new: String) -> FsResult<()> {
    let mut files = state.filesystem();
    if let (Descriptor::Dir(from), Descriptor::Dir(to)) = (files.table.get(&folder)?, files.table.get(&other)?)
        && !from.perms.write_not_permitted()
        && from.perms == to.perms
    {
        let (from, to, path, new) = (from.dir.clone(), to.dir.clone(), path.clone(), new.clone());
        let kept = tokio::task::spawn_blocking(move || mode::keep(&from, &path, &to, &new)).await;
        kept.unwrap_or_else(|failed| Err(std::io::Error::other(failed))).map_err(|_| ErrorCode::Access)?;
    }
    files.rename_at(folder, path, other, new).await
}

fn removing(types: &mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()> {
    watch!(types, "remove-directory-at", "remove-folder", remove_directory_at(path: String), path -> ())?;
    watch!(types, "unlink-file-at", "remove", unlink_file_at(path: String), path -> ())
}
