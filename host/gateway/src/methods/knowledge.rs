//! `knowledge.*`: articles that all users share.
//!
//! Whatever changes one is written to the audit log first, by its topic alone; what
//! cannot be written there is not done. Refuses: texts in the audit log.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::auth::secret::within;
use crate::limits::{ARTICLES_LISTED, FOUND_DEFAULT};
use crate::refusal::Refusal;
use crate::schema::{Field, Kind, TEXT, WORD, may, must};
use serde_json::{Value, json};
use skynet_core::articles::{Article, NewArticle};
use skynet_core::limits::{ARTICLE_TAGS, ARTICLE_TOPIC_BYTES, ARTICLES_FOUND};
use skynet_policy::naming::plain_line;

const READ: Option<Scope> = Some(Scope::Read);
const WRITE: Option<Scope> = Some(Scope::Write);

const TOPIC: &[Field] = &[must("topic", WORD)];
const PAGE: &[Field] = &[may("after", WORD), may("limit", Kind::Int(1, ARTICLES_LISTED as u64))];
const ARTICLE: &[Field] = &[must("topic", WORD), must("content", TEXT), may("tags", Kind::List(&WORD, ARTICLE_TAGS))];

pub(super) const METHODS: &[Method] = &[
    method("knowledge.search", READ, Some(&[must("query", WORD), may("limit", Kind::Int(1, ARTICLES_FOUND as u64))]), |call| {
        Box::pin(search(call))
    }),
    method("knowledge.list", READ, Some(PAGE), |call| Box::pin(list(call))),
    method("knowledge.get", READ, Some(TOPIC), |call| Box::pin(get(call))),
    method("knowledge.write", WRITE, Some(ARTICLE), |call| Box::pin(write(call))),
    method("knowledge.delete", WRITE, Some(TOPIC), |call| Box::pin(delete(call))),
];

fn whole(article: &Article) -> Value {
    json!({
        "topic": article.topic, "content": article.content, "tags": article.tags, "source": article.source,
        "updated_at": article.updated_ms,
    })
}

/// Without the text: a list is to choose from.
fn heading(article: &Article) -> Value {
    json!({
        "topic": article.topic, "bytes": article.content.len(), "tags": article.tags, "source": article.source,
        "updated_at": article.updated_ms,
    })
}

async fn search(call: Call) -> Answer {
    let query = call.query("knowledge.search")?;
    let articles = within(call.server.articles.search_articles(query, call.limit(FOUND_DEFAULT))).await?;
    Ok(json!({"articles": articles.iter().map(whole).collect::<Vec<_>>()}).into())
}

async fn list(call: Call) -> Answer {
    let limit = call.limit(ARTICLES_LISTED);
    let articles = within(call.server.articles.articles(call.text("after"), limit)).await?;
    let mut answer = json!({"articles": articles.iter().map(heading).collect::<Vec<_>>()});
    // Where the next page begins, if there may be one.
    if let (Some(last), Some(answer)) = (articles.last().filter(|_| articles.len() == limit), answer.as_object_mut()) {
        answer.insert("next".into(), last.topic.as_str().into());
    }
    Ok(answer.into())
}

async fn get(call: Call) -> Answer {
    let topic = call.text("topic").unwrap_or_default();
    match within(call.server.articles.article(topic)).await? {
        Some(article) => Ok(json!({"article": whole(&article)}).into()),
        None => Err(unknown(topic)),
    }
}

fn unknown(topic: &str) -> Refusal {
    Refusal::not_found(format!("there is no article {}; knowledge.list shows what there is", plain_line(topic, ARTICLE_TOPIC_BYTES)))
}

async fn recorded(call: &Call, action: &str, topic: &str, act: impl Future<Output = Result<(), Refusal>>) -> Result<(), Refusal> {
    let subject = plain_line(topic, ARTICLE_TOPIC_BYTES);
    call.recorded("knowledge", &subject, json!({"action": action, "by": "gateway"}), act).await
}

async fn write(call: Call) -> Answer {
    let text = |key: &str| call.text(key).unwrap_or_default().to_owned();
    let tags = call.params.get("tags").and_then(Value::as_array).into_iter().flatten();
    let tags = tags.filter_map(Value::as_str).map(str::to_owned).collect();
    let article = NewArticle { topic: text("topic"), content: text("content"), tags, source: "user".into() };
    article.check().map_err(|why| Refusal::invalid(format!("invalid knowledge.write params: {why}")))?;
    let topic = article.topic.clone();
    recorded(&call, "write", &topic, async { Ok(call.server.articles.write_article(article).await?) }).await?;
    Ok(json!({"ok": true}).into())
}

async fn delete(call: Call) -> Answer {
    let topic = call.text("topic").unwrap_or_default();
    let act = async {
        match call.server.articles.delete_article(topic).await? {
            true => Ok(()),
            false => Err(unknown(topic)),
        }
    };
    recorded(&call, "delete", topic, act).await?;
    Ok(json!({"ok": true}).into())
}
