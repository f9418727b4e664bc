//! The border to WIT: generated types and their conversions to `skynet-core`.
//!
//! Nothing outside this folder names a generated type except the import
//! implementations, which implement the generated traits. One file per API track.

pub(crate) mod from_guest;
pub(crate) mod to_guest;
pub(crate) mod v0;
