//! What a person wants, read from one message by fixed rules.
//!
//! A rule fires only on a plain, short form. What is not understood stays not
//! understood: a wrong tool call is worse than saying so.

use serde_json::{Value, json};

/// What a message asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wish {
    Greeting,
    Help,
    Thanks,
    /// How to set up a real model.
    Setup,
    /// A tool: a name or the end of one, and the arguments.
    Tool {
        name: String,
        arguments: Value,
    },
    /// A form of a rule that lacks something; the sentence says what.
    Unclear(&'static str),
    Unknown,
}

/// Reads one message.
pub(crate) fn read(message: &str) -> Wish {
    let message = message.trim();
    if let Some(rest) = message.strip_prefix("/tool") {
        return command(rest);
    }
    let words = words(message);
    let plain: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
    None.or_else(|| fetch(&words, &plain))
        .or_else(|| time(&words, &plain))
        .or_else(|| search(message, &plain))
        .or_else(|| list(&words, &plain))
        .or_else(|| file(&words, &plain))
        .or_else(|| talk(&plain))
        .unwrap_or(Wish::Unknown)
}

/// `/tool NAME {json}`.
fn command(rest: &str) -> Wish {
    const FORM: &str = "Write it as `/tool NAME {json}`, for example `/tool now {}`.";
    let rest = rest.trim();
    let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    match serde_json::from_str(arguments) {
        Ok(arguments @ Value::Object(_)) if !name.is_empty() => Wish::Tool { name: name.to_owned(), arguments },
        _ => Wish::Unclear(FORM),
    }
}

fn tool(name: &str, arguments: Value) -> Option<Wish> {
    Some(Wish::Tool { name: name.to_owned(), arguments })
}

/// Words without the marks around them.
fn words(message: &str) -> Vec<&str> {
    const MARKS: &[char] = &['"', '\'', '`', '“', '”', ',', '?', '!', ';', '(', ')', '<', '>'];
    message
        .split_whitespace()
        .map(|word| without_stop(word.trim_matches(MARKS)).trim_matches(MARKS))
        .filter(|word| !word.is_empty())
        .collect()
}

/// Without the full stop of a sentence; the dots of `..` and `.` are a path.
fn without_stop(word: &str) -> &str {
    word.strip_suffix('.').filter(|rest| !rest.is_empty() && !rest.ends_with('.')).unwrap_or(word)
}

/// The words after the first that matter.
fn rest<'a>(words: &[&'a str]) -> Vec<&'a str> {
    const FILLERS: &[&str] = &["the", "a", "me", "my", "please", "file", "contents", "content", "of", "page", "site", "website", "url"];
    words.iter().skip(1).filter(|word| !FILLERS.contains(&word.to_lowercase().as_str())).copied().collect()
}

fn is_url(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    word.starts_with("https://") || word.starts_with("http://")
}

fn fetch(words: &[&str], plain: &[&str]) -> Option<Wish> {
    let url = words.iter().find(|word| is_url(word))?;
    let asks = matches!(plain.first(), Some(&("fetch" | "get" | "open" | "read" | "show" | "visit" | "download" | "load")));
    if asks || words.len() == 1 { tool("fetch__get", json!({ "url": url })) } else { None }
}

fn time(words: &[&str], plain: &[&str]) -> Option<Wish> {
    const QUESTIONS: &[&str] = &[
        "what time is it",
        "what's the time",
        "whats the time",
        "what is the time",
        "what time",
        "time",
        "now",
        "date",
        "what day is it",
        "what day is today",
        "what's the date",
        "what is the date",
        "what is today's date",
        "what's today's date",
        "what date is it",
        "tell me the time",
        "current time",
        "what is the current time",
    ];
    let place = plain.iter().position(|word| *word == "in");
    let question = plain
        .get(..place.unwrap_or(plain.len()))?
        .iter()
        .filter(|word| !matches!(**word, "please" | "now" | "right" | "today") || plain.len() == 1);
    if !QUESTIONS.contains(&question.copied().collect::<Vec<_>>().join(" ").as_str()) {
        return None;
    }
    let Some(place) = place else { return tool("time__now", json!({})) };
    match words.get(place.saturating_add(1)..) {
        Some([zone]) if zone.contains('/') || zone.eq_ignore_ascii_case("utc") => tool("time__now", json!({ "time_zone": zone })),
        _ => {
            Some(Wish::Unclear("I only know places by their time zone's name, such as Asia/Tokyo: try \"what time is it in Asia/Tokyo\"."))
        }
    }
}

/// `search WHERE for WHAT`, `find WHAT in WHERE`.
fn search(message: &str, plain: &[&str]) -> Option<Wish> {
    let rest = match *plain.first()? {
        "search" => message.get("search".len()..)?,
        "find" => message.get("find".len()..)?,
        _ => return None,
    };
    let rest = rest.trim();
    let (pattern, path) = if let Some((pattern, path)) = rest.strip_prefix("for ").unwrap_or(rest).rsplit_once(" in ") {
        (pattern, path)
    } else {
        let (path, pattern) = rest.split_once(" for ")?;
        (pattern, path)
    };
    let bare = |text: &str| text.trim().trim_end_matches(['?', '!']).trim_matches(['"', '\'', '`', '“', '”']).to_owned();
    let (pattern, path) = (bare(pattern), bare(path));
    let is_path = !path.is_empty() && !path.contains(char::is_whitespace);
    if is_path && !pattern.is_empty() { tool("files__search", json!({ "path": path, "pattern": pattern })) } else { None }
}

