//! A Rust file with code, comments and texts told apart, and its tests cut off.
//!
//! No parser: it knows comments, texts and characters, which is all that the rules
//! need to tell a name that is used from one that is spoken of.

/// One Rust file.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    /// All of it is test.
    pub(crate) is_test: bool,
    /// Code that ships: comments and the content of texts are blanks. Lines stay where they are.
    pub(crate) code: String,
    /// The texts of the code that ships, each with its line.
    pub(crate) strings: Vec<(usize, String)>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str, is_test: bool) -> Self {
        let ships = if is_test { "" } else { before_tests(text) };
        let (code, strings) = split(ships);
        Self { path: path.to_owned(), text: text.to_owned(), is_test, code, strings }
    }

    /// Places where the code that ships names `word` as a whole identifier.
    pub(crate) fn names(&self, word: &str) -> Vec<String> {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let named = |line: &str| line.split(|c| !is_name(c)).any(|part| part == word);
        self.code.lines().enumerate().filter(|(_, line)| named(line)).map(|(at, line)| self.at(at + 1, line)).collect()
    }

    /// An offence, as lists show it.
    pub(crate) fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {}", self.path, what.trim())
    }
}

/// The house puts the tests of a file at its end.
fn before_tests(text: &str) -> &str {
    let mut from = 0;
    while let Some(found) = text[from..].find("#[cfg(test)]") {
        let at = from + found;
        let rest = text[at..].trim_start_matches("#[cfg(test)]").trim_start();
        if rest.starts_with("mod ") && rest.find('{').unwrap_or(usize::MAX) < rest.find(';').unwrap_or(usize::MAX) {
            return &text[..at];
        }
        from = at + 1;
    }
    text
}

/// Modules that this file declares for tests only, as paths without `.rs`.
pub(crate) fn test_modules(path: &str, text: &str) -> Vec<String> {
    let folder = match path.rsplit_once('/') {
        Some((folder, "lib.rs" | "main.rs")) => folder.to_owned(),
        _ => path.trim_end_matches(".rs").to_owned(),
    };
    let declared = text.split("#[cfg(test)]").skip(1).filter_map(|rest| {
        let (name, _) = rest.trim_start().trim_start_matches("pub(crate) ").strip_prefix("mod ")?.split_once(';')?;
        (!name.contains(['{', '\n'])).then(|| format!("{folder}/{name}"))
    });
    declared.collect()
}

/// Code with blanks for all else, and the texts.
fn split(text: &str) -> (String, Vec<(usize, String)>) {
    let mut code = String::with_capacity(text.len());
    let mut strings = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let (piece, string) = piece(rest, code.chars().next_back());
        if piece == next.len_utf8() && string.is_none() {
            code.push(next);
        } else {
            // Newlines stay, so that lines keep their numbers.
            code.extend(rest[..piece].chars().map(|c| if c == '\n' { c } else { ' ' }));
        }
        if let Some(string) = string {
            strings.push((line, string));
        }
        line += rest[..piece].matches('\n').count();
        rest = &rest[piece..];
    }
    (code, strings)
}

/// The length of the piece that `rest` begins with, and its text if it is one.
fn piece(rest: &str, before: Option<char>) -> (usize, Option<String>) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), None);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), None);
    }
    let is_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !is_name && let Some(fence) = raw_fence(rest) {
        let (open, close) = (fence + 1, format!("\"{}", "#".repeat(fence - rest[..fence].find('r').map_or(0, |r| r + 1))));
        let end = rest[open..].find(&close).map_or(rest.len(), |at| open + at);
        return ((end + close.len()).min(rest.len()), Some(rest[open..end].to_owned()));
    }
    if rest.starts_with('"') {
        let end = closing(rest, '"');
        return (end, Some(rest[1..end.max(2) - 1].to_owned()));
    }
    // A character, not a lifetime: it closes after one character or an escape.
    if let Some(inner) = rest.strip_prefix('\'') {
        let mut inner = inner.chars();
        match inner.next() {
            Some('\\') => return (closing(rest, '\''), None),
            Some(one) if inner.next() == Some('\'') => return (one.len_utf8() + 2, None),
            _ => {}
        }
    }
    (rest.chars().next().map_or(0, char::len_utf8), None)
}

/// Where the opening quote of a raw text stands, if `rest` begins with one.
fn raw_fence(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let quote = after.trim_start_matches('#');
    quote.starts_with('"').then(|| rest.len() - quote.len())
}

fn closing(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

#[cfg(test)]
fn check(text: &str, code: &str, strings: &[&str]) {
    let source = Source::new("x/src/a.rs", text, false);
    assert_eq!(source.code.split_whitespace().collect::<Vec<_>>().join(" "), code, "code of {text:?}");
    assert_eq!(source.strings.iter().map(|(_, string)| string.as_str()).collect::<Vec<_>>(), strings, "texts of {text:?}");
}

#[test]
fn comments_are_no_code() {
    check("a // b \" c\nd", "a d", &[]);
    check("a /* b /* c */ d */ e", "a e", &[]);
}

#[test]
fn texts_are_told_from_code() {
    check(r#"f("a // b", "c\"d")"#, "f( , )", &["a // b", "c\\\"d"]);
    check(r###"f(r#"a "b" // c"#, br"x")"###, "f( , )", &["a \"b\" // c", "x"]);
    check("var\"x\"", "var", &["x"]);
}

#[test]
fn a_quote_character_opens_no_text_and_a_lifetime_is_no_character() {
    check("f('\"', '\\'', b'x') // g", "f( , , b )", &[]);
    check("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}", &[]);
}

#[test]
fn the_tests_of_a_file_are_cut_off() {
    check("a\n#[cfg(test)]\nmod tests {\n b }", "a", &[]);
    check("a\n#[cfg(test)]\nmod tests;\nb", "a #[cfg(test)] mod tests; b", &[]);
    assert_eq!(test_modules("x/src/lib.rs", "#[cfg(test)]\nmod sampling;\nmod open;"), ["x/src/sampling"]);
    assert_eq!(test_modules("x/src/grant.rs", "#[cfg(test)]\nmod tests;"), ["x/src/grant/tests"]);
}

#[test]
fn a_name_is_found_on_its_line_and_only_whole() {
    let source = Source::new("x/src/a.rs", "// engine\nengine_room();\nlet x = engine::new();\n", false);
    assert_eq!(source.names("engine"), ["x/src/a.rs:3: let x = engine::new();"]);
}
