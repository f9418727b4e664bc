//! Reading what nobody should see: from the terminal without echo, or from stdin.
//!
//! Never from an argument: those stand in the list of processes and in the shell's
//! history. What was read is wiped when dropped.

use crate::output::Out;
use anyhow::{Context, Result};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use skynet_policy::limits::SECRET_BYTES;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Read, Write};
use zeroize::Zeroizing;

/// Puts the terminal back as it was, however reading ends.
struct Echo<'a> {
    terminal: &'a File,
    before: rustix::termios::Termios,
}

impl Drop for Echo<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// Asks at the terminal and reads one line without showing it.
pub(crate) fn hidden(question: &str) -> Result<Zeroizing<String>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").context("there is no terminal to ask at")?;
    let before = tcgetattr(&terminal).context("the terminal")?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    write!(terminal, "{question}")?;
    terminal.flush()?;
    tcsetattr(&terminal, OptionalActions::Flush, &silent).context("the terminal cannot be told not to show what is typed")?;
    let line = {
        let reader = terminal.try_clone()?;
        let _echo = Echo { terminal: &terminal, before };
        line_of(reader)
    };
    writeln!(terminal)?;
    line
}

/// All of stdin, without the line break at its end.
pub(crate) fn from_stdin() -> Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(SECRET_BYTES));
    // One byte more than is taken, so that too much is seen and not cut off.
    std::io::stdin().lock().take(SECRET_BYTES as u64 + 3).read_to_string(&mut text).context("stdin is no text")?;
    let kept = text.strip_suffix('\n').map_or(text.len(), |rest| rest.strip_suffix('\r').unwrap_or(rest).len());
    text.truncate(kept);
    Ok(text)
}

/// Whether a person at the terminal agrees; nobody there is a no.
pub(crate) fn agreed(question: &str, out: &Out) -> Result<bool> {
    if out.json || !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut stdout = std::io::stdout();
    write!(stdout, "{question}")?;
    stdout.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// A value: typed, where a person sits at stdin, else all of stdin.
pub(crate) fn value(question: &str) -> Result<Zeroizing<String>> {
    if std::io::stdin().is_terminal() { hidden(question) } else { from_stdin() }
}

/// One line, read byte by byte so that no buffer keeps a copy.
fn line_of(mut from: impl Read) -> Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(SECRET_BYTES));
    let mut byte = [0];
    while line.len() < SECRET_BYTES && from.read(&mut byte)? == 1 && byte != *b"\n" {
        line.extend_from_slice(&byte);
    }
    let text = std::str::from_utf8(&line).context("what was typed is no text")?;
    Ok(Zeroizing::new(text.trim_end_matches('\r').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_at_its_break_and_keeps_its_spaces() {
        for (typed, read) in [("a b \r\nc", "a b "), ("", ""), ("é", "é")] {
            assert_eq!(line_of(typed.as_bytes()).unwrap().as_str(), read);
        }
        assert!(line_of([0xff_u8].as_slice()).is_err());
    }
}
