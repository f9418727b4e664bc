//! Every limit of a guest call, with its reason. A plugin's grant may raise the
//! ones that `skynet-policy` lists as raisable, up to the engine's own bounds.

use std::time::Duration;

/// One epoch. Short enough that a spinning guest yields its thread before anybody
/// notices, long enough that the ticker costs nothing (100 wake-ups a second).
pub(crate) const EPOCH: Duration = Duration::from_millis(10);

#[cfg(target_os = "linux")]
/// By how much calls that compute for longer than an epoch give way to everything else:
/// they get a tenth of a core that others want, and all of one that nobody wants.
pub(crate) const SLOW_NICE: i32 = 10;

/// Guest CPU of one tool, hook or channel call. Tools compute little; one that
/// needs more asks for it in its manifest.
pub(crate) const CALL_CPU: Duration = Duration::from_secs(2);
/// Wall time of one tool, hook or channel call, waiting for the network included.
pub(crate) const CALL_WALL: Duration = Duration::from_secs(30);
/// Guest CPU of one completion: parsing a long stream.
pub(crate) const STREAM_CPU: Duration = Duration::from_secs(10);
/// Wall time of one completion. Reasoning models think for minutes.
pub(crate) const STREAM_WALL: Duration = Duration::from_secs(600);
/// Guest CPU of `describe`, `tools` and the like at admission: they return tables.
pub(crate) const PROBE_CPU: Duration = Duration::from_secs(1);
/// Wall time of a probe. Nothing is granted, so there is nothing to wait for.
pub(crate) const PROBE_WALL: Duration = Duration::from_secs(5);

/// Linear memory of one store, all memories summed.
pub(crate) const MEMORY: usize = 64 * 1024 * 1024;
/// The most that a grant can raise `MEMORY` to: a small language model fits.
pub(crate) const MEMORY_CEILING: usize = 1024 * 1024 * 1024;
/// Table elements of one store, all tables summed: an interpreter needs 10,000.
pub(crate) const TABLE_ELEMENTS: usize = 20_000;
/// Core instances, tables and memories of one component: an adapter and a few
/// modules; a hundred is an attack on the pool.
pub(crate) const CORE_INSTANCES: u32 = 64;
/// See `CORE_INSTANCES`.
pub(crate) const TABLES: u32 = 16;
/// See `CORE_INSTANCES`.
pub(crate) const MEMORIES: u32 = 4;

/// Bytes that one host call may copy out of a guest. A tool's answer is text.
pub(crate) const HOSTCALL_BYTES: usize = 4 * 1024 * 1024;
/// The same for a completion: a request's images do not pass here, deltas do.
pub(crate) const STREAM_HOSTCALL_BYTES: usize = 8 * 1024 * 1024;
/// Component-model handles of one store. The engine's default is 100,000.
pub(crate) const HANDLES: usize = 4096;
/// Host resources of one store: streams, requests, descriptors.
pub(crate) const RESOURCES: usize = 4096;
/// Bytes that one request for random numbers may ask for.
pub(crate) const RANDOM_BYTES: u64 = 64 * 1024;
/// Bytes of one header collection, measured in memory.
pub(crate) const HEADER_BYTES: usize = 64 * 1024;
/// Bytes of one write to a request body.
pub(crate) const BODY_CHUNK: usize = 64 * 1024;
/// Bytes kept of stdout and stderr together; the rest is dropped and said so.
pub(crate) const STDIO_BYTES: usize = 64 * 1024;
/// Characters of one log line.
pub(crate) const LOG_LINE: usize = 4096;
/// Log lines of one call; more are counted, not kept.
pub(crate) const LOG_LINES: u32 = 1000;

/// Things that one call may ask of the host's own services, each of which has an audit
/// row: memory, knowledge, schedule, agent, messages, scripts, proposals.
pub(crate) const ACTS: u32 = 256;
/// The most that a plugin can be sure of what it notes: below a person who says nothing of
/// how sure they are (0.8), so that a person's word stays, and goes first.
pub(crate) const MOST_SURE: f64 = 0.7;
/// Bytes of one message to a person: a long page.
pub(crate) const MESSAGE_BYTES: usize = skynet_core::limits::PLUGIN_MESSAGE_BYTES;
/// Messages that one call may send.
pub(crate) const CALL_MESSAGES: u32 = 8;
/// Messages of one plugin in a minute, over all its calls: one every other second is
/// more than anybody reads.
pub(crate) const PLUGIN_MESSAGES: u64 = 30;
/// Bytes of the JSON text that a script is given.
pub(crate) const SCRIPT_INPUT_BYTES: usize = 1024 * 1024;

