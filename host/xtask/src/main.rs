//! The workshop: what the maintainers run, and users never need.
//!
//! `cargo xtask wit` regenerates the SDK's bindings and the snapshot of the
//! contract from `wit/`; `cargo xtask wit --check` only says whether they are
//! still what `wit/` gives. `cargo xtask numbers` does the same for the figures in
//! README.md; `cargo xtask fuzz` looks for inputs that break a reader. It refuses
//! words that it does not know.

mod bindings;
mod c;
mod contract;
mod fuzz;
mod numbers;
mod outputs;
#[cfg(test)]
mod tests;

use anyhow::{Result, bail};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask wit|numbers [--check]
       cargo xtask fuzz [TARGET...] [--minutes N]

  wit           write the bindings in plugins-sdk/ (Rust, C) and wit/snapshot.txt from wit/
  wit --check   write nothing; fail when one of them is out of date
  numbers       write the table of numbers in README.md from bench/
  numbers --check
  fuzz          run the targets of fuzz/, or those named, for 10 or N minutes each";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<()> {
    let root = outputs::workspace_root()?;
    match words {
        ["wit"] => outputs::write(&root),
        ["wit", "--check"] => outputs::check(&root),
        ["numbers"] => numbers::run(&root, false),
        ["numbers", "--check"] => numbers::run(&root, true),
        ["fuzz", words @ ..] => fuzz::run(&root, words),
        _ => bail!("{USAGE}"),
    }
}
