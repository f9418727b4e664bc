//! Limits of the turn and its data, each with its reason.

/// Model requests in one turn. Enough for long work, and a stop for a model that
/// calls for ever; the person sees a notice when it is reached.
pub const MAX_ITERATIONS: u32 = 25;

/// Tool calls that run at once in one turn: two cores, and calls mostly wait.
pub const PARALLEL_TOOL_CALLS: usize = 8;

/// Characters of one tool result that reach the model. Larger ones are cut with a
/// note, so that one call cannot fill the window.
pub const TOOL_RESULT_CHARS: usize = 30_000;

/// Bytes of the arguments of one call, before they are parsed.
pub const TOOL_ARGUMENT_BYTES: usize = 1024 * 1024;

/// Messages of history that go into a request.
pub const HISTORY_MESSAGES: usize = 200;

/// Turns that may wait in one session's queue. More is a client in a loop.
pub const SESSION_QUEUE: usize = 32;

/// Bytes of one user message, attachments included: as the gateway's frame limit.
pub const MESSAGE_BYTES: usize = 24 * 1024 * 1024;
