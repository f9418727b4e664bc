//! Limits of child processes, each with its reason.

use std::time::Duration;

/// Bytes of a child's stderr that are kept, the last ones: where a failure says why.
pub const STDERR_BYTES: usize = 64 * 1024;

/// Bytes of a system tool's stdout. They print a status, not a file.
pub const TOOL_OUTPUT_BYTES: usize = 1024 * 1024;

/// How long a killed child may take to be gone. Longer means that the kernel holds
/// it, on a dead network mount say; waiting on would not help.
pub const REAP_TIMEOUT: Duration = Duration::from_secs(5);

/// Seconds between the signal that tells of the used-up CPU time and the one that
/// no handler can catch.
pub const CPU_GRACE_SECONDS: u64 = 1;

/// For a process that was started ahead of the wall to do what it was given last. Service
/// managers wait 90 s for the host, of which its turns may take 60.
pub const EARLY_END: Duration = Duration::from_secs(20);
