//! Generated from `wit/` by `cargo xtask wit`; never edited by hand.
//!
//! `imports` and `wasi` hold what the host offers and every shared type; the
//! others hold one exported interface each. Calling an import on a machine that
//! is not the host is a programming error, so the modules of this crate go to
//! the fakes there.
#![allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(rustdoc::all)]

#[rustfmt::skip]
pub mod channel;
#[rustfmt::skip]
pub mod hook;
#[rustfmt::skip]
pub mod imports;
#[rustfmt::skip]
pub mod lifecycle;
#[rustfmt::skip]
pub mod migrate;
#[rustfmt::skip]
pub mod provider;
#[rustfmt::skip]
pub mod tool;
#[rustfmt::skip]
pub mod wasi;
