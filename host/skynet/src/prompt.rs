//! Reading what nobody should see: from the terminal without echo, or from stdin.
//!
//! Never from an argument: those stand in the list of processes and in the shell's
//! history. What was read is wiped when dropped.

use crate::exit::{Kind, fail};
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
    whole(std::io::stdin().lock())
}

/// All that a reader has. More than a secret may have is refused before the end was seen, so nobody knows how much.
fn whole(from: impl Read) -> Result<Zeroizing<String>> {
    // A line's end more than is taken, so that too much is seen and not cut off.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES + 3));
    from.take(SECRET_BYTES as u64 + 3).read_to_end(&mut bytes).context("stdin")?;
    let kept = bytes.strip_suffix(b"\n").map_or(bytes.len(), |rest| rest.strip_suffix(b"\r").unwrap_or(rest).len());
    bytes.truncate(kept);
    bounded(bytes).context("stdin")
}

fn bounded(bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>> {
    if bytes.len() > SECRET_BYTES {
        return Err(fail(
            Kind::Refused,
            format!("more than {SECRET_BYTES} bytes, which is the most that a secret has; nothing was changed"),
        ));
    }
    Ok(Zeroizing::new(std::str::from_utf8(&bytes).context("it is no text")?.to_owned()))
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
    let mut line = Zeroizing::new(Vec::with_capacity(SECRET_BYTES + 1));
    let mut byte = [0];
    // One byte more than is taken, so that too much is seen and not cut off.
    while line.len() <= SECRET_BYTES && from.read(&mut byte)? == 1 && byte != *b"\n" {
        line.extend_from_slice(&byte);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    bounded(line).context("what was typed")
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

    #[test]
    fn too_much_is_refused_and_neither_cut_off_nor_counted_wrongly() {
        let most = "é".repeat(SECRET_BYTES / 2);
        for end in ["", "\n", "\r\n"] {
            assert_eq!(whole(format!("{most}{end}").as_bytes()).unwrap().as_str(), most);
        }
        for much in [format!("{most}x"), format!("{most}{most}{most}")] {
            for refused in [whole(much.as_bytes()), line_of(much.as_bytes())] {
                let refused = format!("{:#}", refused.unwrap_err());
                assert!(refused.contains(&format!("more than {SECRET_BYTES} bytes")), "{refused}");
            }
        }
    }
}
