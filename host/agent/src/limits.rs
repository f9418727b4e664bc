//! Limits of the turn loop, each with its reason. Those that other crates must
//! know too stand in `skynet_core::limits`.

use std::time::Duration;

/// Events that a slow subscriber of all turns may lag behind before it loses some.
/// A fast answer makes about a hundred a second, so this is most of a minute.
pub const EVENT_BACKLOG: usize = 4096;

/// Failed requests to models in one turn, over all models. A person should not
/// wait for more, nor should a broken network be hammered.
pub const FAILED_ATTEMPTS: u32 = 10;

/// Requests to one model in a row before the next one is tried.
pub const TRIES_PER_MODEL: u32 = 2;

/// Longest wait that a server may ask for. Above it the next model is sooner.
pub const RETRY_AFTER_MS: u64 = 20_000;

/// Wait before the second try when the server names none.
pub const BACKOFF_MS: u64 = 500;

/// Bytes that one token of a model's window can spell at most. Known vocabularies have none above
/// 130, most tokens have four: what is longer than this fits no window, however it is counted.
pub const TOKEN_BYTES: u64 = 256;

/// Silence before the first piece of an answer: a local server may load its model.
pub const FIRST_PIECE: Duration = Duration::from_secs(300);

/// Silence between two pieces of an answer: the connection is dead by then.
pub const NEXT_PIECE: Duration = Duration::from_secs(120);

/// A durable write or read. Far above a slow disk, so that passing it means trouble.
pub const STORE_WAIT: Duration = Duration::from_secs(30);

/// Time that stopped turns have to write down their end at shutdown.
pub const STOP_GRACE: Duration = Duration::from_secs(10);

/// Bytes of one answer, reasoning and arguments included: far above any model's
/// output limit, and a stop for a provider that streams for ever.
pub const ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Tool calls in one answer. More is a model in a loop.
pub const CALLS_PER_ANSWER: usize = 64;

/// Faults of one call's arguments that the model is told at once.
pub const ARGUMENT_FAULTS: usize = 5;

/// Characters of one such fault, or of one foreign sentence in an error.
pub const SENTENCE_CHARS: usize = 400;

/// Bytes of a tool's parameter schema: it is compiled on the turn's own thread.
pub const SCHEMA_BYTES: usize = 256 * 1024;

/// Bytes of one compiled pattern of a schema.
pub const PATTERN_BYTES: usize = 1024 * 1024;

/// Steps back of one pattern on one value, against patterns that explode.
pub const PATTERN_BACKTRACKS: usize = 100_000;

/// References in a schema: compiling follows them one inside the other.
pub const SCHEMA_REFERENCES: usize = 256;

/// Subschemas one inside the other, references followed: each takes stack.
pub const SCHEMA_LEVELS: usize = 512;

/// Subschemas looked at to find how much work a schema can make.
pub const SCHEMA_STEPS: usize = 20_000;

/// What a pattern counts for, in plain subschemas.
pub const PATTERN_EFFORT: u64 = 50;

/// Work of checking one call's arguments, in subschemas looked at: a fraction of a
/// second.
pub const CHECK_EFFORT: u64 = 4_000_000;

/// The same for saying what is wrong with them, which costs a thousand times more.
pub const EXPLAIN_EFFORT: u64 = 10_000;

/// Tools in one request to a model. Models choose badly among more, and each costs tokens
/// in every request.
pub const OFFERED_TOOLS: usize = 48;

/// Bytes of names, descriptions and schemas of the tools in one request: some thirty
/// thousand tokens.
pub const OFFERED_BYTES: usize = 128 * 1024;

/// Tools that are offered because they fit what was asked.
pub const FITTING_TOOLS: usize = 16;

/// Tools that one search gives: a page.
pub const FOUND_TOOLS: usize = 10;

/// Characters of a tool's description in what a search gives.
pub const TOOL_LINE_CHARS: usize = 300;