/// Plugins that one call may propose: each is built, compiled and tried out.
pub(crate) const PROPOSALS_OF_CALL: u32 = 2;
/// Characters of a notice from a provider, which is one line for people.
pub(crate) const NOTICE_CHARS: usize = 1_000;
/// Characters of one line of a report on a proposed plugin.
pub(crate) const REPORT_LINE: usize = 400;
/// Characters of why nothing could be proposed: a few trials, each with what it gave.
pub(crate) const UNFIT_CHARS: usize = 4_000;

/// Wasm stack of a guest.
pub(crate) const WASM_STACK: usize = 512 * 1024;
/// The whole fibre; what is above `WASM_STACK` is for host functions, whose
/// overflow would end the process.
pub(crate) const ASYNC_STACK: usize = 2 * 1024 * 1024;

/// Calls that run at once, completions included. Each takes one pool slot.
pub(crate) const CONCURRENT_CALLS: usize = 64;
/// How long a call waits for a slot before it is told that the host is busy.
pub(crate) const SLOT_WAIT: Duration = Duration::from_secs(10);
/// Bytes of a memory that stay resident in a free slot. Measured: worth 2 to 3
/// times on a fresh call, and the only setting that scales over threads.
pub(crate) const KEEP_RESIDENT: usize = 2 * 1024 * 1024;
/// Slots kept warm. More costs resident memory at idle.
pub(crate) const WARM_SLOTS: u32 = 16;

/// Deltas on their way from a guest to the turn, in lists. Full means that the
/// guest waits: that is the backpressure.
pub(crate) const DELTA_QUEUE: usize = 32;
/// Bytes of one list of deltas.
pub(crate) const DELTA_BYTES: usize = 1024 * 1024;
/// Silence of a provider before the host gives up on it.
pub(crate) const STREAM_IDLE: Duration = Duration::from_secs(180);

/// Compiling one component of any size: CPU seconds of the child. A tool of half a megabyte takes a quarter of one; a
/// small machine is ten times slower. What is made to hold the compiler up keeps others waiting no longer.
pub const COMPILE_CPU_LEAST: u64 = 30;
/// Compiling each MiB of it: more than thirty times what an interpreter takes (0.8 s).
pub const COMPILE_CPU_EACH_MIB: u64 = 30;
/// Compiling the largest: CPU seconds of the child.
pub const COMPILE_CPU_MOST: u64 = 300;
/// Compiling one component: wall time.
pub const COMPILE_WALL: Duration = Duration::from_secs(300);
/// By how much compiling gives way to calls: to a tenth of a core that they want too.
pub const COMPILE_NICE: i32 = 10;
/// Address space of the compiling child: an interpreter of 20 MB needs 400 MB.
pub const COMPILE_MEMORY: u64 = 4 * 1024 * 1024 * 1024;

/// What is left of a call's time when the wait for a shell is over: for the guest to say what came of it.
pub(crate) const SHELL_ANSWER: Duration = Duration::from_secs(5);

/// Bytes of a script's request head, and of what is read ahead of its body.
pub(crate) const SCRIPT_HTTP_BUFFER: usize = 64 * 1024;

/// A file must look the same for so long before it is read.
pub(crate) const SETTLE: Duration = Duration::from_millis(300);
/// Files in the inbox. More is a folder that was not meant to be one.
pub(crate) const INBOX_FILES: usize = 10_000;

/// Faults of one generation within `BREAKER_WINDOW` that take it out of service.
pub(crate) const BREAKER_FAULTS: usize = 3;
/// See `BREAKER_FAULTS`.
pub(crate) const BREAKER_WINDOW: Duration = Duration::from_secs(60);

/// Tools of one plugin.
pub(crate) const TOOLS: usize = 256;
/// Models of one provider.
pub(crate) const MODELS: usize = 1000;
/// Bytes of a description for the model.
pub(crate) const DESCRIPTION_BYTES: usize = 4096;
/// Bytes of one JSON Schema.
pub(crate) const SCHEMA_BYTES: usize = 64 * 1024;

