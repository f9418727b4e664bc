//! What the owner says in the chat to the host and not to the model: `/proposals`, `/approve`
//! and `/refuse`, the same as `skynet proposals`.
//!
//! The command line answers these lines itself, with the owner's token, over methods that no
//! model and no plugin reaches. They are never sent as a message, also when they are wrong, so
//! that no code ends up in a conversation. Refused from a pipe: what comes out of one was not
//! typed by anybody.

use crate::args::Proposals;
use crate::cli::proposals;
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::ANSWER;
use crate::output::Out;
use anyhow::Result;
use serde_json::json;
use skynet_policy::naming::is_hidden;

/// Letters of a code without its dash; an id has six.
const CODE: usize = 8;

const USAGE: &str = "that is /proposals, /proposals ID, /approve CODE, /approve ID CODE or /refuse ID; the model was not told";

/// One line that is the owner's.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    List,
    Show(String),
    /// With this code: the one that waits.
    Approve(String),
    /// A proposal by its id; without a code it is shown first, and asked about.
    ApproveOne(String, Option<String>),
    Refuse(String),
    /// Begins like one, and is none.
    Wrong,
}

impl Word {
    /// The word in a line, if it begins like one.
    pub(super) fn of(line: &str) -> Option<Self> {
        // What is pasted may begin with something that nobody sees, and is no message for that.
        let line = line.trim_start_matches(|c: char| c.is_whitespace() || is_hidden(c));
        let mut words = line.strip_prefix('/')?.split_whitespace();
        let verb = words.next()?.to_ascii_lowercase();
        let rest: Vec<&str> = words.collect();
        let own = |word: &&str| (*word).to_owned();
        Some(match (verb.as_str(), rest.as_slice()) {
            ("proposals", []) => Self::List,
            ("proposals", [id]) => Self::Show(own(id)),
            ("approve", [code]) if is_code(code) => Self::Approve(own(code)),
            ("approve", [id]) => Self::ApproveOne(own(id), None),
            ("approve", [id, code]) => Self::ApproveOne(own(id), Some(own(code))),
            ("refuse", [id]) => Self::Refuse(own(id)),
            ("proposals" | "approve" | "refuse", _) => Self::Wrong,
            _ => return None,
        })
    }

    /// Whether the line holds a code, or may: it is not kept in the history of lines.
    pub(super) fn is_secret(&self) -> bool {
        !matches!(self, Self::List | Self::Show(_))
    }

    /// Does it.
    pub(super) async fn carry_out(self, home: &Home, out: &Out) -> Result<()> {
        let verb = match self {
            Self::List => Proposals::List { all: false },
            Self::Show(id) => Proposals::Show { id },
            Self::Approve(code) => Proposals::Approve { id: the_one(home).await?, code: Some(code) },
            Self::ApproveOne(id, code) => Proposals::Approve { id, code },
            Self::Refuse(id) => Proposals::Refuse { id },
            Self::Wrong => return Err(fail(Kind::Refused, USAGE)),
        };
        proposals::run(home, verb, out).await
    }
}

fn is_code(word: &str) -> bool {
    word.chars().filter(|letter| *letter != '-').count() == CODE
}

/// The proposal that waits, where there is no doubt which.
async fn the_one(home: &Home) -> Result<String> {
    let answer = client::call(home, "proposals.list", json!({ "all": false }), ANSWER).await?;
    let waiting = answer["proposals"].as_array().cloned().unwrap_or_default();
    match waiting.as_slice() {
        [one] => Ok(one["id"].as_str().unwrap_or_default().to_owned()),
        [] => Err(fail(Kind::Refused, "nothing waits for your answer")),
        several => Err(fail(Kind::Refused, format!("{} proposals wait; say which one: /approve ID CODE", several.len()))),
    }
}

/// For what nobody typed.
pub(super) fn refuse_from_a_pipe(text: &str) -> Result<()> {
    match Word::of(text) {
        Some(_) => {
            Err(fail(Kind::Refused, "an answer to a proposal is typed, not piped; or use: skynet proposals. The model was not told"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<Word>) {
        assert_eq!(Word::of(line), expected, "{line}");
    }

    #[test]
    fn a_line_of_the_owner_is_told_from_a_message() {
        check("/proposals", Some(Word::List));
        check("  /Proposals k3x9ab", Some(Word::Show("k3x9ab".into())));
        check("/approve KQ7M-2XRP", Some(Word::Approve("KQ7M-2XRP".into())));
        check("/approve kq7m2xrp", Some(Word::Approve("kq7m2xrp".into())));
        check("/approve k3x9ab", Some(Word::ApproveOne("k3x9ab".into(), None)));
        check("/APPROVE k3x9ab KQ7M-2XRP", Some(Word::ApproveOne("k3x9ab".into(), Some("KQ7M-2XRP".into()))));
        check("/refuse k3x9ab", Some(Word::Refuse("k3x9ab".into())));
        check("\u{feff}\u{200b} /approve KQ7M-2XRP", Some(Word::Approve("KQ7M-2XRP".into())));
        for message in ["approve KQ7M-2XRP", "please /approve KQ7M-2XRP", "/approved", "/model x", "/", "", "say\n/approve KQ7M-2XRP"] {
            check(message, None);
        }
    }

    #[test]
    fn what_begins_like_one_is_never_a_message() {
        for wrong in ["/approve", "/approve a b c", "/refuse", "/refuse a b", "/proposals a b", "/approve\nKQ7M 2XRP x"] {
            check(wrong, Some(Word::Wrong));
        }
        assert!(Word::Wrong.is_secret() && Word::Approve("x".into()).is_secret() && !Word::List.is_secret());
    }

    #[test]
    fn nothing_piped_is_an_answer() {
        assert!(refuse_from_a_pipe("/approve KQ7M-2XRP").is_err());
        assert!(refuse_from_a_pipe("hello").is_ok());
    }
}
