//! Text of strangers on a terminal: one line, with what hides or reorders made visible; or the lines
//! of an answer, as they are but for what a terminal acts on.
//!
//! Leaving such characters out would show a reader something other than what is there; so
//! they are written as their number. Refuses to interpret anything.

use skynet_policy::naming::is_hidden;

/// Characters of one printed line, beside what it is indented by: longer ones are broken, never cut.
pub(crate) const WIDTH: usize = 96;

/// The same text, without anything that a terminal would act on.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\t' {
            shown.push_str("    ");
        } else if c.is_control() || is_hidden(c) {
            shown.push_str(&format!("<U+{:04X}>", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Lines as they are, without what a terminal acts on: joined letters of a language stay joined. For answers,
/// which are read and not decided on.
pub(crate) fn spoken(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            // Half of a line's end; alone it would write over the line.
            '\r' => {}
            c if c.is_control() => shown.push_str(&format!("<U+{:04X}>", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// A line in pieces that fit, broken at spaces where there are some, with what hides made visible.
pub(crate) fn wrapped(line: &str) -> Vec<String> {
    let shown = visible(line);
    let (mut pieces, mut piece, mut count) = (Vec::new(), String::new(), 0);
    for word in shown.split_inclusive(' ') {
        let length = word.chars().count();
        if count > 0 && count + length > WIDTH {
            pieces.push(std::mem::take(&mut piece));
            count = 0;
        }
        for c in word.chars() {
            if count == WIDTH {
                pieces.push(std::mem::take(&mut piece));
                count = 0;
            }
            piece.push(c);
            count += 1;
        }
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_reorders_text_is_shown_as_its_number() {
        assert_eq!(visible("a\tb"), "a    b");
        assert_eq!(visible("\u{1b}[31mred\u{7}"), "<U+001B>[31mred<U+0007>");
        assert_eq!(visible("safe\u{202e}live\u{200b}\u{feff}"), "safe<U+202E>live<U+200B><U+FEFF>");
        assert_eq!(visible("grüße 日本 👋"), "grüße 日本 👋");
    }

    #[test]
    fn an_answer_keeps_its_lines_and_letters_and_moves_no_cursor() {
        assert_eq!(spoken("a\r\n\tb\n"), "a\n\tb\n");
        assert_eq!(
            spoken("\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645} \u{1f468}\u{200d}\u{1f469}"),
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645} \u{1f468}\u{200d}\u{1f469}"
        );
        assert_eq!(spoken("yes\rno \u{1b}]52;c;eA==\u{7} \u{9b}2J\u{7f}"), "yesno <U+001B>]52;c;eA==<U+0007> <U+009B>2J<U+007F>");
    }

    #[test]
    fn a_long_line_is_broken_and_never_cut() {
        for line in ["", "short", &"word ".repeat(100), &"x".repeat(1000), &format!("{} end", "y".repeat(WIDTH))] {
            let pieces = wrapped(line);
            assert_eq!(pieces.concat(), line);
            assert!(pieces.iter().all(|piece| piece.chars().count() <= WIDTH), "{pieces:?}");
        }
    }
}
