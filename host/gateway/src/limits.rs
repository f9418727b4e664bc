//! Limits of the gateway, each with its reason. The numbers that clients can see
//! are those of the OpenClaw protocol v3; a client relies on them.

use std::time::Duration;

/// Bytes of the frame that carries `connect`: a stranger may not make us hold more.
pub(crate) const HANDSHAKE_FRAME_BYTES: usize = 64 * 1024;

/// Bytes on the wire before hello: one handshake frame, its header, and some pings.
pub(crate) const HANDSHAKE_WIRE_BYTES: usize = HANDSHAKE_FRAME_BYTES + 1024;

/// Bytes of one frame after hello, as `policy.maxPayload` says.
pub(crate) const FRAME_BYTES: usize = 25 * 1024 * 1024;

/// Bytes that may wait for one slow client, as `policy.maxBufferedBytes` says.
pub(crate) const BUFFERED_BYTES: usize = 50 * 1024 * 1024;

/// Bytes read from, and gathered for, a socket at a time: thousands of idle sockets must stay cheap.
pub(crate) const SOCKET_BUFFER_BYTES: usize = 8 * 1024;

/// Requests of one socket that may run at once. More is a client in a loop, and
/// waiting calls (`agent`, `agent.wait`) must not block an abort behind them.
pub(crate) const REQUESTS_IN_FLIGHT: usize = 128;

/// Sockets of one address that have not said who they are.
pub(crate) const STRANGERS_PER_ADDRESS: u32 = 32;

/// Open TCP connections of the whole gateway; below the usual hard limit of open files.
pub(crate) const CONNECTIONS: u32 = 10_000;

/// Failed logins of one address within `FAILURE_WINDOW` before it is locked out.
pub(crate) const FAILURES: usize = 10;
/// See `FAILURES`.
pub(crate) const FAILURE_WINDOW: Duration = Duration::from_secs(60);
/// How long an address stays locked out.
pub(crate) const LOCKOUT: Duration = Duration::from_secs(5 * 60);
/// Addresses that are remembered as failing; the oldest is forgotten first.
pub(crate) const FAILING_ADDRESSES: usize = 4096;

/// Failed logins a minute that get an audit row of their own; of the others the count is
/// kept. A row has some 300 bytes, so this is 26 MB a day at worst.
pub(crate) const FAILURE_ROWS: u32 = 60;

/// Keys with a token bucket before those with a full one are forgotten.
pub(crate) const RATE_KEYS: usize = 4096;

/// How far a device's clock may be off, ms.
pub(crate) const SIGNATURE_SKEW_MS: u64 = 120_000;

/// Calls above the role's rights, in a row, before the socket is closed.
pub(crate) const ROLE_VIOLATIONS: u32 = 10;

/// Time between WebSocket pings; keeps proxies from dropping a quiet socket.
pub(crate) const PING_EVERY: Duration = Duration::from_secs(25);
/// Time between checks that every connected token still stands: how long a revoked one lives on.
pub(crate) const REVOKED_EVERY: Duration = Duration::from_secs(5);
/// Time between `health` events.
pub(crate) const HEALTH_EVERY: Duration = Duration::from_secs(60);
/// Age from which on who asks for the health gets it made anew: one question to the store a second
/// at most, however many ask.
pub(crate) const HEALTH_FRESH: Duration = Duration::from_secs(1);
/// Least time between two `presence` events, so that a thousand clients leaving cost one.
pub(crate) const PRESENCE_EVERY: Duration = Duration::from_secs(1);
/// Clients in the presence list; each hello carries the list.
pub(crate) const PRESENCE_ENTRIES: usize = 100;

/// Least time between two `chat` deltas of one run.
pub(crate) const CHAT_DELTA_EVERY: Duration = Duration::from_millis(150);
/// Text of a run above which `agent` text events come no oftener than chat deltas:
/// each repeats the whole text, and a frame per token would be quadratic.
pub(crate) const EAGER_TEXT_BYTES: usize = 8 * 1024;

/// How long the answer to an idempotency key is kept after the run's end.
pub(crate) const RUN_KEPT: Duration = Duration::from_secs(5 * 60);
/// Ended runs that are kept.
pub(crate) const RUNS_KEPT: usize = 1000;

/// Any question to the store, not a change (see `auth::secret::within`). It is a local file; more is a fault to report.
pub(crate) const STORE_DEADLINE: Duration = Duration::from_secs(10);
/// A management call: it may verify and compile a component, which alone may take 300 s.
pub(crate) const ADMIN_DEADLINE: Duration = Duration::from_secs(320);
/// For a turn to leave its session after an abort.
pub(crate) const QUIESCE_DEADLINE: Duration = Duration::from_secs(5);
/// Ceiling of a wait for a turn, above the longest turn that can be configured.
pub(crate) const TURN_CEILING: Duration = Duration::from_secs(25 * 60 * 60);
/// Default of `agent.wait`.
pub(crate) const WAIT_DEFAULT: Duration = Duration::from_secs(30);

