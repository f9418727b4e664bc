//! Limits and defaults of this plugin, each with its reason.

/// Tokens of input and output together. The model was trained with more, but
/// the time of an answer on one core grows with them.
pub const CONTEXT: usize = 2048;

/// Tokens of an answer when the request names no limit: a long page.
pub const DEFAULT_OUTPUT: usize = 512;

/// The most of the window that is kept free for the answer; a request that asks
/// for more gets it only where the conversation is short.
pub const RESERVED_OUTPUT: usize = 512;

/// Tokens read at once before the sink is asked whether anybody still waits:
/// about a second of work, and enough rows for the kernels to pay.
pub const PREFILL_CHUNK: usize = 64;

/// Randomness when the request names none, as the model's authors advise.
pub const DEFAULT_TEMPERATURE: f64 = 0.2;

/// Share of the probability that is drawn from when the request names none.
pub const DEFAULT_TOP_P: f64 = 0.9;

/// The most that a temperature can be; above it the answer is noise.
pub const MAX_TEMPERATURE: f64 = 5.0;

/// Tokens that a sampled answer is held back from repeating.
pub const REPEAT_WINDOW: usize = 64;

/// How strongly it is held back: enough to leave a loop, too little to be seen.
pub const REPEAT_PENALTY: f32 = 1.1;

/// Layers of a model. The largest that fits into the sandbox has 40.
pub const LAYERS: usize = 128;

/// Width of a model and of its inner layer. The largest that fits has 8192.
pub const WIDTH: usize = 32_768;

/// Entries of a vocabulary. The largest known has 262,144.
pub const VOCABULARY: usize = 524_288;

/// Bytes read from the file at once. Each read crosses into the host.
pub const READ_BUFFER: usize = 256 * 1024;
