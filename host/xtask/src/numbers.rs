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

/// What rows of criterion must not exceed, in microseconds. Its file has no place for bounds.
const AT_MOST_US: [(&str, f64); 1] = [("delta/guest to turn", 1.0)];

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
        let (name, us) = (text(&row["name"]), nanoseconds / 1e3);
        let limit = AT_MOST_US.iter().find(|(bounded, _)| *bounded == name).map(|(_, limit)| *limit);
        if let Some(limit) = limit.filter(|limit| us > *limit) {
            bail!(
                "`{name}` took {} us, and may take at most {limit:.1}; make it faster and measure again with bench/measure.sh",
                figure(us)
            );
        }
        let bound = limit.map_or_else(String::new, |limit| format!("at most {limit:.1} us "));
        writeln!(table, "| {name} | {} us | {bound}|", figure(us))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_of_criterion_has_its_bound_beside_it_and_fails_over_it() {
        let of = |nanoseconds: f64| {
            let rows = json!({ "rows": [{ "name": "delta/guest to turn", "nanoseconds": nanoseconds }] });
            table(&json!({}), &rows, &json!({}))
        };
        assert!(of(1000.0).unwrap().contains("| delta/guest to turn | 1.00 us | at most 1.0 us |"));
        assert!(of(1001.0).unwrap_err().to_string().contains("delta/guest to turn"));
    }
}
