//! The answer to a proposal: for a terminal, for a comment under it, and as data.

use crate::cli::plugin::review;
use crate::output::Out;
use semver::Version;
use serde::Serialize;
use serde_json::json;
use skynet_policy::diff::PermissionDiff;
use skynet_policy::release::Release;
use skynet_registry_client::author::{Check, Outcome};
use skynet_review::Report;

/// One plugin file of it.
#[derive(Debug, Serialize)]
pub(super) struct Reviewed {
    pub(super) file: String,
    pub(super) release: Option<Release>,
    /// The release before it.
    pub(super) before: Option<Version>,
    /// What it asks for beyond and below that one.
    pub(super) diff: PermissionDiff,
    pub(super) checks: Vec<Check>,
    pub(super) analysis: Report,
}

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Proposal {
    pub(super) passed: bool,
    checks: Vec<Check>,
    plugins: Vec<Reviewed>,
}

fn mark(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Passed => ("passed", "32"),
        Outcome::Failed => ("FAILED", "31"),
        Outcome::Skipped => ("skipped", "33"),
    }
}

impl Reviewed {
    fn title(&self) -> String {
        self.release.as_ref().map_or_else(|| self.file.clone(), |release| format!("{} {}", release.id, release.version))
    }

    /// Sentences and lines: what it asks for, and how that differs from the release before.
    fn asks(&self) -> Vec<String> {
        let all = self.release.iter().flat_map(|release| release.permissions.sentences());
        let mut lines: Vec<String> = all.map(|sentence| format!("asks: {sentence}")).collect();
        if let Some(before) = &self.before {
            let changes = self.diff.to_string();
            let none = changes.is_empty().then(|| "no change".to_owned());
            lines.extend(changes.lines().map(ToOwned::to_owned).chain(none).map(|line| format!("against {before}: {line}")));
        }
        lines
    }
}

impl Proposal {
    pub(super) fn new(checks: Vec<Check>, plugins: Vec<Reviewed>) -> Self {
        let all = checks.iter().chain(plugins.iter().flat_map(|plugin| &plugin.checks));
        let passed = all.filter(|check| check.outcome == Outcome::Failed).count() == 0;
        Self { passed, checks, plugins }
    }

    /// The names of failed checks, each with its file.
    pub(super) fn failing(&self) -> Vec<String> {
        let failed = |check: &&Check| check.outcome == Outcome::Failed;
        let whole = self.checks.iter().filter(failed).map(|check| check.name.to_owned());
        let each = self
            .plugins
            .iter()
            .flat_map(|plugin| plugin.checks.iter().filter(failed).map(|check| format!("{} of {}", check.name, plugin.file)));
        whole.chain(each).collect()
    }

    pub(super) fn show(&self, out: &Out) {
        let line = |check: &Check| {
            let (word, color) = mark(check.outcome);
            out.line(&format!("  {} {:<12} {}", out.paint(color, &format!("{word:<7}")), check.name, check.says));
        };
        self.checks.iter().for_each(line);
        for plugin in &self.plugins {
            out.line(&format!("\n{} ({})", out.paint("1", &plugin.title()), plugin.file));
            plugin.checks.iter().for_each(line);
            plugin.asks().iter().for_each(|ask| out.line(&format!("  {ask}")));
            review::show(&plugin.analysis, out);
        }
        out.line(if self.passed { "\nall checks passed; two people read it before it is published" } else { "" });
        out.value(&json!(self));
    }

    /// For a comment under the proposal.
    pub(super) fn to_markdown(&self) -> String {
        let verdict = if self.passed { "passed" } else { "**failed**" };
        let mut text = format!("# Review: {verdict}\n\n{}", table(&self.checks));
        for plugin in &self.plugins {
            text.push_str(&format!("\n## {}\n\n`{}`\n\n{}\n", plugin.title(), plain(&plugin.file), table(&plugin.checks)));
            let asks = plugin.asks();
            if !asks.is_empty() {
                text.push_str(&format!("```diff\n{}\n```\n\n", asks.iter().map(|ask| plain(ask)).collect::<Vec<_>>().join("\n")));
            }
            text.push_str(&plugin.analysis.to_markdown());
        }
        text
    }
}

/// Nothing in it ends a code span or a cell.
fn plain(text: &str) -> String {
    skynet_policy::naming::plain_line(text, 600).replace('`', "'").replace('|', "\\|")
}

fn table(checks: &[Check]) -> String {
    let mut text = String::from("| | check | |\n|---|---|---|\n");
    for check in checks {
        // As code: what strangers wrote must not become links or pictures.
        text.push_str(&format!("| {} | {} | `{}` |\n", mark(check.outcome).0, check.name, plain(&check.says)));
    }
    text
}
