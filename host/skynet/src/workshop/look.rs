//! What a review finds in a draft: in the component, and in the source that is in it.
//!
//! The rules and what blocks are the review's own. What is of no interest to an owner,
//! such as what every instant plugin shares, is left out.

use skynet_core::PluginId;
use skynet_policy::release::Release;
use skynet_review::{Material, Policy, Report, Script, Severity, Text, review, review_script};

/// One line for each finding; the error names what blocks.
pub(crate) fn findings(release: &Release, component: &[u8], source: &str, known: &[PluginId]) -> Result<Vec<String>, String> {
    let policy = Policy::default();
    let whole = review(&Material { file: component, release: Some(release), known, tools: &[], texts: &[] }, &policy);
    let text = Text { name: "source.js", bytes: source.as_bytes() };
    let script = review_script(&Script { files: &[text], unread: &[], run: None, permissions: &release.permissions }, &policy);
    let blocking = |report: &Report| {
        report.findings.iter().filter(|one| one.blocks).map(|one| format!("{}: {}", one.rule, one.why)).collect::<Vec<_>>()
    };
    let blocked: Vec<String> = blocking(&whole).into_iter().chain(blocking(&script)).collect();
    if !blocked.is_empty() {
        return Err(format!("it may not be proposed: {}", blocked.join("; ")));
    }
    let mut lines = whole.lines(Severity::Medium);
    lines.extend(script.lines(Severity::Low));
    Ok(lines)
}
