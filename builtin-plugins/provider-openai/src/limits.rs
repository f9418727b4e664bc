//! Limits and defaults of this plugin, each with its reason.

use std::time::Duration;

/// Bytes of a list of models: routers list thousands, each with a price table.
pub const MODELS_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of an answer that was not streamed although a stream was asked for.
pub const WHOLE_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Stop texts that the server takes in one request.
pub const STOP_TEXTS: usize = 4;

/// Times that one request is sent again without a setting which the server
/// refused by name.
pub const ADAPTATIONS: usize = 3;

/// Silence in a stream before it counts as broken. Reasoning models say nothing
/// while they think.
pub const IDLE: Duration = Duration::from_secs(180);

/// Silence before the first byte: a local server reads the prompt first.
pub const FIRST_BYTE: Duration = Duration::from_secs(300);

/// Time for a connection.
pub const CONNECT: Duration = Duration::from_secs(15);
