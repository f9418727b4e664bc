//! Limits of a script, with their reasons. Time and memory are the host's to bound.

/// Bytes of the room for the script and its header. A script of a person or a model
/// has a few kilobytes; a bundle with a library has a hundred.
pub(crate) const ROOM: usize = 256 * 1024;

/// Calls inside one another. Calls from built-in functions take native stack, of which
/// the host gives 512 KiB; see the test of runaway recursion through `Array.map`.
pub(crate) const RECURSION: usize = 200;

/// Values on the engine's own stack: `RECURSION` frames of a hundred each.
pub(crate) const STACK_VALUES: usize = 20_000;

/// Bytes of a response's body that a script may read: what the host gives to a call
/// is more, but the engine keeps several copies in 64 MiB.
pub(crate) const BODY_BYTES: usize = 4 * 1024 * 1024;
