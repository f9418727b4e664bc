//! Whole turns against scripted models and tools, stores in memory and a clock that
//! is moved by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their stage fail by panicking"
)]

mod catalogue;
mod commands;
mod fallback;
mod invoke;
mod jobs;
mod life;
mod memory;
mod outbox;
mod proposals;
mod queue;
mod remembered;
mod schedule;
mod stage;
mod stopping;
mod sub_turns;
mod tools;
mod transcripts;
