//! Limits of the command line, each with its reason.

use std::time::Duration;

/// For answers that need no work: a host that takes longer is in trouble.
pub(crate) const ANSWER: Duration = Duration::from_secs(20);

/// For changes to plugins: granting may compile a large component first.
pub(crate) const PLUGIN_CHANGE: Duration = Duration::from_secs(330);

/// Bytes of compiled code: a few times the largest component that is taken.
pub(crate) const MAX_ARTIFACT: usize = 512 * 1024 * 1024;

/// Characters of a new passphrase. Argon2id makes each guess dear, not a short word long.
pub(crate) const PASSPHRASE_CHARS: usize = 10;

/// Between two looks at the registries: an advisory is heard the same day, and a server
/// of some ten thousand hosts answers one a second.
pub(crate) const REGISTRY_CHECK: Duration = Duration::from_secs(6 * 3600);

/// Before the first look after a start, which has other work to do.
pub(crate) const REGISTRY_FIRST_CHECK: Duration = Duration::from_secs(5);

/// Bytes of the file that says which updates are known: thousands of plugins.
pub(crate) const UPDATES_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of one line that a program sends to `mcp serve`: a little more than the gateway takes.
pub(crate) const MCP_LINE: usize = 2 * 1024 * 1024 + 4096;

/// Bytes of one message from the gateway: tools' results are far smaller, a list of a
/// thousand tools with their schemas is not.
pub(crate) const MCP_MESSAGE: usize = 64 * 1024 * 1024;

/// Requests of `mcp serve` that wait for their answers at once.
pub(crate) const MCP_IN_FLIGHT: usize = 64;

/// For the answer to a request to begin: it comes with the tool's result, and a tool may be granted an hour.
pub(crate) const MCP_ANSWER: Duration = Duration::from_secs(3660);

/// Silence of an open stream: the gateway sends a comment every 15 s.
pub(crate) const MCP_SILENCE: Duration = Duration::from_secs(60);

/// For open requests to be answered after stdin ended.
pub(crate) const MCP_LAST_ANSWERS: Duration = Duration::from_secs(20);

/// Before a broken stream of notifications is opened again.
pub(crate) const MCP_AGAIN: Duration = Duration::from_secs(1);

/// Between two looks at how far the host is with a new plugin.
pub(crate) const PLUGIN_LOOK: Duration = Duration::from_millis(200);

/// Bytes of one JSON Schema of a tool: what the host takes of any plugin.
pub(crate) const TOOL_SCHEMA: usize = 64 * 1024;

/// Free disk, bytes. Less, and a database write may fail in the middle of a day.
pub(crate) const LOW_DISK: u64 = 256 * 1024 * 1024;

/// Files of a script plugin that are reviewed: a program and what it brings.
pub(crate) const REVIEW_FILES: usize = 500;

/// For a plugin's file that a conversation asked for, or an update that goes by itself. The owner can change nothing that is installed meanwhile, and what came is
/// kept for the next try; a command of theirs may wait for hours.
pub(crate) const UNWATCHED_FETCH: Duration = Duration::from_secs(600);

/// For all checks and calls of a plugin that somebody handed in. An author's own run takes seconds; a keeper's machine waits
/// no longer for a stranger's.
pub(crate) const CONFORMANCE: Duration = Duration::from_secs(600);

/// The same for an author's own: some hundred calls of models that take a while.
pub(crate) const AUTHORS_CHECKS: Duration = Duration::from_secs(3600);

/// Beyond that, before the process that runs them is ended from outside: it ends by itself and says why.
pub(crate) const CHECKS_GRACE: Duration = Duration::from_secs(30);

/// Bytes of what it says: a line for each check, and an answer in each that failed.
pub(crate) const CHECKS_BYTES: usize = 64 * 1024 * 1024;

/// For one program of a build. A first build fetches and compiles what it depends on.
pub(crate) const BUILD: Duration = Duration::from_secs(1800);

/// How long a program that is kept between calls may be idle: what it remembers is worth that much memory.
pub(crate) const KEPT_IDLE: Duration = Duration::from_secs(600);

/// How often one is looked after; a grant that was taken back ends it that late.
pub(crate) const KEPT_LOOK: Duration = Duration::from_secs(2);

/// How old one becomes at most: programs leak, and nobody restarts them.
pub(crate) const KEPT_LIFE: Duration = Duration::from_secs(24 * 3600);

/// From this age on the next call starts it anew: an hour is the longest that a call may take.
pub(crate) const KEPT_AGE: Duration = Duration::from_secs(23 * 3600);

/// CPU time of each of its processes over its life.
pub(crate) const KEPT_CPU: Duration = Duration::from_secs(3600);

/// Bytes of one line of it: what the host takes of a call's answer.
pub(crate) const KEPT_LINE: u64 = 4 * 1024 * 1024;

/// Programs that are kept at one time. Each is some processes with all their memory.
pub(crate) const KEPT_PROGRAMS: usize = 16;

/// Agents of one registry that a search looks into. Each is a document of its own, of up to five megabytes.
pub(crate) const AGENTS_LOOKED_INTO: usize = 50;
