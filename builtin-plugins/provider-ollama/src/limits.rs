//! Limits and defaults of this plugin, each with its reason.

use std::time::Duration;

/// Tokens of the model's window when the owner names none. The server's own
/// default is a quarter of it, and it cuts a longer prompt without a word.
pub const DEFAULT_NUM_CTX: u64 = 16_384;

/// Characters that make at least one token in any text: more of them than this
/// times the window cannot fit.
pub const CHARS_PER_TOKEN: u64 = 6;

/// Bytes of a list of models: a few hundred each.
pub const MODELS_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of one model's description, which holds its licence and its template.
pub const SHOW_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Models that are asked for their abilities, one request each; later ones get
/// the usual abilities.
pub const SHOWN_MODELS: usize = 64;

/// Times that one request is sent again without what the model does not do.
pub const ADAPTATIONS: usize = 2;

/// Silence before the first byte: the model may have to be loaded from disk.
pub const FIRST_BYTE: Duration = Duration::from_secs(600);

/// Silence in a stream before it counts as broken.
pub const IDLE: Duration = Duration::from_secs(120);

/// Time for a connection: the server is near.
pub const CONNECT: Duration = Duration::from_secs(5);
