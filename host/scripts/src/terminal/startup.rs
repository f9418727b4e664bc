//! How a shell begins, and how a command is put to it.
//!
//! The marks are set by the shell's own prompt and hooks, out of a file that is empty again before the
//! first command: no variable that programs inherit has the nonce. A command is one line of printable
//! characters, whatever is in it, and the shell takes it as one. Refuses a command that no shell can be given.

use crate::limits::SHELL_COMMAND_BYTES;
use crate::sandbox::Strength;
use std::fmt::Write as _;

/// Which shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// With hooks of its own.
    Bash,
    /// Any other that reads `ENV`: it has a prompt and no hooks, so it does not show what is typed.
    Sh,
}

impl Kind {
    /// The program.
    pub fn program(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Sh => "sh",
        }
    }

    pub(super) fn arguments(self) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Bash => &["--noprofile", "--rcfile", crate::sandbox::STARTUP, "-i"],
            Self::Sh => &["-i"],
        };
        words.iter().map(ToString::to_string).collect()
    }

    pub(super) fn variables(self) -> Vec<(String, String)> {
        let term = ("TERM".to_owned(), "xterm-256color".to_owned());
        match self {
            Self::Bash => vec![term],
            Self::Sh => vec![term, ("ENV".to_owned(), format!("./{}", crate::sandbox::STARTUP))],
        }
    }

    /// Whether the terminal shows what is typed.
    pub(super) fn echo(self) -> bool {
        self == Self::Bash
    }

    /// The file that it begins with. `folder` is where it goes then.
    pub(super) fn startup(self, nonce: &str, folder: Option<&str>, strength: Option<Strength>) -> String {
        let text = match self {
            Self::Bash => BASH,
            Self::Sh => SH,
        };
        // Where nobody may leave the group, each command stays in the shell's own.
        let groups = if strength == Some(Strength::Full) { ":" } else { "set +m" };
        let words = [("NONCE", nonce), ("STARTUP", crate::sandbox::STARTUP), ("<GROUPS>", groups), ("<ESC>", "\x1b"), ("<BEL>", "\x07")];
        let mut text = words.into_iter().fold(text.to_owned(), |text, (word, means)| text.replace(word, means));
        if let Some(folder) = folder {
            let _ = writeln!(text, "cd -- {}", quoted(folder));
        }
        text
    }

    /// The line to type for this command. It begins by taking back what was typed and not sent.
    pub(super) fn line(self, command: &str) -> Result<String, String> {
        if command.len() > SHELL_COMMAND_BYTES {
            return Err(format!("a command has at most {SHELL_COMMAND_BYTES} bytes; write a script into a file and run that"));
        }
        if command.trim().is_empty() {
            return Err("there is no command in it".into());
        }
        if command.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\t')) {
            return Err("a command has no control characters but line feed and tab; keys are typed as input".into());
        }
        Ok(match self {
            Self::Bash => format!("{TAKE_BACK} eval $'{}'\n", escaped(command)),
            // The terminal's own editor of lines takes no longer ones, and says nothing.
            Self::Sh if command.lines().any(|line| line.len() > 1000) => {
                return Err("a line of a command has at most 1000 bytes in this shell; write a script into a file and run that".into());
            }
            Self::Sh => format!("{TAKE_BACK} eval {}\n", quoted(command)),
        })
    }
}

/// Ctrl-U, to a terminal as to an editor of lines.
const TAKE_BACK: &str = "\x15";

/// `PROMPT_COMMAND` runs when a command is done, `PS0` is shown when one begins. Who prepends to the
/// prompt or replaces it keeps its last mark. Job control can be switched off only when this file is done. History expansion and pasting would change what is typed.
const BASH: &str = r#": >|"$HOME/STARTUP"
set +H
unset HISTFILE
export PAGER=cat
bind 'set enable-bracketed-paste off' 2>/dev/null
__skynet_prompt() {
  local code=$?
  <GROUPS>
  builtin printf '\e]133;D;%s;aid=NONCE\a' "$code" >&2
  [[ $PS1 == *'133;B;aid=NONCE'* ]] || PS1="$PS1"'\[\e]133;B;aid=NONCE\a\]'
}
readonly -f __skynet_prompt
PROMPT_COMMAND=__skynet_prompt
PS0='\e]133;C;aid=NONCE\a'
PS1='\w \$ '
PS2='> '
"#;

const SH: &str = r#": >|"$HOME/STARTUP"
unset ENV
PS2=
<GROUPS>
PS1='<ESC>]133;D;$?;aid=NONCE<BEL>$ <ESC>]133;B;aid=NONCE<BEL>'
export PAGER=cat
"#;

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// For `$'…'`: what is no letter, digit or plain sign is written as its bytes, so that neither the editor
/// of lines nor the history sees anything in it.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut line, byte| {
        match byte {
            b'\n' => line.push_str("\\n"),
            b'\t' => line.push_str("\\t"),
            b' ' | b'_' | b'.' | b'/' | b'-' | b'=' | b',' | b':' | b'+' | b'@' | b'%' => line.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => line.push(char::from(byte)),
            // Octal: always three digits, so what follows is not read into it.
            byte => {
                let _ = write!(line, "\\{byte:03o}");
            }
        }
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_line_of_plain_characters() {
        let line = Kind::Bash.line("echo 'a!' \"$b\"\n\texit ä").unwrap();
        assert_eq!(line, "\x15 eval $'echo \\047a\\041\\047 \\042\\044b\\042\\n\\texit \\303\\244'\n");
        assert_eq!(Kind::Sh.line("echo 'a'\nb").unwrap(), "\x15 eval 'echo '\\''a'\\''\nb'\n");
    }

    #[test]
    fn what_no_shell_can_be_given_is_refused() {
        for (command, why) in [("", "no command"), (" \n", "no command"), ("a\x03", "control characters"), ("a\0", "control characters")] {
            assert!(Kind::Bash.line(command).unwrap_err().contains(why), "{command:?}");
        }
        assert!(Kind::Sh.line(&"x".repeat(SHELL_COMMAND_BYTES + 1)).unwrap_err().contains("at most"));
    }
}
