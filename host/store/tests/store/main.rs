//! The store against a real file: every port, restarts, crashes, damage, rivals.
//!
//! One test program for all of them, as each would link SQLite again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod access;
mod articles;
mod audit;
mod crash;
mod facts;
mod grants;
mod history;
mod jobs;
mod kv;
mod opening;
mod proposals;
mod receipts;
mod rivals;
mod scratch;
mod sessions;
mod set_aside;
mod turns;
mod vault;
mod wiped;
