//! What a terminal shows, as text: no sequences, no controls, lines as they ended up.
//!
//! For a model and for logs. A line that was written over is what stands there last, so a progress bar is one
//! line. Takes any bytes; what is no UTF-8 becomes the replacement character. Never gives a control character but
//! tab and line feed.

/// The text of these bytes.
pub fn plain(raw: &[u8]) -> String {
    let mut page = Page::default();
    for character in String::from_utf8_lossy(raw).chars() {
        page.step(character);
    }
    page.text
}

#[derive(Default, Clone, Copy)]
enum At {
    #[default]
    Text,
    Escape,
    /// In a control sequence: parameters, then one letter.
    Sequence,
    /// In a text for the terminal itself, up to its end.
    Command,
}

#[derive(Default)]
struct Page {
    text: String,
    at: At,
    /// Where the line begins in `text`.
    line: usize,
    /// Whether the next character is the first of its line again.
    back: bool,
}

impl Page {
    fn step(&mut self, character: char) {
        self.at = match (self.at, character) {
            // One sequence ends where another one begins.
            (_, '\u{1b}') => At::Escape,
            (At::Escape, '[') => At::Sequence,
            (At::Escape, ']' | 'P' | 'X' | '^' | '_') => At::Command,
            // Those of three characters, such as the choice of a set.
            (At::Escape, ' '..='/') => At::Escape,
            (At::Escape, _) => At::Text,
            // Controls work within a sequence too; only these two are of use here.
            (At::Sequence, '\n' | '\r') => {
                self.write(character);
                At::Sequence
            }
            (At::Sequence, '@'..='~') => At::Text,
            (At::Sequence, '\0'..='?') => At::Sequence,
            (At::Sequence, _) => At::Text,
            (At::Command, '\u{7}' | '\u{9c}') => At::Text,
            (At::Command, _) => At::Command,
            (At::Text, _) => {
                self.write(character);
                At::Text
            }
        };
    }

    fn write(&mut self, character: char) {
        match character {
            '\n' => {
                self.text.push('\n');
                (self.line, self.back) = (self.text.len(), false);
            }
            '\r' => self.back = true,
            '\u{8}' => {
                if self.text.len() > self.line {
                    self.text.pop();
                }
            }
            character if character.is_control() && character != '\t' => {}
            character => {
                if std::mem::take(&mut self.back) {
                    self.text.truncate(self.line);
                }
                self.text.push(character);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_what_a_person_would_have_read() {
        for (raw, text) in [
            ("one\r\ntwo\r\n", "one\ntwo\n"),
            ("\x1b[1;31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07text", "text"),
            ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1bPq#0\x1b\\after", "after"),
            ("\x1b(Bset", "set"),
            ("10%\r20%\r100%\r\ndone", "100%\ndone"),
            ("abd\x08c", "abc"),
            ("\x08\x08a", "a"),
            ("\x1b[?2004hon", "on"),
            ("bell\x07 tab\t nul\0 c1\u{9b}x", "bell tab\t nul c1x"),
            ("\x1b]0;never ends", ""),
            ("\x1b]0;cut\x1b[1mshort", "short"),
        ] {
            assert_eq!(plain(raw.as_bytes()), text, "{raw:?}");
        }
        assert_eq!(plain(b"a\xffb\xe2\x82\xac"), "a\u{fffd}b€");
    }

    #[test]
    fn no_control_character_comes_through_whatever_comes_in() {
        let mut seed: u32 = 3;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        })
        .take(100_000)
        .collect();
        assert!(plain(&bytes).chars().all(|character| !character.is_control() || matches!(character, '\n' | '\t')));
    }
}
