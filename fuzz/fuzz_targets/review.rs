//! A plugin, and the texts beside it, before they are installed.
//!
//! Seeds are components as text, or plain texts. Held: a look ends and says the same
//! twice; a file that does not validate does not pass; what admission refuses by its
//! budgets the review refuses too; nothing hidden and no planted key is in a report;
//! a longer list of blocking rules blocks no less.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skynet_core::PluginId;
use skynet_policy::naming::is_hidden;
use skynet_policy::{Permissions, strip};
use skynet_review::{Material, Policy, Report, Script, Severity, Text, ToolText, budget, review, review_script, rule_list};
use std::sync::LazyLock;

static RULES: LazyLock<Vec<String>> = LazyLock::new(|| rule_list().into_iter().map(|(id, _)| id).collect());
static KNOWN: LazyLock<Vec<PluginId>> =
    LazyLock::new(|| ["acme/weather", "skynet/tool-time"].iter().filter_map(|text| PluginId::new(text).ok()).collect());

fuzz_target!(|bytes: &[u8]| {
    let made = component_of(bytes);
    let file = made.as_deref().unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    let texts = [Text { name: "README.md", bytes }];
    let tools = [ToolText { name: &text, text: &text }];
    let material = Material { file, release: None, known: &KNOWN, tools: &tools, texts: &texts };
    let report = review(&material, &Policy::default());
    assert_eq!(report, review(&material, &Policy::default()), "it says the same twice");
    holds(&report);

    let component = strip(file);
    let sound = budget::count(component).and_then(|_| budget::validate(component)).is_ok();
    assert_eq!(report.counts.is_some(), sound, "what validates is looked at, and nothing else");
    assert!(sound || report.blocked, "what could not be looked at does not pass");

    let strict = Policy { block_from: Some(Severity::Info), ..Policy::default() };
    assert_eq!(review(&material, &strict).blocked, !report.findings.is_empty());
    let lax = Policy { allow: RULES.iter().cloned().collect(), ..strict };
    assert!(!review(&material, &lax).blocked);

    let script = review_script(
        &Script { files: &[Text { name: "run.sh", bytes }], unread: &[], run: None, permissions: &Permissions::default() },
        &Policy::default(),
    );
    holds(&script);
    planted(bytes);
});

/// A seed is text.
fn component_of(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.trim_start().starts_with('('))?;
    wat::parse_str(text).ok()
}

fn holds(report: &Report) {
    for finding in &report.findings {
        assert!(RULES.contains(&finding.rule), "{}", finding.rule);
        for shown in [&finding.place, &finding.excerpt, &finding.why, &finding.fix] {
            assert!(!shown.chars().any(|c| c.is_control() || is_hidden(c)), "{shown:?}");
        }
        assert!(finding.excerpt.chars().count() <= 1100, "{}", finding.excerpt);
    }
    assert!(report.findings.len() <= RULES.len() * 12);
    assert_eq!(report.blocked, report.findings.iter().any(|finding| finding.blocks), "what blocks is shown");
}

/// A key in the middle of it is found, and not repeated.
fn planted(bytes: &[u8]) {
    const KEY: &str = "AKIAQ7X2M9P4T6V8W3Z5";
    let half = bytes.len() / 2;
    let (before, after) = bytes.split_at(half);
    let text = [before, b"\n", KEY.as_bytes(), b"\n", after].concat();
    let report = review_script(
        &Script { files: &[Text { name: "run.sh", bytes: &text }], unread: &[], run: None, permissions: &Permissions::default() },
        &Policy::default(),
    );
    let elsewhere = bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes());
    let full = report.more.contains_key("leaked-key") || report.more.contains_key("analysis-unfinished");
    assert!(full || report.findings.iter().any(|finding| finding.rule == "leaked-key" || finding.rule == "analysis-unfinished"));
    assert!(elsewhere || !report.to_string().contains(KEY));
}
