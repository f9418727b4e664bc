//! The table of numbers in README.md, made of the committed results in `bench/`.
//!
//! It owns the lines between the two marks. Nobody writes a figure there by hand.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- numbers: made by `cargo xtask numbers` from bench/ -->\n";
const END: &str = "<!-- end of numbers -->\n";

fn read(root: &Path, name: &str) -> Result<Value> {
    let path = root.join("bench").join(name);
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read; bench/measure.sh writes it", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value["rows"].as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Three figures that count, at most.
fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn table(results: &Value, criterion: &Value, unit: &Value) -> Result<String> {
    let mut table = format!(
        "Measured with `{}` ({} build, {} cores) and `{}`; `bench/measure.sh` does both. The systemd unit, from 0 (shut) to 10 (open): \
         `{}` of systemd {}, by `bench/unit.sh`.\n\n| what | figure | bound |\n|---|---|---|\n",
        text(&results["command"]),
        text(&results["profile"]),
        results["cores"],
        text(&criterion["command"]),
        text(&unit["command"]),
        unit["systemd"]
    );
    for row in rows(results).chain(rows(unit)) {
        let bound = match (&row["bound"], row["held"].as_bool()) {
            (bound, Some(held)) => {
                format!("{} {}{}", text(&bound["is"]), bound["limit"], if held { "" } else { ", **missed**" })
            }
            _ => String::new(),
        };
        let Some(value) = row["value"].as_f64() else { continue };
        writeln!(table, "| {} | {} {} | {bound} |", text(&row["name"]), figure(value), text(&row["unit"]))?;
    }
    for row in rows(criterion) {
        let nanoseconds = row["nanoseconds"].as_f64().context("a bench without a figure")?;
        writeln!(table, "| {} | {} us | |", text(&row["name"]), figure(nanoseconds / 1e3))?;
    }
    Ok(table)
}

/// README.md as it should be.
fn expected(root: &Path, readme: &str) -> Result<String> {
    let table = table(&read(root, "results.json")?, &read(root, "criterion.json")?, &read(root, "unit.json")?)?;
    let marks = readme.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = marks.context("README.md has lost the marks around its numbers")?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

/// Writes the table, or fails when it is not what the results say.
pub(crate) fn run(root: &Path, check: bool) -> Result<()> {
    let path = root.join("README.md");
    let readme = fs::read_to_string(&path).context("README.md")?;
    let expected = expected(root, &readme)?;
    if readme == expected {
        return Ok(());
    }
    if check {
        bail!("the numbers in README.md are not those in bench/; run `cargo xtask numbers`");
    }
    fs::write(&path, expected).context("README.md")
}
