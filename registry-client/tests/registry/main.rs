//! A registry between its keeper, its clients, and servers that lie.
//!
//! Everything happens in scratch folders and on loopback. Dates are those of the
//! machine, because `tough` asks it; expired lists are made by signing in the past.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod author;
mod bundle;
mod crash;
mod download;
mod install;
mod loopback;
#[cfg(feature = "oci")]
mod oci;
#[cfg(feature = "peers")]
mod reference;
mod rotation;
mod submission;
mod traps;
mod world;
