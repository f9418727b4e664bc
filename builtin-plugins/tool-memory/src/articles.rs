//! `search_articles`, `write_article`: what everybody on this host may read.

use crate::shelf::{Article, Shelf};
use serde::Deserialize;
use skynet_plugin_sdk::tool::{Outcome, ToolError, ToolSpec};

/// Articles of one search, whole.
const FOUND: u32 = 5;

#[derive(Deserialize)]
pub(crate) struct Search {
    query: String,
}

#[derive(Deserialize)]
pub(crate) struct Write {
    topic: String,
    content: String,
    #[serde(default)]
    tags: Vec<String>,
}

pub(crate) fn search_spec() -> ToolSpec {
    ToolSpec::new(
        "search_articles",
        "Searches the articles that this host keeps, and gives up to five of them whole. All words of the query must occur.",
        r#"{"type":"object","properties":{"query":{"type":"string","minLength":1,"maxLength":1024}},"required":["query"],"additionalProperties":false}"#,
    )
    .read_only()
    .idempotent()
    .closed_world()
}

pub(crate) fn write_spec() -> ToolSpec {
    ToolSpec::new(
        "write_article",
        "Writes an article that everybody on this host can read; one of the same topic is replaced. Use it when asked to write \
         something down for all.",
        r#"{"type":"object","properties":{"topic":{"type":"string","minLength":1,"maxLength":128},"content":{"type":"string","minLength":1,"maxLength":65536,"description":"Markdown"},"tags":{"type":"array","maxItems":16,"items":{"type":"string","minLength":1,"maxLength":48}}},"required":["topic","content"],"additionalProperties":false}"#,
    )
    .destructive()
    .idempotent()
    .closed_world()
}

pub(crate) fn search(shelf: &impl Shelf, arguments: &Search) -> Result<Outcome, ToolError> {
    let found = shelf.articles(&arguments.query, FOUND).map_err(ToolError::Failed)?;
    if found.is_empty() {
        return Ok(Outcome::text("No article has all these words."));
    }
    let texts: Vec<String> = found.iter().map(|article| format!("## {}\n\n{}", article.topic, article.content)).collect();
    Ok(Outcome::text(texts.join("\n\n")))
}

pub(crate) fn write(shelf: &impl Shelf, Write { topic, content, tags }: Write) -> Result<Outcome, ToolError> {
    let article = Article { topic, content, tags };
    shelf.write(&article).map_err(ToolError::Failed)?;
    Ok(Outcome::text(format!("Written: {}.", article.topic)))
}
