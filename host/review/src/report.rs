//! All findings about one plugin, in one order, as text, as Markdown and as data.
//!
//! The same bytes give the same report on every machine. Only so many findings of a
//! rule are shown; the rest is counted, so that a flood of small ones hides nothing.

use crate::budget::Counts;
use crate::finding::{Finding, Severity};
use crate::limits::SHOWN;
use crate::policy::Policy;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Gravest first.
    pub findings: Vec<Finding>,
    /// Rules of which there are more findings than are shown, with how many more; at least so many, where there are
    /// hundreds.
    pub more: BTreeMap<String, u64>,
    /// What was counted; absent for scripts and for what is no component.
    pub counts: Option<Counts>,
    /// The policy keeps it out.
    pub blocked: bool,
}

impl Report {
    /// Orders, counts and judges.
    pub(crate) fn new(mut findings: Vec<Finding>, counts: Option<Counts>, policy: &Policy) -> Self {
        findings.iter_mut().for_each(|finding| finding.blocks = policy.blocks(&finding.rule, finding.severity));
        let order = |one: &Finding| (std::cmp::Reverse(one.blocks), std::cmp::Reverse(one.severity));
        findings.sort_by(|one, next| {
            let rest = |finding: &Finding| (finding.rule.clone(), finding.place.clone(), finding.offset, finding.excerpt.clone());
            order(one).cmp(&order(next)).then_with(|| rest(one).cmp(&rest(next)))
        });
        findings.dedup();
        let blocked = findings.iter().any(|finding| finding.blocks);
        let mut shown: BTreeMap<String, usize> = BTreeMap::new();
        let mut more: BTreeMap<String, u64> = BTreeMap::new();
        findings.retain(|finding| {
            let count = shown.entry(finding.rule.clone()).or_default();
            *count += 1;
            if *count > SHOWN {
                *more.entry(finding.rule.clone()).or_default() += 1;
            }
            *count <= SHOWN
        });
        Self { findings, more, counts, blocked }
    }

    /// The gravest severity that was found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Findings of this severity.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.severity == severity)
    }

    /// One line for each finding of at least this severity: for a plan that a person decides on.
    pub fn lines(&self, from: Severity) -> Vec<String> {
        self.findings.iter().filter(|finding| finding.severity >= from || finding.blocks).map(line).collect()
    }

    /// `2 high, 1 medium, 3 info`, or `nothing`.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        for severity in [Severity::High, Severity::Medium, Severity::Low, Severity::Info] {
            let hidden: u64 =
                self.more.iter().filter(|(rule, _)| self.of(severity).any(|finding| finding.rule == **rule)).map(|(_, more)| more).sum();
            let count = u64::try_from(self.of(severity).count()).unwrap_or(u64::MAX).saturating_add(hidden);
            if count > 0 {
                parts.push(format!("{count} {severity}"));
            }
        }
        if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
    }

    /// For a comment on a proposal.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("**Findings:** {}\n", self.summary());
        if !self.findings.is_empty() {
            text.push_str("\n| | rule | where | what | why | remedy |\n|---|---|---|---|---|---|\n");
        }
        for finding in &self.findings {
            let mark = if finding.blocks { format!("**{}, blocks**", finding.severity) } else { finding.severity.to_string() };
            let what = if finding.excerpt.is_empty() { String::new() } else { format!("`{}`", finding.excerpt.replace('|', "\\|")) };
            text.push_str(&format!(
                "| {mark} | {} | `{}` | {what} | {} | {} |\n",
                finding.rule,
                place(finding).replace('|', "\\|"),
                finding.why,
                finding.fix
            ));
        }
        for (rule, more) in &self.more {
            text.push_str(&format!("\n{more} more of {rule}.\n"));
        }
        text
    }
}

fn place(finding: &Finding) -> String {
    match finding.offset {
        Some(offset) => format!("{} at byte {offset}", finding.place),
        None => finding.place.clone(),
    }
}

fn line(finding: &Finding) -> String {
    let what = if finding.excerpt.is_empty() { String::new() } else { format!(" `{}`", finding.excerpt) };
    let blocks = if finding.blocks { ", blocks" } else { "" };
    format!("{}{blocks} {} in {}:{what} {}", finding.severity, finding.rule, place(finding), finding.why)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let blocks = if finding.blocks { " BLOCKS" } else { "" };
            writeln!(f, "{:<7}{}{blocks} — {}", finding.severity, finding.rule, place(finding))?;
            if !finding.excerpt.is_empty() {
                writeln!(f, "       `{}`", finding.excerpt)?;
            }
            writeln!(f, "       {}", finding.why)?;
            writeln!(f, "       remedy: {}", finding.fix)?;
        }
        for (rule, more) in &self.more {
            writeln!(f, "       and {more} more of {rule}")?;
        }
        write!(f, "found: {}", self.summary())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&line(self))
    }
}
