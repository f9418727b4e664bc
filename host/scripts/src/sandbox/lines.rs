//! JSON Lines as a script writes them: pieces, words for the log, and one result.
//!
//! Refuses a line that is anything else, and any line after the result.

use super::ScriptError;
use serde::Deserialize;
use serde_json::Value;

/// What a script says while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A piece of the result, for who watches.
    Delta(String),
    /// A line for the log.
    Log(String),
}

/// An object with one key is exactly what serde makes of such an enum.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Delta(String),
    Log(String),
    Result(Value),
}

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Lines {
    read: usize,
    result: Option<Value>,
}

impl Lines {
    /// Takes the next line; gives what is to be passed on at once.
    pub(super) fn take(&mut self, line: &[u8]) -> Result<Option<Said>, ScriptError> {
        self.read = self.read.saturating_add(1);
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        let malformed = |reason: String| ScriptError::Malformed { line: self.read, reason };
        if self.result.is_some() {
            return Err(malformed("it comes after the result".into()));
        }
        match serde_json::from_slice(line).map_err(|error| malformed(error.to_string()))? {
            Line::Delta(text) => Ok(Some(Said::Delta(text))),
            Line::Log(text) => Ok(Some(Said::Log(text))),
            Line::Result(value) => {
                self.result = Some(value);
                Ok(None)
            }
        }
    }

    /// The value of the result line, if there was one.
    pub(super) fn result(self) -> Option<Value> {
        self.result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let mut lines = Lines::default();
        let said: Result<Vec<_>, _> = text.lines().map(|line| lines.take(line.as_bytes())).collect();
        let found = match said {
            Ok(said) => format!("{:?} {:?}", said.into_iter().flatten().collect::<Vec<_>>(), lines.result().map(|value| value.to_string())),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(expected), "{text}: {found}");
    }

    #[test]
    fn pieces_are_passed_on_and_the_result_is_kept() {
        check("{\"delta\":\"a\"}\n\n{\"log\":\"b\"}\n{\"result\":{\"c\":1}}\n", r#"[Delta("a"), Log("b")] Some("{\"c\":1}")"#);
        check("{\"result\":null}", "[] Some(\"null\")");
        check("", "[] None");
    }

    #[test]
    fn anything_else_is_refused_with_its_line() {
        check("{\"delta\":\"a\"}\nhello", "(line 2)");
        check("{\"delta\":1}", "invalid type");
        check("{\"delta\":\"a\",\"result\":1}", "(line 1)");
        check("{\"other\":1}", "unknown variant");
        check("{}", "(line 1)");
        check("[]", "(line 1)");
        check("{\"result\":1}\n{\"result\":2}", "after the result");
    }
}
