//! Child processes as they are: `sh`, `cat`, `sleep`, and this program itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod confine;
mod detach;
mod lifeline;
#[cfg(target_os = "linux")]
mod sandbox;
mod system;
#[cfg(target_os = "linux")]
mod wall;
mod worker;
