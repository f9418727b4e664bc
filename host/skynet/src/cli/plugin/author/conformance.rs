//! What `plugin test` asks of any plugin, asked of a file that somebody handed in.
//!
//! It runs in the sandbox of a host of its own, without secrets, files or a network: servers
//! are played back from what came with it. Says what failed; decides nothing. Refuses one that
//! takes a keeper's machine for longer than a review is worth.

use super::golden::{self, Golden};
use super::subject::Subject;
use super::test;
use crate::exit::{Kind, fail};
use crate::limits::CONFORMANCE;
use anyhow::Result;
use skynet_plugins::Exchange;
use std::path::Path;
use tokio::time::timeout;

/// What came of it.
pub(in crate::cli) struct Conformance {
    /// Checks that were made.
    pub(in crate::cli) made: usize,
    /// Those that failed, each with its reason.
    pub(in crate::cli) faults: Vec<String>,
}

/// Runs a plugin file through the checks, and through its author's calls where there are any.
pub(in crate::cli) async fn of(name: &str, file: &[u8], calls: Option<&[u8]>, tape: Option<&[u8]>) -> Result<Conformance> {
    let golden: Golden = golden::parse(test::CALLS, calls)?;
    let tape: Vec<Exchange> = golden::parse(test::TAPE, tape)?;
    let subject = Subject::handed_in(Path::new(name), file)?;
    // Each call has its bounds; how many there are is its author's to say.
    let tested = timeout(CONFORMANCE, test::test(&subject, &golden, tape)).await;
    let late = || fail(Kind::Refused, format!("its checks and calls took more than {} s together", CONFORMANCE.as_secs()));
    let report = tested.map_err(|_| late())??;
    let made = report.0.len();
    let faults = report.0.into_iter().filter_map(|check| check.fault.map(|fault| format!("{}: {fault}", check.name))).collect();
    Ok(Conformance { made, faults })
}