/// Characters of a list of names of tools or plugins.
pub const TOOL_NAMES_CHARS: usize = 2_000;

/// Characters of a description that can be found: what matters stands in front.
pub const INDEXED_CHARS: usize = 2_000;

/// Different words of a search that are looked at.
pub const FIND_WORDS: usize = 64;

/// From so many tools on, words that more than half of them have find nothing.
pub const COMMON_WORDS_FROM: usize = 20;

/// Compiled schemas that are kept. Old generations fall out when it is full.
pub const VALIDATORS: usize = 512;

/// Ended turns whose id is remembered, so that a client's retry is not run again.
pub const REMEMBERED_TURNS: usize = 1024;

/// Turns outside the session queues at once, mostly stateless ones: each holds a
/// provider's store and a connection.
pub const APART_TURNS: usize = 256;

/// Characters of one workspace file in the prompt.
pub const PROMPT_FILE_CHARS: usize = 20_000;

/// Percent of `PROMPT_FILE_CHARS` kept of the head of a longer file.
pub const PROMPT_HEAD_PERCENT: usize = 70;

/// Percent of `PROMPT_FILE_CHARS` kept of the tail of a longer file.
pub const PROMPT_TAIL_PERCENT: usize = 20;

/// Characters of all workspace files together.
pub const PROMPT_TOTAL_CHARS: usize = 100_000;

/// Characters of what is remembered of a person, in one request: a page.
pub const REMEMBERED_CHARS: usize = 6_000;

/// Facts that are looked at for it: more would not fit, were they two words each.
pub const REMEMBERED_FACTS: usize = 400;

/// Lines of a list in the answer to a chat command: a chat message, not a page.
pub const LISTED: usize = 60;

/// Bytes of a calendar line: every minute of an hour written out has fewer.
pub const CRON_LINE_BYTES: usize = 256;

/// How far in the past the time of a new job may be: it was on its way, not a mistake.
pub const JOB_PAST_MS: u64 = 60_000;

/// Behind its time by more than this, a job's message says that it is late.
pub const JOB_LATE_MS: u64 = 60_000;

/// Scheduled turns at once. They run while nobody waits: most of a small machine, and
/// of a model server's rate, is left to people.
pub const SCHEDULED_TURNS: usize = 4;

/// Longest sleep of the scheduler: clocks are set and machines wake up, and a sleep
/// counts neither.
pub const SCHEDULE_LOOK: Duration = Duration::from_secs(30);

/// Pause after the store failed, or gave a job that could not be taken: no spinning.
pub const SCHEDULE_RETRY: Duration = Duration::from_secs(5);

/// Turns inside turns: a turn that a plugin asked for may ask for one more, through a
/// plugin that answers for a model, and there it ends.
pub const TURNS_DEEP: u8 = 2;

/// Turns inside calls at once. Each holds the place of the call that asked and needs one
/// more for its model: a quarter of the plugin host's places leaves the others theirs.
pub const SUB_TURNS: usize = 16;

/// Bytes of the prompt of a turn inside a call: as that of a job.
pub const ASK_PROMPT_BYTES: usize = skynet_core::limits::JOB_PROMPT_BYTES;

/// Sessions, newest first, among which those of turns that died with the host are looked for.
pub const CHILDREN_LOOKED_FOR: usize = 1_000;

/// Messages of plugins that may wait in one session's queue: the rest of it is people's.
pub const NOTES_WAITING: usize = 4;

/// Bytes of one message of a plugin to a person: a long letter.
pub const OUTBOX_TEXT_BYTES: usize = skynet_core::limits::PLUGIN_MESSAGE_BYTES;

/// Bytes of what a tool says while it works that are shown: more than anybody reads meanwhile. The result has it all.
pub const SAID_BYTES: usize = 32 * 1024;

/// Between two showings of that, ms: faster is only restless, and each goes to every client.
pub const SAID_PAUSE_MS: u64 = 100;
