//! Limits of the bridge, each with its reason.

use std::time::Duration;

/// Bytes for the address and the pinned tools: a hundred tools with schemas of some kB.
pub(crate) const ROOM: usize = 512 * 1024;
/// For a connection.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);
/// For the head of an answer: a tool may work first.
pub(crate) const FIRST_BYTE: Duration = Duration::from_secs(110);
/// Silence inside an answer; servers send comments every 15 to 30 s.
pub(crate) const IDLE: Duration = Duration::from_secs(60);
