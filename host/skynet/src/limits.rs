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

/// Free disk, bytes. Less, and a database write may fail in the middle of a day.
pub(crate) const LOW_DISK: u64 = 256 * 1024 * 1024;

/// For one program of a build. A first build fetches and compiles what it depends on.
pub(crate) const BUILD: Duration = Duration::from_secs(1800);
