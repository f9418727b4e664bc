//! Limits of a conversation with a server, each with its reason.

/// Bytes of all that a server sends in one call: what the host takes of a call's answer.
pub const CALL_BYTES: usize = 4 * 1024 * 1024;
/// Messages in one answer: progress, logs, pings. More is a server that does not come to the point.
pub const MESSAGES: usize = 1000;
/// Questions of the server that are answered during one call.
pub(crate) const REPLIES: usize = 8;
/// Pages of a list of tools, below the requests that the host lets one call make.
pub(crate) const PAGES: usize = 16;
/// Tools of one server: as many as the host lets a plugin offer.
pub(crate) const TOOLS: usize = 256;
/// Bytes of a description for the model; a longer one is cut, the owner has seen all of it.
pub(crate) const DESCRIPTION: usize = 4000;
/// Characters of a server's error that reach the model.
pub(crate) const ERROR_CHARS: usize = 2000;
/// Bytes of a tool's name here.
pub(crate) const NAME: usize = 48;
