//! The one place where a proposal's plugin is run: by the conformance test, in the sandbox of a walled process.
//!
//! A registry's review calls nothing else that runs a component. One that failed before is
//! not run, and where its keeper says so none is.

use crate::cli::plugin::author::conformance;
use skynet_registry_client::author::{Check, Submission};

const NAME: &str = "conformance";

/// The author's calls, and what servers answered, among the texts of a submission.
const CALLS: &str = "calls.json";
const TAPE: &str = "exchanges.json";

/// Why it is not run, where it is not.
pub(super) fn skipped(why: &str) -> Check {
    Check::skipped(NAME, why)
}

/// Whether the plugin does what its kind promises.
pub(super) async fn check(name: &str, file: &[u8], submission: &Submission) -> Check {
    let text = |wanted: &str| submission.texts.iter().find(|(name, _)| name == wanted).map(|(_, bytes)| bytes.as_slice());
    let calls = if text(CALLS).is_some() { ", its author's calls among them" } else { "" };
    Check::of(
        NAME,
        match conformance::of(name, file, text(CALLS), text(TAPE)).await {
            Ok(ran) if ran.faults.is_empty() => Ok(format!("{} checks {}, without servers and files{calls}", ran.made, ran.place)),
            Ok(ran) => Err(format!("{} of {} checks failed: {}", ran.faults.len(), ran.made, ran.faults.join("; "))),
            Err(error) => Err(format!("{error:#}. See it with `skynet plugin test` in its folder")),
        },
    )
}
