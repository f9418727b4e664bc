//! Lines in the host's log.
//!
//! The host marks each with the plugin and its generation, cuts long ones and
//! blanks secrets it knows. Never log message text, arguments or headers.

pub use crate::bindings::imports::skynet::plugin::log::Level;

/// Writes one line.
pub fn log(level: Level, text: impl AsRef<str>) {
    #[cfg(target_family = "wasm")]
    crate::bindings::imports::skynet::plugin::log::log(level, text.as_ref());
    #[cfg(not(target_family = "wasm"))]
    crate::testing::with(|world| world.log.push((level, text.as_ref().to_owned())));
}

/// A line that only a developer wants.
pub fn debug(text: impl AsRef<str>) {
    log(Level::Debug, text);
}

/// A line about normal work.
pub fn info(text: impl AsRef<str>) {
    log(Level::Info, text);
}

/// A line about something odd that did not stop the work.
pub fn warn(text: impl AsRef<str>) {
    log(Level::Warn, text);
}

/// A line about work that failed.
pub fn error(text: impl AsRef<str>) {
    log(Level::Error, text);
}
