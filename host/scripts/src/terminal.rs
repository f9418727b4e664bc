//! Shells that stay: a prompt that is followed, output that is kept, an end that is one.
//!
//! `shell` is one of them, on a terminal in a cell of the sandbox; `shells` holds them by who they belong to;
//! `jobs` holds commands in the background. `marks` finds the prompt's own marks in a stream of a stranger's
//! bytes, `ring` and `kept` bound what is kept, `plain` makes text of it, `startup` is how a shell begins.
//! Refuses nothing that a command does: the cell is the control.

pub mod jobs;
pub mod kept;
pub mod marks;
pub mod plain;
mod ring;
pub mod shell;
pub mod shells;
pub mod startup;
