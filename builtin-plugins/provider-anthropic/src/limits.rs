//! Limits and defaults of this plugin, each with its reason.

use std::time::Duration;

/// Output tokens when neither the request nor the settings name a number: the
/// server demands one, and every model it serves today takes this much.
pub const DEFAULT_MAX_OUTPUT: u32 = 8192;

/// Reasoning tokens at thinking level `low`.
pub const LOW_BUDGET: u32 = 4096;
/// Reasoning tokens at thinking level `medium`.
pub const MEDIUM_BUDGET: u32 = 8192;
/// Reasoning tokens at thinking level `high`.
pub const HIGH_BUDGET: u32 = 16_384;

/// Cache marks that the server takes in one request; a fifth is an error.
pub const CACHE_MARKS: usize = 4;

/// Bytes of a list of models: a few hundred bytes each.
pub const MODELS_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Pages of the list of models, so that a server that always says "more" ends.
pub const MODEL_PAGES: usize = 8;

/// Times that one request is sent again without a setting which the server
/// refused by name.
pub const ADAPTATIONS: usize = 2;

/// Silence in a stream before it counts as broken. The server pings far more
/// often; long thinking is covered.
pub const IDLE: Duration = Duration::from_secs(120);

/// Silence before the first byte: a long prompt is read before anything is said.
pub const FIRST_BYTE: Duration = Duration::from_secs(300);

/// Time for a connection.
pub const CONNECT: Duration = Duration::from_secs(15);

/// Media types that the server reads as images.
pub const IMAGE_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