/// For a client to read what is queued for it, the close frame last.
pub(crate) const CLOSE_FLUSH: Duration = Duration::from_secs(5);
/// For a client to finish sending what it was refused, so that it can read why.
pub(crate) const CLOSE_DRAIN: Duration = Duration::from_secs(2);
/// Bytes read and thrown away in that time.
pub(crate) const CLOSE_DRAIN_BYTES: usize = 32 * 1024 * 1024;

/// For a client to send the head of an HTTP request.
pub(crate) const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// For a client to send the body of an HTTP request.
pub(crate) const BODY_DEADLINE: Duration = Duration::from_secs(60);
/// Bytes of an HTTP request's body: a message with images, as one user message may be.
pub(crate) const BODY_BYTES: usize = skynet_core::limits::MESSAGE_BYTES;
/// The body of a tool call over HTTP: its arguments, not a conversation.
pub(crate) const INVOKE_BODY_BYTES: usize = 2 * 1024 * 1024;
/// Sessions of the Model Context Protocol, of all tokens together: each keeps a task and
/// some answers. A household has a dozen programs.
pub(crate) const MCP_SESSIONS: usize = 256;
/// The same of one token, so that four are needed to use up all of them.
pub(crate) const MCP_SESSIONS_EACH: usize = 64;
/// How long a session without any request is kept: a client that comes later begins anew.
pub(crate) const MCP_IDLE: Duration = Duration::from_secs(60 * 60);
/// Tools on one page of its list. Many clients read only the first one.
pub(crate) const MCP_TOOLS_LISTED: usize = 1000;
/// Comment lines in a quiet event stream, so that proxies keep it open.
pub(crate) const SSE_KEEPALIVE: Duration = Duration::from_secs(15);
/// For open requests to end after shutdown began.
pub(crate) const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// Bytes of one message in `chat.history`; a longer one is replaced by a note.
pub(crate) const HISTORY_MESSAGE_BYTES: usize = 128 * 1024;
/// Bytes of a whole `chat.history` answer; the oldest messages give way.
pub(crate) const HISTORY_BYTES: usize = 6 * 1024 * 1024;
/// Rows of history that one question may ask.
pub(crate) const HISTORY_ROWS: u64 = 1000;
/// Facts or articles of a search that does not say how many.
pub(crate) const FOUND_DEFAULT: usize = 10;
/// Facts in one list: at worst, each character escaped, half of a frame.
pub(crate) const FACTS_LISTED: usize = 500;
/// Articles in one page of a list, each of which is read whole.
pub(crate) const ARTICLES_LISTED: usize = 100;
/// Sessions that a list looks at.
pub(crate) const SESSIONS_LISTED: usize = 1000;
/// Sessions in `health`.
pub(crate) const SESSIONS_RECENT: usize = 5;
/// Keys in one `sessions.preview`.
pub(crate) const PREVIEW_KEYS: usize = 64;
/// Devices waiting for approval; the oldest is forgotten first.
pub(crate) const PENDING_DEVICES: usize = 64;
/// Sessions that one socket may watch by name.
pub(crate) const WATCHED_SESSIONS: usize = 1000;
/// Scopes, capabilities and commands that one client may name.
pub(crate) const NAMES_PER_CLIENT: usize = 256;
/// Bytes of the longest reason in a close frame that WebSocket allows.
pub(crate) const CLOSE_REASON_BYTES: usize = 123;

/// Jobs on one page of `cron.list`; the protocol's clients ask no more.
pub(crate) const JOBS_LISTED: u64 = 200;
/// Entries on one page of `cron.runs`, likewise.
pub(crate) const RUNS_LISTED: u64 = 200;
/// Bytes of a page of `cron.list`, its first job aside: a prompt stands in it twice, and
/// escaped it is six times as long, so that 200 of them would be more than a client reads.
pub(crate) const JOBS_LISTED_BYTES: usize = 1024 * 1024;
/// Newest fires that one `cron.runs` looks at, of all its jobs together: some pages of them.
pub(crate) const RUNS_LOOKED_AT: usize = 10_000;
/// Newest fires that it looks at of each job, however many jobs there are.
pub(crate) const RUNS_OF_EACH: usize = 10;

/// Longest id or code of a proposal, bytes: several times what either has.
pub(crate) const PROPOSAL_WORD: usize = 32;

/// For a shell to be started, typed to or killed: some seconds of a loaded machine.
pub(crate) const TERMINAL_DEADLINE: Duration = Duration::from_secs(30);
/// A command that somebody waits for, when they say no time.
pub(crate) const COMMAND_WALL: Duration = Duration::from_secs(30);
/// The most: what takes longer goes into the background.
pub(crate) const COMMAND_WALL_MOST: Duration = Duration::from_secs(300);
/// Characters of each stream of a command: about what a model or a person reads at once.
pub(crate) const COMMAND_OUTPUT: usize = 30_000;
/// Characters of a job's command in lists.
pub(crate) const JOB_COMMAND: usize = 200;
/// Characters of why a provider last gave no answer.
pub(crate) const LAST_ERROR_CHARS: usize = 1_000;
