//! The one owner of child processes.
//!
//! `worker` runs our own binary on untrusted input, `confine` is the worker's first
//! act, `system` runs a tool of the system for the CLI, `builder` one of an author, under the eye of `guard`, `detach` starts the daemon
//! where no service manager does, `wall` confines the host itself, `early` starts what
//! must stand outside of that, `code_pages` returns memory, `sandbox` runs scripts and `terminal` shells
//! in it. Every other child has a process group of its own and,
//! but for the daemon, a deadline; nothing of a group outlives the call that made it.

pub mod builder;
pub mod code_pages;
pub mod confine;
pub mod detach;
pub mod early;
pub mod guard;
pub mod limits;
pub mod sandbox;
pub mod system;
pub mod terminal;
pub mod wall;
pub mod worker;

mod child;
mod ending;
mod group;
mod rlimit;
