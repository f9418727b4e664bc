//! Limits of child processes, each with its reason.

use std::time::Duration;

/// Bytes of a child's stderr that are kept, the last ones: where a failure says why.
pub const STDERR_BYTES: usize = 64 * 1024;

/// Bytes of a system tool's stdout. They print a status, not a file.
pub const TOOL_OUTPUT_BYTES: usize = 1024 * 1024;

/// Bytes of one line of a builder that are shown. Compilers write lines of hundreds of bytes, a minified file one of megabytes.
pub const BUILDER_LINE_BYTES: u64 = 8 * 1024;

/// Lines of a builder that are kept for its error: as many as a terminal shows.
pub const BUILDER_TAIL_LINES: usize = 40;

/// How long a killed child may take to be gone. Longer means that the kernel holds
/// it, on a dead network mount say; waiting on would not help.
pub const REAP_TIMEOUT: Duration = Duration::from_secs(5);

/// Seconds between the signal that tells of the used-up CPU time and the one that
/// no handler can catch.
pub const CPU_GRACE_SECONDS: u64 = 1;

/// For a process that was started ahead of the wall to do what it was given last. Service
/// managers wait 90 s for the host, of which its turns may take 60.
pub const EARLY_END: Duration = Duration::from_secs(20);

/// Bytes of a request to the launcher. The largest part is `SKYNET_INPUT`, whose JSON doubles at most when quoted again.
pub const SCRIPT_REQUEST_BYTES: usize = 320 * 1024;

/// Bytes of `SKYNET_INPUT`. The kernel takes 128 KiB for one variable, its name and end included.
pub const SCRIPT_VARIABLE_BYTES: usize = 120 * 1024;

/// Descriptors that a call hands to the launcher: control, stdin, stdout, stderr, proxy.
pub(crate) const CELL_DESCRIPTORS: usize = 5;

/// Scripts that run at one time. Each costs two processes of ours; a host that wants more of them is broken or taken over.
pub const MAX_CELLS: usize = 64;

/// For the request to follow its descriptors; both are written in one go.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// For the launcher to come up and try what this machine can do: four forks.
pub(crate) const LAUNCHER_TIMEOUT: Duration = Duration::from_secs(20);

/// What the launcher waits beyond a script's own deadline before it kills it in the host's place.
pub(crate) const LATE_KILL: Duration = Duration::from_secs(2);

/// Bytes of the cell's root folder, which holds names only.
pub(crate) const CELL_ROOT_BYTES: u64 = 256 * 1024;

/// Files and folders in a scratch folder in memory: each costs the kernel about 1 KiB that `scratch` does not count.
pub(crate) const SCRATCH_FILES: u64 = 16 * 1024;

/// Numbers of processes that the kernel keeps for the first ones of a namespace (its `RESERVED_PIDS`).
pub(crate) const RESERVED_IDS: u64 = 300;

/// Bytes that a cell says of itself: one refusal or one end.
pub(crate) const REPORT_BYTES: u64 = 64 * 1024;

/// How far scripts stand back behind everything else on the machine: what answers a person comes first.
pub(crate) const NICE: i32 = 10;
