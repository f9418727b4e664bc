//! `cargo xtask fuzz [TARGET] [--minutes N]`: a longer run than the smoke test of CI.
//!
//! It reads the words and hands over to `.ci/fuzz.sh`, which CI runs too. It refuses
//! words that it does not know, and times that are no whole minutes.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Long enough to find what a minute does not; short enough for a coffee.
const MINUTES: u64 = 10;

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked<'a> {
    targets: Vec<&'a str>,
    minutes: Option<u64>,
}

fn read<'a>(words: &[&'a str]) -> Result<Asked<'a>> {
    let mut asked = Asked::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if *word == "--minutes" {
            let minutes = words.next().and_then(|number| number.parse().ok()).filter(|minutes| (1..=10_000).contains(minutes));
            asked.minutes = Some(minutes.context("--minutes wants a whole number from 1 to 10000")?);
        } else if word.starts_with('-') {
            bail!("fuzz knows --minutes N and names of targets, not {word}");
        } else {
            asked.targets.push(word);
        }
    }
    Ok(asked)
}

/// Runs the targets, each for as long.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<()> {
    let asked = read(words)?;
    let seconds = asked.minutes.unwrap_or(MINUTES).saturating_mul(60).to_string();
    let mut script = Command::new("bash");
    script.arg(root.join(".ci/fuzz.sh")).args(&asked.targets).env("SKYNET_FUZZ_SECONDS", seconds);
    let status = script.status().context("bash could not be started")?;
    if status.success() { Ok(()) } else { bail!("an input was found that a target does not bear; the lines above name it") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_minutes_come_in_any_order() {
        assert_eq!(read(&["sse", "--minutes", "3", "diff"]).unwrap(), Asked { targets: vec!["sse", "diff"], minutes: Some(3) });
        assert_eq!(read(&[]).unwrap(), Asked::default());
    }

    #[test]
    fn other_words_are_refused() {
        for words in [&["--minutes"][..], &["--minutes", "0"], &["--minutes", "x"], &["--hours", "1"]] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }
}
