//! Limits of the file tools, each with its reason.

/// Characters of a file that one `read` gives: as much as the host lets through.
pub(crate) const READ_CHARS: usize = 30_000;

/// Bytes of a file that is read, searched or patched. Read whole into 128 MiB of
/// memory, as bytes, as text, and once more when it is patched.
pub(crate) const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Entries of one listing. More is a folder that nobody reads.
pub(crate) const LIST_ENTRIES: usize = 1_000;

/// Hits of one search. More wants a better pattern.
pub(crate) const SEARCH_HITS: usize = 100;

/// Files one search opens, so that a huge tree ends with an answer instead of a
/// time-out.
pub(crate) const SEARCH_FILES: usize = 20_000;

/// Folders below one another that a search enters; a real tree is flatter.
pub(crate) const SEARCH_DEPTH: usize = 64;

/// Characters of one line in a search hit. A minified file is one line.
pub(crate) const HIT_CHARS: usize = 300;

/// Bytes looked at for a NUL to tell a binary file, as `grep` and `git` do.
pub(crate) const BINARY_PROBE: usize = 8_000;

/// Names tried for the temporary file of an atomic write. Two calls that write
/// the same file at once take one each; more than this is a fault.
pub(crate) const TEMPORARY_NAMES: u32 = 100;
