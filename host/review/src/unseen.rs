//! Characters that cannot be seen, turn the direction around, or pass for others.
//!
//! People approve what they read. Some of these characters are needed to write: the
//! marks of Arabic and Indic scripts, and those that make one picture of several. They
//! pass where they are needed, and nowhere else.

use crate::excerpt;
use crate::finding::Finding;
use crate::limits::KEPT;
use crate::review::finding_at;
use crate::rules;
use skynet_policy::naming::is_hidden;

/// Both looks, at a text of one place.
pub(crate) fn look(text: &str, place: &str) -> Vec<Finding> {
    let mut found = hidden(text, place);
    found.extend(mixed(text, place));
    found
}

fn hidden(text: &str, place: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut before = None;
    for (at, c) in text.char_indices() {
        let line_end = matches!(c, '\n' | '\r' | '\t' | '\u{c}');
        let mark_of_the_file = at == 0 && c == '\u{feff}';
        if is_hidden(c) && !line_end && !mark_of_the_file && !is_needed(c, before) {
            // Little around it: what stands there may be a secret.
            let from = text.get(..at).unwrap_or_default().char_indices().rev().nth(11).map_or(0, |(start, _)| start);
            let around: String = text.get(from..).unwrap_or_default().chars().take(24).collect();
            found.push(finding_at(rules::HIDDEN_CHARACTERS, place, at, &around));
            if found.len() == KEPT {
                break;
            }
        }
        // What joins keeps what it joins to.
        if !matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}') {
            before = Some(c);
        }
    }
    found
}

/// Whether a writer needs this character after that one.
fn is_needed(c: char, before: Option<char>) -> bool {
    let Some(before) = before else { return false };
    let picture = matches!(before, '#' | '*' | '0'..='9' | '\u{a9}' | '\u{ae}' | '\u{203c}'..='\u{3299}' | '\u{1f000}'..='\u{1faff}');
    // Arabic to Myanmar, Mongolian, and what belongs to them.
    let joining = matches!(before, '\u{600}'..='\u{109f}' | '\u{1780}'..='\u{18af}' | '\u{a840}'..='\u{aaff}' | '\u{fb50}'..='\u{fdff}');
    match c {
        '\u{200c}' => joining,
        '\u{200d}' => joining || (picture && !before.is_ascii()),
        '\u{fe0e}' | '\u{fe0f}' => picture,
        '\u{fe00}'..='\u{fe0d}' => {
            matches!(before, '\u{1000}'..='\u{109f}' | '\u{3400}'..='\u{9fff}' | '\u{a840}'..='\u{a87f}' | '\u{2200}'..='\u{22ff}')
        }
        _ => false,
    }
}

/// Words that mix Latin letters with those of scripts that have the same shapes.
fn mixed(text: &str, place: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut start = 0;
    let (mut latin, mut other) = (false, false);
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if c.is_alphanumeric() || c == '_' || c == '-' {
            latin |= c.is_ascii_alphabetic();
            // Greek, Cyrillic, Armenian, Cherokee; a lone mu or omega is a unit.
            other |= matches!(c, '\u{370}'..='\u{3bb}' | '\u{3bd}'..='\u{3ff}' | '\u{400}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' | '\u{1f00}'..='\u{1fff}')
                && c != 'Ω';
            continue;
        }
        if latin && other {
            let word = text.get(start..at).unwrap_or_default();
            found.push(Finding { excerpt: spelt_out(word), ..finding_at(rules::MIXED_SCRIPTS, place, start, "") });
            if found.len() == KEPT {
                break;
            }
        }
        (latin, other) = (false, false);
        start = at + c.len_utf8();
    }
    found
}

/// The letters that are not ASCII by their numbers, so that the difference shows.
fn spelt_out(word: &str) -> String {
    let text: String =
        word.chars().take(16).map(|c| if c.is_ascii() { c.to_string() } else { format!("{c}(U+{:04X})", u32::from(c)) }).collect();
    excerpt::of_text(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, rules: &[&str]) {
        let found: Vec<String> = look(text, "README.md").into_iter().map(|finding| finding.rule).collect();
        assert_eq!(found, rules, "{text:?}");
    }

    #[test]
    fn characters_that_hide_or_turn_are_found_wherever_they_are() {
        for evil in [
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{200b}b",
            "a\u{ad}b",
            "a\u{200d}b",
            "a\u{fe0f}b",
            "\u{e0041}",
            "x\u{1b}[2J",
            "a\u{feff}b",
            "\u{200f}",
        ] {
            check(evil, &["hidden-characters"]);
        }
        let found = look("one two \u{202e}three", "tool `x`");
        assert_eq!((found[0].offset, found[0].excerpt.as_str()), (Some(8), "one two \\u{202e}three"));
    }

    #[test]
    fn writers_keep_what_their_script_needs() {
        for honest in [
            "plain\n\ttext\r\n",
            "\u{feff}first",
            "⚠\u{fe0f} care",
            "1\u{fe0f}\u{20e3}",
            "👩\u{200d}👧",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "übel äöß",
            "naïve",
            "日本語",
            "10 µs, 5 kΩ",
        ] {
            check(honest, &[]);
        }
    }

    #[test]
    fn words_of_two_scripts_are_spelt_out() {
        check("the p\u{430}ypal tool", &["mixed-scripts"]);
        check("Привет, мир, and hello", &[]);
        assert_eq!(look("p\u{430}y", "x")[0].excerpt, "pа(U+0430)y");
    }
}
