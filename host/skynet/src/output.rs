//! What commands print: text for people, one JSON value for programs. Colours only
//! on a terminal, never when NO_COLOR is set.

use crate::plain::visible;
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

    /// A line for people; nothing under `--json`. It may quote a stranger: a summary, a file's name, what a plugin
    /// said as it failed. So of what a terminal acts on, only our own colours go through.
    pub(crate) fn line(&self, text: &str) {
        if !self.json {
            // A closed pipe is the reader's word that it has enough.
            let _ = writeln!(std::io::stdout(), "{}", told(text, self.color));
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

    /// An error, on stderr; under `--json` as one object. It may quote a stranger, so what a terminal would act
    /// on is shown as its number; lines stay lines.
    pub(crate) fn error(&self, text: &str, code: u8) {
        let text = harmless(text);
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

/// The colours of this program, as `paint` writes them.
const COLORS: [&str; 6] = ["[0m", "[1m", "[2m", "[31m", "[32m", "[33m"];

/// Lines as they are; what else a terminal would act on as its number, but for our colours where there are any.
fn told(text: &str, color: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let ours = || color && text.get(at + 1..).is_some_and(|rest| COLORS.iter().any(|code| rest.starts_with(code)));
        let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        match c {
            '\n' | '\t' => shown.push(c),
            '\u{1b}' if ours() => shown.push(c),
            c if c.is_control() || reorders => shown.push_str(&format!("<U+{:04X}>", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// Each line without anything that a terminal would act on.
fn harmless(text: &str) -> String {
    text.split('\n').map(|line| visible(line.strip_suffix('\r').unwrap_or(line))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_quotes_a_stranger_moves_no_cursor_and_keeps_our_colours() {
        let ours = Out { json: false, color: true }.paint("31", "refused");
        let strangers = "a\n\tb\u{1b}[2J\u{1b}]52;c;eA==\u{7}\r\u{9b}8m\u{202e}\u{7f} \u{1f468}\u{200d}\u{1f469}";
        let plain = "a\n\tb<U+001B>[2J<U+001B>]52;c;eA==<U+0007><U+000D><U+009B>8m<U+202E><U+007F> \u{1f468}\u{200d}\u{1f469}";
        assert_eq!(told(&format!("{ours} {strangers}"), true), format!("{ours} {plain}"));
        // Who has no colours has no use for the codes of others either.
        assert_eq!(told(&ours, false), "<U+001B>[31mrefused<U+001B>[0m");
    }

    #[test]
    fn an_error_that_quotes_a_stranger_moves_no_cursor_and_keeps_its_lines() {
        assert_eq!(harmless("first\r\nsecond\n  third"), "first\nsecond\n  third");
        assert_eq!(harmless("no \u{1b}]0;title\u{7}\rgood\u{202e}"), "no <U+001B>]0;title<U+0007><U+000D>good<U+202E>");
    }
}
