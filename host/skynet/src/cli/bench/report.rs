//! Rows of a measurement: a figure, its baseline, the bound it is held against.

use crate::args::Bench;
use crate::output::Out;
use clap::ValueEnum;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How a figure is held against its bound.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// All rows so far.
pub(crate) struct Report<'a> {
    out: &'a Out,
    command: String,
    rows: Vec<Value>,
}

/// The middle of some figures.
pub(crate) fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// The highest of some figures.
pub(crate) fn best(figures: &[f64]) -> f64 {
    figures.iter().copied().fold(f64::NAN, f64::max)
}

/// How long a piece of work took, in microseconds.
pub(crate) async fn micros<T>(work: impl Future<Output = T>) -> (f64, T) {
    let begun = Instant::now();
    let done = work.await;
    (micros_of(begun.elapsed()), done)
}

pub(crate) fn micros_of(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

impl<'a> Report<'a> {
    pub(crate) fn new(bench: &Bench, out: &'a Out) -> Self {
        if bench.quick {
            out.line("short rounds: figures to see that it runs, not to quote");
        }
        let mut command = "skynet bench".to_owned();
        for part in bench.parts.iter().filter_map(|part| part.to_possible_value()) {
            command.push_str(&format!(" {}", part.get_name()));
        }
        command.push_str(if bench.quick { " --quick" } else { "" });
        // Whose the file was is no part of the result.
        command.push_str(if bench.native_model.is_some() { " --native-model PROGRAM" } else { "" });
        Self { out, command, rows: Vec::new() }
    }

    /// Why something was not measured.
    pub(crate) fn remark(&self, why: &str) {
        self.out.line(&format!("  {why}"));
    }

    /// A figure for its own sake, such as a baseline.
    pub(crate) fn figure(&mut self, name: &str, value: f64, unit: &str) {
        self.out.line(&format!("  {name:<58} {value:>11.2} {unit}"));
        self.rows.push(json!({ "name": name, "value": value, "unit": unit }));
    }

    /// A figure with the bound that it is held against.
    pub(crate) fn held(&mut self, name: &str, value: f64, unit: &str, bound: Bound) {
        let (good, word, limit) = match bound {
            Bound::AtMost(limit) => (value <= limit, "at most", limit),
            Bound::AtLeast(limit) => (value >= limit, "at least", limit),
        };
        let mark = if good { self.out.paint("32", "held") } else { self.out.paint("31", "missed") };
        self.out.line(&format!("  {name:<58} {value:>11.2} {unit:<8} {word} {limit} {mark}"));
        self.rows.push(json!({ "name": name, "value": value, "unit": unit, "bound": { "is": word, "limit": limit }, "held": good }));
    }

    /// Everything, with what the machine was.
    pub(crate) fn value(&self) -> Value {
        let missed = self.rows.iter().filter(|row| row["held"] == false).count();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        json!({
            "command": self.command, "version": env!("CARGO_PKG_VERSION"), "profile": if cfg!(debug_assertions) { "debug" } else { "release" },
            "system": std::env::consts::OS, "machine": std::env::consts::ARCH, "cores": cores, "rows": self.rows, "missed": missed,
        })
    }
}
