//! `skynet knowledge`: articles that everybody on this host shares.
//!
//! A running host is asked over the gateway. An article is shown without characters
//! that drive a terminal: plugins write articles too.

use super::plugin::text;
use crate::args::{Knowledge, WriteArticle};
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::ANSWER;
use crate::output::Out;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use skynet_core::limits::{ARTICLE_BYTES, ARTICLE_TOPIC_BYTES};
use skynet_policy::naming::plain_line;
use std::io::Read;
use std::path::Path;

pub(crate) async fn run(home: &Home, verb: Knowledge, out: &Out) -> Result<()> {
    match verb {
        Knowledge::List => list(home, out).await,
        Knowledge::Search { words, rows } => {
            let params = json!({ "query": words.join(" "), "limit": rows });
            let answer = client::call(home, "knowledge.search", params, ANSWER).await?;
            headings(&answer["articles"], "no article has all of these words", out);
            Ok(())
        }
        Knowledge::Show { topic } => show(home, &topic, out).await,
        Knowledge::Write(article) => write(home, article, out).await,
        Knowledge::Delete { topic } => {
            let answer = client::call(home, "knowledge.delete", json!({ "topic": topic }), ANSWER).await?;
            out.both(&format!("{topic} is deleted"), &answer);
            Ok(())
        }
    }
}

/// All pages as one list.
async fn list(home: &Home, out: &Out) -> Result<()> {
    let mut articles = Vec::new();
    let mut params = json!({});
    loop {
        let mut page = client::call(home, "knowledge.list", params, ANSWER).await?;
        if let Some(rows) = page["articles"].as_array_mut() {
            articles.append(rows);
        }
        match page["next"].as_str() {
            Some(next) => params = json!({ "after": next }),
            None => break,
        }
    }
    headings(&articles.into(), "there are no articles yet; write one with: skynet knowledge write --help", out);
    Ok(())
}

fn headings(articles: &Value, none: &str, out: &Out) {
    out.value(articles);
    let articles = articles.as_array().map(Vec::as_slice).unwrap_or_default();
    if articles.is_empty() {
        out.line(none);
    }
    for article in articles {
        let topic = out.paint("1", &plain_line(text(&article["topic"]), ARTICLE_TOPIC_BYTES));
        out.line(&format!("{topic}  {}", out.paint("2", &about(article))));
    }
}

/// Tags and who wrote it.
fn about(article: &Value) -> String {
    let tags: Vec<&str> = article["tags"].as_array().into_iter().flatten().map(text).collect();
    let tags = if tags.is_empty() { String::new() } else { format!("[{}] ", tags.join(", ")) };
    plain_line(&format!("{tags}written by {}", text(&article["source"])), 1000)
}

async fn show(home: &Home, topic: &str, out: &Out) -> Result<()> {
    let answer = client::call(home, "knowledge.get", json!({ "topic": topic }), ANSWER).await?;
    let article = &answer["article"];
    out.value(article);
    let harmless = |c: &char| !skynet_policy::naming::is_hidden(*c) || matches!(c, '\n' | '\t');
    let content: String = text(&article["content"]).chars().filter(harmless).collect();
    out.line(content.trim_end());
    Ok(())
}

async fn write(home: &Home, article: WriteArticle, out: &Out) -> Result<()> {
    let WriteArticle { topic, file, tags } = article;
    let content = match &file {
        Some(file) => read(std::fs::File::open(file).with_context(|| shown(file))?).with_context(|| shown(file))?,
        None => read(std::io::stdin().lock()).context("the article on stdin")?,
    };
    let answer = client::call(home, "knowledge.write", json!({ "topic": topic, "content": content, "tags": tags }), ANSWER).await?;
    out.both(&format!("{topic} is written"), &answer);
    Ok(())
}

fn shown(file: &Path) -> String {
    format!("{} cannot be read", file.display())
}

fn read(from: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    from.take(ARTICLE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > ARTICLE_BYTES {
        return Err(fail(Kind::Refused, format!("it has more than {ARTICLE_BYTES} bytes; make several articles of it")));
    }
    String::from_utf8(bytes).map_err(|_| fail(Kind::Refused, "it is no UTF-8 text"))
}
