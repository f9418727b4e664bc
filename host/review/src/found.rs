//! Findings as they come in, not more of a rule than anybody looks at.
//!
//! A stranger's file can hold millions of places that a rule names, and each finding takes
//! more room than its place. Owns the bound over all looks together; refuses nothing: what
//! is left out is more of what is there, with the same consequence.

use crate::finding::{Finding, Severity};
use crate::limits::KEPT;
use std::collections::BTreeMap;

/// All that was found so far.
#[derive(Debug, Default)]
pub(crate) struct Found {
    kept: Vec<Finding>,
    counts: BTreeMap<(String, Severity), usize>,
}

impl Found {
    /// One more.
    pub(crate) fn push(&mut self, finding: Finding) {
        // A milder finding of the same rule must not push out a graver one.
        let count = self.counts.entry((finding.rule.clone(), finding.severity)).or_default();
        if *count < KEPT {
            *count += 1;
            self.kept.push(finding);
        }
    }

    /// What is to be reported.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.kept
    }
}

impl Extend<Finding> for Found {
    fn extend<T: IntoIterator<Item = Finding>>(&mut self, findings: T) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}
