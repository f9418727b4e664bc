//! Registries of signed plugins: authored, verified, mirrored, installed from.
//!
//! A registry is a folder of static files. Its lists are TUF metadata, checked with
//! `tough`; what a plugin is, its publisher's own signature says. Owns the layout, the
//! trust in registries, the lockfile, the content store and offline bundles. Refuses to
//! dial (a `Fetch` is plugged in), to grant anything, and to run what it fetched.

pub mod agents;
pub mod audit;
pub mod author;
pub mod bundle;
pub mod courier;
pub mod disk;
pub mod error;
pub mod fetch;
pub mod home;
pub mod limits;
pub mod lock;
pub mod memory;
pub mod mirror;
#[cfg(feature = "oci")]
pub mod oci;
pub mod offer;
pub mod places;
pub mod plan;
pub mod progress;
pub mod receive;
pub mod serve;
pub mod shelf;
mod transport;
pub mod visit;

pub use error::RegistryError;
pub use fetch::{Fetch, FolderFetch};
pub use home::Home;
