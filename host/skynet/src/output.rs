//! What commands print: text for people, one JSON value for programs. Colours only
//! on a terminal, never when NO_COLOR is set.

use serde_json::{Value, json};
use std::io::{IsTerminal, Write};

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// Where commands write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    pub(crate) json: bool,
    color: bool,
}

impl Out {
    pub(crate) fn new(json: bool, color: Color) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !plain && std::io::stdout().is_terminal(),
        };
        Self { json, color }
    }

    /// A line for people; nothing under `--json`.
    pub(crate) fn line(&self, text: &str) {
        if !self.json {
            // A closed pipe is the reader's word that it has enough.
            let _ = writeln!(std::io::stdout(), "{text}");
        }
    }

    /// The command's result for programs; nothing without `--json`.
    pub(crate) fn value(&self, value: &Value) {
        if self.json {
            let _ = writeln!(std::io::stdout(), "{value}");
        }
    }

    /// Both: `text` for people, `value` for programs.
    pub(crate) fn both(&self, text: &str, value: &Value) {
        self.line(text);
        self.value(value);
    }

    /// An error, on stderr; under `--json` as one object.
    pub(crate) fn error(&self, text: &str, code: u8) {
        if self.json {
            let _ = writeln!(std::io::stderr(), "{}", json!({ "error": text, "code": code }));
        } else {
            let _ = writeln!(std::io::stderr(), "{} {text}", self.paint("31", "error:"));
        }
    }

    /// Text in a colour, where colours go.
    pub(crate) fn paint(&self, sgr: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{sgr}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
