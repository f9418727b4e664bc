//! What looks like a secret in a text that is about to leave the machine.
//!
//! By shape, not by issuer: private keys, tokens that are long and mixed, words that assign
//! a password. It is a last look before sharing and no proof of anything; it rather stops
//! once too often. Refuses to repeat what it found: a place and a kind is all it says.

/// Letters and digits in a row below which nothing is taken for a token.
const TOKEN_CHARS: usize = 24;

/// Bits per character above which a long word is nobody's language.
const TOKEN_BITS: f64 = 3.5;

/// Words whose value is a secret where something is assigned to them.
const ASSIGNED: [&str; 7] = ["password", "passwd", "passphrase", "secret", "api_key", "apikey", "token"];

/// Shortest value that is taken for one.
const VALUE_CHARS: usize = 8;

/// A place where a secret seems to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// Line, from 1.
    pub line: usize,
    /// What it looks like.
    pub looks_like: &'static str,
}

/// All of them, at most one for each line.
pub fn suspects(text: &str) -> Vec<Suspect> {
    let found = |(at, line): (usize, &str)| looks_like(line).map(|looks_like| Suspect { line: at + 1, looks_like });
    text.lines().enumerate().filter_map(found).collect()
}

fn looks_like(line: &str) -> Option<&'static str> {
    if line.contains("-----BEGIN ") && line.contains("PRIVATE KEY") {
        return Some("a private key");
    }
    if assigns(line) {
        return Some("a password or key that is written out");
    }
    let joint = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '='));
    line.split(joint).any(is_token).then_some("a token or key")
}

/// `password: hunter2…`, `API_KEY = …`.
fn assigns(line: &str) -> bool {
    let Some((name, value)) = line.split_once(['=', ':']) else { return false };
    let name = name.trim().trim_matches(['"', '\'', '`', '*', '-', ' ']).to_ascii_lowercase();
    let last = name.rsplit([' ', '.', '-']).next().unwrap_or(&name);
    let named = ASSIGNED.iter().any(|word| last == *word || last.ends_with(&format!("_{word}")));
    let value = value.trim().trim_matches(['"', '\'', '`', ',', ';']);
    // A sentence after a colon is no value.
    named && value.chars().count() >= VALUE_CHARS && !value.contains(char::is_whitespace)
}

fn is_token(word: &str) -> bool {
    let letters: Vec<char> = word.chars().filter(char::is_ascii_alphanumeric).collect();
    let digits = letters.iter().filter(|c| c.is_ascii_digit()).count();
    // Identifiers and names have few digits; a token has them everywhere.
    letters.len() >= TOKEN_CHARS && digits * 8 >= letters.len() && digits < letters.len() && bits(&letters) >= TOKEN_BITS
}

/// Shannon's measure for one character of these.
fn bits(letters: &[char]) -> f64 {
    let mut counts = std::collections::BTreeMap::<char, u32>::new();
    letters.iter().for_each(|c| *counts.entry(*c).or_default() += 1);
    let all = f64::from(u32::try_from(letters.len()).unwrap_or(u32::MAX));
    counts.values().map(|count| f64::from(*count) / all).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str)]) {
        let found = suspects(text);
        let found: Vec<(usize, &str)> = found.iter().map(|suspect| (suspect.line, suspect.looks_like)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_looks_like_a_secret_is_named_by_its_line() {
        check("You are kind.\nUse sk-proj-4fGh29KdLm38QwErTy56UiOp12As for it.", &[(2, "a token or key")]);
        check("-----BEGIN OPENSSH PRIVATE KEY-----", &[(1, "a private key")]);
        check("password: hunter2hunter2", &[(1, "a password or key that is written out")]);
        check("- **DB_PASSWORD**=\"correcthorse\"", &[(1, "a password or key that is written out")]);
        check("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", &[(1, "a token or key")]);
        check("jwt eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.x", &[(1, "a token or key")]);
    }

    #[test]
    fn ordinary_prose_and_code_pass() {
        for text in [
            "Never reveal a password: ask the owner first.",
            "The secret: be patient with people.",
            "Use the tool knowledge__write_article for what everybody should know.",
            "See https://example.com/docs/getting-started/installation-on-your-own-machine for more.",
            "Version 1.2.3 came on 2026-03-02T16:00:00+01:00.",
            "000000000000000000000000000000000000",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1111111",
        ] {
            check(text, &[]);
        }
    }
}