fn list(words: &[&str], plain: &[&str]) -> Option<Wish> {
    if !matches!(plain, ["list" | "show" | "ls" | "dir", ..]) && plain.join(" ") != "what files are there" {
        return None;
    }
    let says_files = plain.iter().any(|word| matches!(*word, "files" | "folder" | "folders" | "directory"));
    let target: Vec<&str> = rest(words)
        .into_iter()
        .filter(|word| {
            !matches!(word.to_lowercase().as_str(), "files" | "folder" | "folders" | "directory" | "in" | "all" | "are" | "there")
        })
        .collect();
    let is_listing = says_files || matches!(plain, ["ls" | "dir", ..]);
    match target.as_slice() {
        [] if is_listing => tool("files__list", json!({})),
        [path] if is_listing || (plain.first() == Some(&"list") && path.contains('/')) => tool("files__list", json!({ "path": path })),
        _ => None,
    }
}

fn file(words: &[&str], plain: &[&str]) -> Option<Wish> {
    if !matches!(plain.first(), Some(&("read" | "show" | "open" | "cat" | "print"))) {
        return None;
    }
    match rest(words).as_slice() {
        [path] if path.contains(['.', '/']) => tool("files__read", json!({ "path": path })),
        _ => None,
    }
}

fn talk(plain: &[&str]) -> Option<Wish> {
    let first = plain.first()?;
    let has = |word: &str| plain.contains(&word);
    if plain.len() <= 4 && matches!(*first, "hi" | "hello" | "hey" | "hallo" | "ciao" | "hola" | "greetings" | "good" | "moin" | "servus") {
        let is_greeting = *first != "good" || has("morning") || has("evening") || has("afternoon") || has("day");
        return is_greeting.then_some(Wish::Greeting);
    }
    if plain.len() <= 4 && matches!(*first, "thanks" | "thank" | "thx") {
        return Some(Wish::Thanks);
    }
    if has("key") || has("keys") || (has("model") && (has("set") || has("use") || has("real"))) || has("api") {
        return Some(Wish::Setup);
    }
    let question = plain.join(" ");
    let about_us = [
        "who are you",
        "what are you",
        "what can you do",
        "how does this work",
        "what is this",
        "commands",
        "tools",
        "/help",
        "list tools",
    ];
    (*first == "help" || about_us.contains(&question.as_str())).then_some(Wish::Help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: &str) {
        let got = match read(message) {
            Wish::Tool { name, arguments } => format!("{name} {arguments}"),
            other => format!("{other:?}"),
        };
        assert_eq!(got, expected, "{message}");
    }

    #[test]
    fn a_tool_is_called_by_name_with_json() {
        check("/tool now {}", "now {}");
        check("  /tool files__read {\"path\": \"a b.md\"} ", "files__read {\"path\":\"a b.md\"}");
        check("/tool now", "now {}");
        for broken in ["/tool", "/tool now [1]", "/tool now {", "/tool now {} {}"] {
            assert!(matches!(read(broken), Wish::Unclear(_)), "{broken}");
        }
    }

    #[test]
    fn the_time_is_asked_for_in_many_ways() {
        for message in [
            "what time is it",
            "What time is it?",
            "What's the time, please?",
            "time",
            "now",
            "what day is it today?",
            "what time is it now",
        ] {
            check(message, "time__now {}");
        }
        check("what time is it in Asia/Tokyo?", "time__now {\"time_zone\":\"Asia/Tokyo\"}");
        assert!(matches!(read("what time is it in Tokyo"), Wish::Unclear(_)));
        check("time flies like an arrow", "Unknown");
    }

    #[test]
    fn files_are_read_listed_and_searched() {
        check("read notes.md", "files__read {\"path\":\"notes.md\"}");
        check("Please read", "Unknown");
        check("Show me the file `workspace/Src/Main.rs`.", "files__read {\"path\":\"workspace/Src/Main.rs\"}");
        check("read me a story", "Unknown");
        check("list files", "files__list {}");
        check("list the files in notes", "files__list {\"path\":\"notes\"}");
        check("ls workspace/src", "files__list {\"path\":\"workspace/src\"}");
        check("list notes/", "files__list {\"path\":\"notes/\"}");
        check("list reasons to stay", "Unknown");
        check("search notes for Red Cat", "files__search {\"path\":\"notes\",\"pattern\":\"Red Cat\"}");
        check("search for \"in love\" in notes", "files__search {\"path\":\"notes\",\"pattern\":\"in love\"}");
        check("find TODO in workspace/src?", "files__search {\"path\":\"workspace/src\",\"pattern\":\"TODO\"}");
        check("find the meaning of life", "Unknown");
    }

    #[test]
    fn addresses_are_fetched_when_that_is_asked() {
        check("fetch https://example.org/a?b=1.", "fetch__get {\"url\":\"https://example.org/a?b=1\"}");
        check("https://example.org", "fetch__get {\"url\":\"https://example.org\"}");
        check("open the page <https://example.org>.", "fetch__get {\"url\":\"https://example.org\"}");
        check("I like https://example.org very much", "Unknown");
    }

    #[test]
    fn small_talk_is_known_and_the_rest_is_not() {
        check("Hello!", "Greeting");
        check("good morning", "Greeting");
        check("good grief", "Unknown");
        check("help", "Help");
        check("What can you do?", "Help");
        check("thanks", "Thanks");
        check("How do I set an API key?", "Setup");
        check("hello world is the first program that everyone writes", "Unknown");
        check("", "Unknown");
        check("🦀🦀", "Unknown");
    }
}
