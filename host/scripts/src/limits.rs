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

/// Addresses that a kept program may set aside, as a multiple of the memory it may write to: V8 sets 10 GiB
/// aside for each WebAssembly module, of which Node loads two by itself.
pub(crate) const KEPT_RESERVES: u64 = 16;

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

/// Bytes of a shell's output that are kept for who reads next; older ones are dropped, and it is said how many.
pub const SHELL_BUFFER: usize = 128 * 1024;

/// Shells at one time: each may fill a scratch folder in memory.
pub const SHELLS: usize = 16;

/// Of one owner of shells, be it a plugin with its users or the gateway.
pub const SHELLS_OF_ONE: usize = 8;

/// Without a word to or from whoever holds it. A person at work comes back within that.
pub const SHELL_IDLE: Duration = Duration::from_secs(30 * 60);

/// From start to end. A shell that somebody needs for longer is one that nobody looks after.
pub const SHELL_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// Of CPU time for each process of a shell or a command: builds and test runs take minutes.
pub const COMMAND_CPU_SECONDS: u64 = 30 * 60;

/// How often a shell asks whether it is still allowed.
pub const SHELL_LOOK: Duration = Duration::from_secs(2);

/// For a shell to show its first prompt, and to come back to it between commands.
pub const SHELL_PROMPT: Duration = Duration::from_secs(20);

/// For a shell to take what is typed: programs that read nothing leave it standing in the kernel, which holds 4 KiB.
pub const SHELL_TYPING: Duration = Duration::from_secs(5);

/// Bytes of one command. Typed, it is at most four times as long.
pub const SHELL_COMMAND_BYTES: usize = 16 * 1024;

/// Bytes that are typed at once.
pub const SHELL_INPUT_BYTES: usize = 64 * 1024;

/// Bytes that are read from a shell in one go.
pub(crate) const SHELL_READ_BYTES: usize = 16 * 1024;

/// Between two readings that were full: what writes without end gets 16 MB/s of the host's attention.
pub(crate) const SHELL_BREATH: Duration = Duration::from_millis(1);

/// Characters or lines of a terminal: more is a mistake.
pub const WINDOW_MOST: u16 = 1000;

/// Bytes of an escape sequence in which a mark may be: a mark has 60.
pub(crate) const MARK_BYTES: usize = 128;

/// Commands in the background that are remembered, running or over.
pub const JOBS: usize = 16;

/// A command in the background is killed after this.
pub const JOB_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// What became of one is kept for this long.
pub const JOB_KEPT: Duration = Duration::from_secs(60 * 60);
