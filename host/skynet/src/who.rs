//! Who is at the command line, as far as the system can tell: for the audit log.
//!
//! Whoever can write the data folder may be the owner or root, and nothing here proves
//! which person it is. So a row says what is known, the user id, and claims no more.

/// The actor of what a command does by itself, without a host to ask.
pub(crate) fn at_the_command_line() -> String {
    format!("cli uid {}", rustix::process::getuid().as_raw())
}
