//! Text of strangers on a terminal: one line, with what hides or reorders made visible.
//!
//! Leaving such characters out would show a reader something other than what is there; so
//! they are written as their number. Refuses to interpret anything.

use skynet_policy::naming::is_hidden;

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
}
