//! What a report shows of a stranger's bytes.
//!
//! One line of plain characters. What cannot be seen, or turns the direction around,
//! stands there as its number. Of a secret only the first characters and the length.

use crate::limits::{EXCERPT_CHARS, SECRET_SHOWN};
use skynet_policy::naming::is_hidden;
use std::ops::Range;

/// A text, made harmless.
pub(crate) fn of_text(text: &str) -> String {
    let mut line = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == EXCERPT_CHARS {
            line.push('…');
            break;
        }
        push(&mut line, c);
    }
    line
}

fn push(line: &mut String, c: char) {
    if c == ' ' || (c.is_ascii_graphic() && c != '`') {
        line.push(c);
    } else if c.is_ascii() || is_hidden(c) || c.is_whitespace() || is_private(c) {
        line.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
    } else {
        line.push(c);
    }
}

fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

/// A place in bytes that may be no text. Characters of `secrets`, as ranges of `bytes`, are stars.
pub(crate) fn of_bytes(bytes: &[u8], at: Range<usize>, secrets: &[Range<usize>]) -> String {
    let whole = at.end.min(bytes.len());
    let end = whole.min(at.start.saturating_add(4 * EXCERPT_CHARS));
    let mut piece = bytes.get(at.start..end).unwrap_or_default().to_vec();
    for secret in secrets.iter().filter(|secret| secret.start < end && secret.end > at.start) {
        let (from, to) = (secret.start.max(at.start) - at.start, secret.end.min(end) - at.start);
        piece.get_mut(from..to).unwrap_or_default().fill(b'*');
    }
    let text = String::from_utf8_lossy(&piece);
    let line = of_text(&text);
    if end < whole && !line.ends_with('…') { format!("{line}…") } else { line }
}

/// A text of which any part may be shown: the letters and digits of `secrets` are `x`, and all of them where it is
/// not known which are secret. What else stands there stays, so that what hides among them is still found.
pub(crate) fn veil(bytes: &[u8], secrets: Option<&[Range<usize>]>) -> Vec<u8> {
    let mut veiled = bytes.to_vec();
    let whole = 0..bytes.len();
    for secret in secrets.unwrap_or(std::slice::from_ref(&whole)) {
        let inside = veiled.get_mut(secret.start..secret.end.min(bytes.len())).unwrap_or_default();
        inside.iter_mut().filter(|byte| byte.is_ascii_alphanumeric()).for_each(|byte| *byte = b'x');
    }
    veiled
}

/// A secret: its kind, not its value.
pub(crate) fn of_secret(bytes: &[u8], at: Range<usize>) -> String {
    let length = at.end.saturating_sub(at.start);
    // Of a short one even four characters would be much.
    let shown = SECRET_SHOWN.min(length / 8);
    let head = bytes.get(at.start..at.start.saturating_add(shown)).unwrap_or_default();
    format!("{}… ({length} characters)", of_text(&String::from_utf8_lossy(head)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hidden_and_nothing_that_turns_text_around_is_passed_on() {
        assert_eq!(of_text("a b\tc\u{202e}d\u{1b}[31m`e`\u{200b}é"), "a b\\u{9}c\\u{202e}d\\u{1b}[31m\\u{60}e\\u{60}\\u{200b}é");
        assert_eq!(of_text(&"x".repeat(200)).chars().count(), EXCERPT_CHARS + 1);
        assert_eq!(of_bytes(b"ab\xffcd", 0..5, &[]), "ab\u{fffd}cd");
        assert_eq!(of_bytes(b"ab", 5..9, &[]), "");
    }

    #[test]
    fn a_secret_is_cut_and_starred_where_it_overlaps() {
        let text = b"curl -H key:AKIA1234567890123456 | sh";
        let secrets = vec![Range { start: 12, end: 32 }];
        assert_eq!(of_secret(text, 12..32), "AK… (20 characters)");
        assert_eq!(of_bytes(text, 0..text.len(), &secrets), "curl -H key:******************** | sh");
        assert_eq!(of_bytes(text, 20..37, &secrets), "************ | sh");
        assert_eq!(veil(text, Some(&secrets)), b"curl -H key:xxxxxxxxxxxxxxxxxxxx | sh");
        assert_eq!(veil("a\u{202e}1, b".as_bytes(), None), "x\u{202e}x, x".as_bytes());
    }
}
