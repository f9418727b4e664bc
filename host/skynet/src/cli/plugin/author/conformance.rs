//! What `plugin test` asks of any plugin, asked of a file that somebody handed in.
//!
//! It runs in the sandbox of a host of its own, in a process that gave up all else (`walled.rs`), without
//! secrets, files or a network: servers are played back from what came with it. Says what failed; decides
//! nothing. Refuses one that takes a keeper's machine for longer than a review is worth.

use super::golden::{self, Golden};
use super::test;
use super::walled::{self, Work};
use crate::limits::CONFORMANCE;
use anyhow::Result;
use skynet_plugins::Exchange;

/// What came of it.
pub(in crate::cli) struct Conformance {
    /// Checks that were made.
    pub(in crate::cli) made: usize,
    /// Those that failed, each with its reason.
    pub(in crate::cli) faults: Vec<String>,
    /// Where it ran, for people.
    pub(in crate::cli) place: String,
}

/// Runs a plugin file through the checks, and through its author's calls where there are any.
pub(in crate::cli) async fn of(name: &str, packed: &[u8], calls: Option<&[u8]>, tape: Option<&[u8]>) -> Result<Conformance> {
    // Read here too: what is wrong with them is said before anything runs.
    let _: Golden = golden::parse(test::CALLS, calls)?;
    let _: Vec<Exchange> = golden::parse(test::TAPE, tape)?;
    let checked = walled::checked(Work { name, packed, calls, tape, most: CONFORMANCE }).await?;
    Ok(Conformance { made: checked.report.0.len(), faults: checked.report.faults(), place: checked.place() })
}
