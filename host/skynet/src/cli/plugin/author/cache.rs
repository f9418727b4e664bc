//! Where programs keep for this user what they can make or fetch again.

use std::path::PathBuf;

/// The folder of caches, if there is one. Only what is named from the root is taken: anything else
/// would be another folder in each project.
pub(super) fn folder() -> Option<PathBuf> {
    named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")))
}

/// A folder that a variable names from the root.
pub(super) fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}