/// Requests of one call that are open at once. A guest has one thread; four hide the
/// waiting of a page and what it names.
pub(crate) const HTTP_CONCURRENT: usize = 4;
/// Requests of one call: a page, its parts and some redirects. More is a crawler.
pub(crate) const HTTP_REQUESTS: u32 = 32;
/// Bytes of all requests of a call, heads included: a conversation with images.
pub(crate) const HTTP_REQUEST_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes of all responses of a call, heads included: half of what a guest can hold.
pub(crate) const HTTP_RESPONSE_BYTES: u64 = 32 * 1024 * 1024;
/// Requests of one plugin in a minute, over all its calls: ten a second for as long as
/// it likes, or all at once. An owner's busiest model provider stays below a tenth.
pub(crate) const HTTP_PLUGIN_REQUESTS: u64 = 600;
/// Bytes of one plugin in a minute, both ways, over all its calls: eight calls that
/// use all of their own, or a line of 34 Mbit/s without a pause.
pub(crate) const HTTP_PLUGIN_BYTES: u64 = 256 * 1024 * 1024;
/// Connections of the whole host: a quarter of the files that a process may open.
pub(crate) const HTTP_CONNECTIONS: usize = 256;
/// Connections of one plugin, so that eight of them are needed to use up the host's.
pub(crate) const HTTP_PLUGIN_CONNECTIONS: usize = 32;
/// Resolving, waiting for a connection, connecting and TLS together: a resolver asks again
/// after 5 s when one packet was lost.
pub(crate) const HTTP_CONNECT: Duration = Duration::from_secs(10);
/// Connecting and TLS alone, once there is a place: a server that is there answers sooner.
pub(crate) const HTTP_DIAL: Duration = Duration::from_secs(5);
/// From the request to the first byte. A model server loads its model here.
pub(crate) const HTTP_FIRST_BYTE: Duration = Duration::from_secs(300);
/// Between two pieces of a body.
pub(crate) const HTTP_IDLE: Duration = Duration::from_secs(120);
/// What a time-out of zero means: as soon as may be, and never "at once and for all".
pub(crate) const HTTP_LEAST_WAIT: Duration = Duration::from_millis(1);
/// How long a connection whose answer was just read may take to be ready for the next
/// request: its task must run once. Longer, and a new connection is the sooner one.
pub(crate) const HTTP_READY: Duration = Duration::from_millis(10);
/// Idle connections are closed after this.
pub(crate) const HTTP_KEEP_ALIVE: Duration = Duration::from_secs(60);
/// Idle connections kept per destination and plugin.
pub(crate) const HTTP_KEEP_PER_KEY: usize = 4;

/// Rows of the audit log that `why-denied` looks through, newest first: what an owner asks
/// about happened just now.
pub const WHY_DENIED_ROWS: usize = 20_000;
/// Bytes of a response's head, and of its trailers. Cookies take 4 KiB each.
pub(crate) const HTTP_HEAD_BYTES: usize = 64 * 1024;
/// Bytes read ahead of the guest on an HTTP/1.1 connection.
pub(crate) const HTTP_BUFFER: usize = 128 * 1024;
/// Bytes read ahead of the guest for one request on an HTTP/2 connection: what a line
/// of 20 Mbit/s brings in 100 ms.
pub(crate) const HTTP2_STREAM_WINDOW: u32 = 256 * 1024;
/// The same for all requests of an HTTP/2 connection.
pub(crate) const HTTP2_WINDOW: u32 = 512 * 1024;
/// Bytes of one HTTP/2 frame: the protocol's own default and least.
pub(crate) const HTTP2_FRAME: u32 = 16 * 1024;
/// Bytes of a request that wait for an HTTP/2 server.
pub(crate) const HTTP2_SEND_BUFFER: usize = 64 * 1024;
/// Bytes that a server may send with no head and no piece of a body coming of it:
/// interim responses, pings, settings, empty frames. Twice what may be read ahead.
pub(crate) const HTTP_IDLE_BYTES: usize = 1024 * 1024;
/// Pieces of a body without a byte, one after the other. Some servers send one.
pub(crate) const HTTP_EMPTY_FRAMES: u32 = 64;

/// Audit rows a minute about calls of one plugin that came too often; each says how many
/// there were. A flood has thousands a second.
pub(crate) const RATE_ROWS: u64 = 1;

/// Refusals of one call that have an audit row each: of requests, and of secrets. More are
/// refused all the same; a guest that asks on and on must not fill a log that nobody can
/// make shorter.
pub(crate) const REFUSAL_ROWS: u32 = 64;
