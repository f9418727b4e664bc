//! The plugin host against real components, through its public face alone.
//!
//! Components are WAT text in `zoo/`; nothing here needs a guest toolchain. One test
//! program for all, as each would link the engine again; the runner gives each test
//! a process of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod admission;
mod channel_hook;
mod crash;
mod doors;
mod egress;
mod footprint;
mod hostile;
mod limits;
mod moulds;
mod neighbours;
mod owner;
mod permissions;
mod powers;
mod provider;
mod rates;
mod record;
mod rehearsal;
mod reload;
mod revoked;
mod secrets;
mod support;
mod zoo;
