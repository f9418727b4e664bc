//! From what somebody typed to what the full-text index is asked.
//!
//! A query is plain words. Each is handed on inside quotes, where the index knows no
//! operators, columns or wildcards; all must occur, the last one as the beginning of
//! a word. Signs without a letter or digit ask for nothing. Refuses a query without
//! words: it gives `None`, and its search finds nothing.

use skynet_core::limits::QUERY_BYTES;

/// The expression for `MATCH`. What lies beyond `QUERY_BYTES` is not looked at.
pub(crate) fn expression(query: &str) -> Option<String> {
    let query = query.get(..query.floor_char_boundary(QUERY_BYTES))?;
    // Other scripts' signs are left to the index, which knows marks that belong to a letter.
    let between = |c: char| c.is_whitespace() || c.is_control() || c.is_ascii_punctuation();
    let words: Vec<String> =
        query.split(between).filter(|word| word.chars().any(char::is_alphanumeric)).map(|word| format!("\"{word}\"")).collect();
    if words.is_empty() {
        return None;
    }
    // A blank between two quoted words means "and", and lets go of those that the index
    // finds no letter in. The word AND would then find nothing at all.
    Some(format!("{} *", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stands_in_quotes_and_nothing_else_is_left() {
        let check = |query: &str, expected: &str| assert_eq!(expression(query).unwrap_or_default(), expected, "{query:?}");
        check("green tea", "\"green\" \"tea\" *");
        check("  tea\t\n", "\"tea\" *");
        check("a\" OR \"b", "\"a\" \"OR\" \"b\" *");
        check("key:x* ^y NEAR(a b, 2)", "\"key\" \"x\" \"y\" \"NEAR\" \"a\" \"b\" \"2\" *");
        check("a\u{0}b", "\"a\" \"b\" *");
        check("café cafe\u{301}s", "\"café\" \"cafe\u{301}s\" *");
        for empty in ["", " ", "\"", "*", "\u{1f389}", "— …", "\u{0}"] {
            check(empty, "");
        }
    }

    #[test]
    fn a_query_is_cut_between_two_characters() {
        let words = expression(&"é".repeat(QUERY_BYTES)).unwrap();
        assert_eq!(words.len(), QUERY_BYTES + "\"\" *".len());
    }
}
