//! Limits of the fetch tool, each with its reason.
use std::time::Duration;

/// Hops from the address asked for. Sites need two or three; more is a loop.
pub(crate) const REDIRECTS: usize = 5;

/// Bytes of a body that are read. The text of longer pages is cut anyway, and the
/// tree of a page takes many times its bytes.
pub(crate) const BODY_BYTES: usize = 2 * 1024 * 1024;

/// Characters given when nobody says otherwise: a long article.
pub(crate) const DEFAULT_CHARS: usize = 20_000;

/// Most characters that can be asked for; the host cuts a result above 30,000,
/// and the lines around the text need some.
pub(crate) const MAX_CHARS: usize = 29_000;

/// How long a server may take to be reached, to answer, and between two pieces.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);
/// See [`CONNECT`].
pub(crate) const FIRST_BYTE: Duration = Duration::from_secs(20);
/// See [`CONNECT`].
pub(crate) const IDLE: Duration = Duration::from_secs(10);

/// Bytes in which a page may name its encoding, as browsers look for it.
pub(crate) const CHARSET_PROBE: usize = 1024;

/// Open elements that are followed. Browsers stop at about as many.
pub(crate) const DEPTH: usize = 512;
