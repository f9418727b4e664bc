//! What a review finds in a plugin that was fetched, for whoever decides on it.
//!
//! Shown before the question and never in its place: findings are for people, and only a
//! policy keeps a plugin out. The whole report is `skynet plugin review`'s.

use crate::exit::{Kind, fail};
use crate::output::Out;
use anyhow::Result;
use skynet_core::PluginId;
use skynet_policy::release::Release;
use skynet_review::{Material, Policy, Report, Severity};

/// Looks through a plugin file. `known` are plugins whose names must not be taken for its own.
pub(crate) fn of(file: &[u8], release: &Release, known: &[PluginId], policy: &Policy) -> Report {
    skynet_review::review(&Material { file, release: Some(release), known, tools: &[], texts: &[] }, policy)
}

/// Those that a person should ask about, and how many there are in all.
pub(crate) fn show(report: &Report, out: &Out) {
    for line in report.lines(Severity::Medium) {
        let word = line.split([' ', ',']).next().unwrap_or_default();
        let color = if Severity::parse(word) == Some(Severity::High) { "31" } else { "33" };
        let rest = line.get(word.len()..).unwrap_or_default();
        out.line(&format!("  {} {}{rest}", out.paint("1", "finding:"), out.paint(color, word)));
    }
    out.line(&format!("  a review of it found: {}", report.summary()));
}

/// Refuses what the policy keeps out.
pub(crate) fn pass(name: &str, report: &Report) -> Result<()> {
    if !report.blocked {
        return Ok(());
    }
    let why: Vec<String> = report.findings.iter().filter(|one| one.blocks).map(|one| format!("{}: {}", one.rule, one.why)).collect();
    let remedy = "Tell its publisher; if you looked and it is honest, --allow RULE lets it pass";
    Err(fail(Kind::Refused, format!("{name} does not pass the review: {}. Nothing was changed. {remedy}", why.join("; "))))
}

/// Rules of the gravest severity that speak against one and did not against the other: what
/// no update brings without a word.
pub(crate) fn graver(new: &Report, old: &Report) -> Vec<String> {
    let known: Vec<&str> = old.of(Severity::High).map(|finding| finding.rule.as_str()).collect();
    let mut rules: Vec<String> =
        new.of(Severity::High).map(|finding| finding.rule.clone()).filter(|rule| !known.contains(&rule.as_str())).collect();
    rules.sort();
    rules.dedup();
    rules
}
