//! `remember`, `recall`, `forget`: facts about the person who speaks.

use crate::shelf::{Entry, Shelf};
use serde::Deserialize;
use skynet_plugin_sdk::tool::{Outcome, ToolError, ToolSpec};

/// Facts of one search: what a model can weigh.
const FOUND: u32 = 20;

/// As sure as the host lets a plugin be: a person's own word is surer.
const CONFIDENCE: f64 = 0.7;

#[derive(Deserialize)]
pub(crate) struct Remember {
    category: Category,
    key: String,
    value: String,
}

/// Instructions are missing on purpose: only a person gives those.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Category {
    Preference,
    Fact,
    Context,
}

impl Category {
    fn name(self) -> &'static str {
        match self {
            Self::Preference => "preference",
            Self::Fact => "fact",
            Self::Context => "context",
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Recall {
    query: String,
}

#[derive(Deserialize)]
pub(crate) struct Forget {
    category: Category,
    key: String,
}

pub(crate) fn remember_spec() -> ToolSpec {
    ToolSpec::new(
        "remember",
        "Remembers one fact about the person for later conversations. Use it when they ask for it, or tell something lasting about \
         themselves. One fact per call; the same category and key replace what was there. Never store secrets.",
        r#"{"type":"object","properties":{"category":{"enum":["preference","fact","context"]},"key":{"type":"string","minLength":1,"maxLength":128,"description":"A short name, such as favourite-drink"},"value":{"type":"string","minLength":1,"maxLength":4096}},"required":["category","key","value"],"additionalProperties":false}"#,
    )
    .idempotent()
    .closed_world()
}

pub(crate) fn recall_spec() -> ToolSpec {
    ToolSpec::new(
        "recall",
        "Searches what is remembered about the person. All words of the query must occur; try fewer words when nothing is found.",
        r#"{"type":"object","properties":{"query":{"type":"string","minLength":1,"maxLength":1024}},"required":["query"],"additionalProperties":false}"#,
    )
    .read_only()
    .idempotent()
    .closed_world()
}

pub(crate) fn forget_spec() -> ToolSpec {
    ToolSpec::new(
        "forget",
        "Forgets one fact about the person, named by its category and key as `recall` shows them.",
        r#"{"type":"object","properties":{"category":{"enum":["preference","fact","context"]},"key":{"type":"string","minLength":1,"maxLength":128}},"required":["category","key"],"additionalProperties":false}"#,
    )
    .destructive()
    .idempotent()
    .closed_world()
}

pub(crate) fn remember(shelf: &impl Shelf, Remember { category, key, value }: Remember) -> Result<Outcome, ToolError> {
    let entry = Entry { category: category.name().into(), key, value, confidence: CONFIDENCE };
    shelf.learn(&entry).map_err(ToolError::Failed)?;
    Ok(Outcome::text(format!("Remembered as {}/{}.", entry.category, entry.key)))
}

pub(crate) fn recall(shelf: &impl Shelf, arguments: &Recall) -> Result<Outcome, ToolError> {
    let found = shelf.facts(&arguments.query, FOUND).map_err(ToolError::Failed)?;
    if found.is_empty() {
        return Ok(Outcome::text("Nothing of that is remembered."));
    }
    let lines: Vec<String> = found.iter().map(|entry| format!("{}/{}: {}", entry.category, entry.key, entry.value)).collect();
    Ok(Outcome::text(lines.join("\n")))
}

pub(crate) fn forget(shelf: &impl Shelf, Forget { category, key }: &Forget) -> Result<Outcome, ToolError> {
    let name = category.name();
    match shelf.forget(name, key).map_err(ToolError::Failed)? {
        true => Ok(Outcome::text(format!("Forgot {name}/{key}."))),
        false => Err(ToolError::Failed(format!("nothing is remembered as {name}/{key}; `recall` shows what is"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shelf::Article;
    use skynet_plugin_sdk::tool::ResultPart;
    use std::cell::RefCell;

    #[derive(Default)]
    struct OneShelf(RefCell<Vec<Entry>>);

    impl Shelf for OneShelf {
        fn facts(&self, query: &str, _: u32) -> Result<Vec<Entry>, String> {
            Ok(self.0.borrow().iter().filter(|entry| entry.value.contains(query)).cloned().collect())
        }

        fn learn(&self, entry: &Entry) -> Result<(), String> {
            if entry.key == "full" {
                return Err("quota exceeded".into());
            }
            self.0.borrow_mut().push(entry.clone());
            Ok(())
        }

        fn forget(&self, category: &str, key: &str) -> Result<bool, String> {
            let before = self.0.borrow().len();
            self.0.borrow_mut().retain(|entry| entry.category != category || entry.key != key);
            Ok(self.0.borrow().len() < before)
        }

        fn articles(&self, _: &str, _: u32) -> Result<Vec<Article>, String> {
            Err("no articles here".into())
        }

        fn write(&self, _: &Article) -> Result<(), String> {
            Err("no articles here".into())
        }
    }

    fn said(outcome: Result<Outcome, ToolError>) -> String {
        match outcome {
            Ok(outcome) => outcome.content.iter().map(|part| if let ResultPart::Text(text) = part { text.as_str() } else { "" }).collect(),
            Err(error) => format!("{error:?}"),
        }
    }

    fn fact(key: &str, value: &str) -> Remember {
        Remember { category: Category::Preference, key: key.into(), value: value.into() }
    }

    #[test]
    fn what_was_remembered_is_recalled_and_can_be_forgotten() {
        let shelf = OneShelf::default();
        assert_eq!(said(remember(&shelf, fact("drink", "green tea"))), "Remembered as preference/drink.");
        assert_eq!(said(recall(&shelf, &Recall { query: "tea".into() })), "preference/drink: green tea");
        let drink = Forget { category: Category::Preference, key: "drink".into() };
        assert_eq!(said(forget(&shelf, &drink)), "Forgot preference/drink.");
        assert!(said(forget(&shelf, &drink)).contains("`recall` shows what is"));
        assert_eq!(said(recall(&shelf, &Recall { query: "tea".into() })), "Nothing of that is remembered.");
    }

    #[test]
    fn what_the_host_refuses_is_said_in_its_words() {
        assert_eq!(said(remember(&OneShelf::default(), fact("full", "x"))), "ToolError::Failed(\"quota exceeded\")");
    }

    #[test]
    fn a_model_has_no_word_for_an_instruction() {
        assert!(remember_spec().parameters.contains("preference") && !remember_spec().parameters.contains("instruction"));
    }
}
