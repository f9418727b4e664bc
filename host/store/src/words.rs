//! From what somebody typed to what the full-text index is asked.
//!
//! A query is plain words. Each is handed on inside quotes, where the index knows no
//! operators, columns or wildcards; all must occur, the last one as the beginning of
//! a word. Signs without a letter or digit ask for nothing. Refuses a query without
//! words: it gives `None`, and its search finds nothing.

use crate::error::{Doing as _, Result};
use crate::limits::{QUERY_WORDS, SEARCH_STEPS, SEARCH_WAIT};
use rusqlite::Connection;
use skynet_core::limits::QUERY_BYTES;
use std::time::Instant;

/// The expression for `MATCH`. What lies beyond `QUERY_BYTES` is not looked at.
pub(crate) fn expression(query: &str) -> Option<String> {
    let query = query.get(..query.floor_char_boundary(QUERY_BYTES))?;
    // Other scripts' signs are left to the index, which knows marks that belong to a letter.
    let between = |c: char| c.is_whitespace() || c.is_control() || c.is_ascii_punctuation();
    let mut words: Vec<String> = Vec::new();
    for word in query.split(between).filter(|word| word.chars().any(char::is_alphanumeric)) {
        let word = format!("\"{word}\"");
        // The index looks at each as often as it stands there, and ranks by each.
        if !words.contains(&word) && words.len() < QUERY_WORDS {
            words.push(word);
        }
    }
    if words.is_empty() {
        return None;
    }
    // A blank between two quoted words means "and", and lets go of those that the index
    // finds no letter in. The word AND would then find nothing at all.
    Some(format!("{} *", words.join(" ")))
}

/// Runs a search that ends, one way or the other, within `SEARCH_WAIT`: the threads that
/// read are few, and a caller who gave up does not stop one.
pub(crate) fn within_bounds<T>(db: &Connection, search: impl FnOnce() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    db.progress_handler(SEARCH_STEPS, Some(move || begun.elapsed() > SEARCH_WAIT)).doing("bounding a search")?;
    let found = search();
    db.progress_handler(SEARCH_STEPS, None::<fn() -> bool>).doing("bounding a search")?;
    found
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
    fn a_word_counts_once_and_no_more_words_than_the_bound_are_looked_for() {
        assert_eq!(expression(&"tea ".repeat(200)).unwrap(), "\"tea\" *");
        let many: String = (0..100).map(|n| format!("w{n} ")).collect();
        assert_eq!(expression(&many).unwrap().matches("\"w").count(), QUERY_WORDS);
    }

    #[test]
    fn a_search_without_end_ends() {
        let db = Connection::open_in_memory().unwrap();
        let endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
        let search = || db.query_row(endless, [], |row| row.get::<_, i64>(0)).doing("searching");
        assert!(within_bounds(&db, search).is_err());
        assert_eq!(db.query_row("SELECT 1", [], |row| row.get::<_, i64>(0)).unwrap(), 1, "others go on");
    }

    #[test]
    fn a_query_is_cut_between_two_characters() {
        let words = expression(&"é".repeat(QUERY_BYTES)).unwrap();
        assert_eq!(words.len(), QUERY_BYTES + "\"\" *".len());
    }
}
