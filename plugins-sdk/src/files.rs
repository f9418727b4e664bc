//! The folders that the owner granted.
//!
//! The standard library reads and writes in them by path; what it cannot tell is
//! which there are. It refuses nothing itself: the host keeps every path inside.

use std::path::PathBuf;

/// One granted folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Its name in the owner's configuration.
    pub name: String,
    /// Where it is for `std::fs`.
    pub path: PathBuf,
}

/// The granted folders, by name.
pub fn roots() -> Vec<Root> {
    #[cfg(target_family = "wasm")]
    let mut roots: Vec<Root> = crate::bindings::wasi::wasi::filesystem::preopens::get_directories()
        .into_iter()
        .map(|(_, path)| Root { name: path.trim_start_matches('/').to_owned(), path: path.into() })
        .collect();
    #[cfg(not(target_family = "wasm"))]
    let mut roots: Vec<Root> =
        crate::testing::with(|world| world.roots.iter().map(|(name, path)| Root { name: name.clone(), path: path.clone() }).collect());
    roots.sort_by(|a, b| a.name.cmp(&b.name));
    roots
}
