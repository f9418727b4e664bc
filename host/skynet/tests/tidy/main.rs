//! The invariants of ARCHITECTURE.md as tests.
//!
//! Reads the checkout and nothing else, with plain std, so that `.ci/tidy.sh` can
//! run it before anything is built. Each failure names file, line and remedy. A
//! rule that must bend gets an entry with a reason here, never a wider pattern.

#![allow(clippy::expect_used, clippy::panic, reason = "the rules and their reading of the checkout fail by panicking")]

mod borders;
mod records;
mod shape;
mod source;
mod tree;
