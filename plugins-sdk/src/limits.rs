//! Limits of the SDK, each with its reason. The host has its own, and they win.

/// Bytes of one line in a stream. A model's longest event carries a whole image
/// in base64; nothing sensible is longer.
pub const STREAM_LINE_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of all `data:` lines of one server-sent event: as one line.
pub const STREAM_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// Bytes that one read asks of a response body. One crossing into the host per
/// read, and small enough that text appears while it comes.
pub const BODY_CHUNK_BYTES: u64 = 64 * 1024;

/// Bytes of an error body that an adapter reads to find the server's sentence.
pub const ERROR_BODY_BYTES: usize = 64 * 1024;

/// Characters of a server's sentence that go into an error message.
pub const ERROR_TEXT_CHARS: usize = 600;
