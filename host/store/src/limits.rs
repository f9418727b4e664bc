//! Limits of the store, each with its reason.

use std::time::Duration;

/// How long a statement waits for another process that writes. Longer than any
/// group of ours takes on a slow disk, shorter than a person's patience.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Attempts to empty the write-ahead log after a deletion, each of which waits `BUSY_TIMEOUT` for those that read:
/// longer than any question takes, shorter than the command line waits.
pub const WIPE_TRIES: u32 = 2;

/// Writes that may wait in the writer's queue. A caller beyond it waits its turn.
pub const WRITE_QUEUE: usize = 256;

/// Writes that share one commit. Each commit costs a flush of the disk; more than
/// this would only make the first of them wait.
pub const WRITE_GROUP: usize = 64;

/// Reads that may wait in the readers' queue.
pub const READ_QUEUE: usize = 256;

/// Threads that read: one slow list must not hold up a turn's history.
pub const READERS: usize = 2;

/// Prepared statements kept by each connection: all that this crate has.
pub const STATEMENTS: usize = 96;

/// Audit rows that may wait: what two cores full of the quickest calls make in several
/// times `ROWS_WAIT`, in about 6 MB. One more is written at once, and its caller waits.
pub const ROWS: usize = 8192;

/// How long audit rows wait for a write that takes them along. What a power cut or
/// kill -9 can take is what was recorded in this time and that no later write follows.
pub const ROWS_WAIT: Duration = Duration::from_millis(10);

/// How long before rows that the disk refused are tried again by themselves.
pub const ROWS_RETRY: Duration = Duration::from_secs(1);

/// Audit rows after which the state of the log is signed, with the commit that makes them
/// due. What nobody has signed can be cut off unseen; a signature costs some 20 us.
pub const CHECKPOINT_ROWS: u64 = 256;

/// Memory that Argon2id takes for one guess at a passphrase, KiB: the floor as well as
/// what is used. 64 MiB is what a small machine can spare and a guesser pays for each try.
pub const ARGON_MEMORY_KIB: u32 = 64 * 1024;

/// Passes of Argon2id over that memory, the floor as well as what is used (RFC 9106 §4).
pub const ARGON_PASSES: u32 = 3;

/// More memory than this is not believed: it would end the host, not a guesser.
pub const ARGON_MOST_KIB: u32 = 1024 * 1024;

/// Bytes of a key file, credential or keyring entry: 256 bits, so that nobody guesses.
pub const MATERIAL_BYTES: usize = 32;

/// Expired facts that one write deletes. A write adds at most one, so they get fewer; a
/// hundred or two cost less than the write's flush.
pub const EXPIRED_FACTS: u64 = 128;

/// Jobs of one user that are over and still shown. Older ones are of no use to anybody.
pub const FINISHED_JOBS: u64 = 100;

/// Fires of one job that are kept, the newest: what a person looks at when it went wrong.
pub const FIRES: u64 = 100;

/// Proposals that were answered or are over and are still kept, to be looked at.
pub const CLOSED_PROPOSALS: u64 = 100;

/// Words that a search looks for: a sentence. Ranking costs the square of their number.
pub(crate) const QUERY_WORDS: usize = 12;

/// Longest time of one search. With all quotas full, a sentence takes a tenth of it.
pub(crate) const SEARCH_WAIT: Duration = Duration::from_secs(2);

/// Steps of the database's machine between two looks at the clock: some microseconds.
pub(crate) const SEARCH_STEPS: i32 = 10_000;
