//! Articles that all users share, and the port to them.
//!
//! Owns the bounds of an article. Like a fact, an article is data, not a rule.

use crate::error::StoreError;
use crate::limits::{ARTICLE_BYTES, ARTICLE_TAG_BYTES, ARTICLE_TAGS, ARTICLE_TOPIC_BYTES};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// One article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    /// Unique.
    pub topic: String,
    /// Markdown.
    pub content: String,
    /// In their order, no two alike.
    pub tags: Vec<String>,
    /// Who wrote it last: `user`, or `plugin:` and a plugin's id.
    pub source: String,
    /// Milliseconds since the Unix epoch.
    pub updated_ms: u64,
}

/// An article to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArticle {
    /// As in `Article`.
    pub topic: String,
    /// As in `Article`.
    pub content: String,
    /// As in `Article`.
    pub tags: Vec<String>,
    /// As in `Article`.
    pub source: String,
}

impl NewArticle {
    /// Why it cannot be written, in one sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.topic.trim().is_empty() || self.topic.len() > ARTICLE_TOPIC_BYTES || self.topic.chars().any(char::is_control) {
            return Err(format!("a topic has 1 to {ARTICLE_TOPIC_BYTES} bytes and no control characters"));
        }
        if self.content.trim().is_empty() || self.content.len() > ARTICLE_BYTES || self.content.contains('\0') {
            return Err(format!("an article has 1 to {ARTICLE_BYTES} bytes and no zero characters"));
        }
        let bad = |tag: &String| tag.trim().is_empty() || tag.len() > ARTICLE_TAG_BYTES || tag.chars().any(|c| c.is_control() || c == ',');
        if self.tags.len() > ARTICLE_TAGS || self.tags.iter().any(bad) {
            return Err(format!("an article has at most {ARTICLE_TAGS} tags of 1 to {ARTICLE_TAG_BYTES} bytes, without commas"));
        }
        Ok(())
    }
}

/// Durable articles.
#[async_trait]
pub trait Articles: Send + Sync {
    /// Articles in which all words of the query occur, best first. Plain words, as for facts.
    async fn search_articles(&self, query: &str, limit: usize) -> Result<Vec<Article>, StoreError>;
    /// The one of this topic.
    async fn article(&self, topic: &str) -> Result<Option<Article>, StoreError>;
    /// Articles by topic, after `after`.
    async fn articles(&self, after: Option<&str>, limit: usize) -> Result<Vec<Article>, StoreError>;
    /// Writes one; replaces the one of the same topic. Quotas are checked in the same transaction.
    async fn write_article(&self, article: NewArticle) -> Result<(), StoreError>;
    /// Deletes one. `false` when there was none.
    async fn delete_article(&self, topic: &str) -> Result<bool, StoreError>;
    /// As `delete_article`, for one of several: its traces may stay in files up to the next `Facts::wipe`, which the
    /// caller owes.
    async fn delete_one_of_several(&self, topic: &str) -> Result<bool, StoreError> {
        self.delete_article(topic).await
    }
}
