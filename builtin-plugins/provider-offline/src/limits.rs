//! Limits of the offline provider, each with its reason.

/// Characters of one tool result that are repeated in the answer. The person
/// reads it in a chat; the whole is in the tool's own record.
pub(crate) const RESULT_CHARS: usize = 6_000;

/// Pieces that one answer is pushed in, so that long ones do not cross into the
/// host for every few words.
pub(crate) const PIECES: usize = 60;

/// Words in one piece of a short answer: it should look as if it were written.
pub(crate) const PIECE_WORDS: usize = 4;

/// Names of tools that a sentence lists.
pub(crate) const LISTED_TOOLS: usize = 12;
