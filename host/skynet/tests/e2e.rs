//! The product as its user has it: the real binary, real processes, the built-in
//! components, the three data paths.
//!
//! Needs the built guests: `./setup.sh test` builds them first. A missing guest is
//! a failure that says so, never a skip.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "e2e/agent.rs"]
mod agent;
#[path = "e2e/audit.rs"]
mod audit;
// A limit on memory is what a system other than Linux does not hold a child to.
#[cfg(target_os = "linux")]
#[path = "e2e/bomb.rs"]
mod bomb;
#[path = "e2e/builds.rs"]
mod builds;
#[path = "e2e/chat.rs"]
mod chat;
#[path = "e2e/command_line.rs"]
mod command_line;
#[path = "e2e/crash.rs"]
mod crash;
#[path = "e2e/daemon.rs"]
mod daemon;
#[path = "e2e/household.rs"]
mod household;
#[path = "e2e/instant.rs"]
mod instant;
#[cfg(target_os = "linux")]
#[path = "e2e/kept.rs"]
mod kept;
#[path = "e2e/kinds.rs"]
mod kinds;
#[path = "e2e/long.rs"]
mod long;
#[path = "e2e/mcp.rs"]
mod mcp;
#[path = "e2e/memory.rs"]
mod memory;
#[path = "e2e/powers.rs"]
mod powers;
#[path = "e2e/proposals.rs"]
mod proposals;
#[path = "e2e/review.rs"]
mod review;
#[path = "e2e/schedule.rs"]
mod schedule;
#[cfg(target_os = "linux")]
#[path = "e2e/scripts.rs"]
mod scripts;
#[path = "e2e/secrets.rs"]
mod secrets;
#[path = "e2e/swap.rs"]
mod swap;
#[cfg(target_os = "linux")]
#[path = "e2e/terminal.rs"]
mod terminal;
#[path = "e2e/tokens.rs"]
mod tokens;
#[cfg(target_os = "linux")]
#[path = "e2e/wall.rs"]
mod wall;
#[path = "e2e/workflow.rs"]
mod workflow;
