//! Facts and articles in memory, found by the words that stand in them.

use async_trait::async_trait;
use skynet_core::articles::{Article, Articles, NewArticle};
use skynet_core::facts::{Fact, Facts, NewFact};
use skynet_core::{StoreError, UserId};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Facts by category and key; a fact of the key `full` is one too many.
#[derive(Default)]
pub(crate) struct FakeFacts(pub(crate) Mutex<BTreeMap<(String, String), Fact>>);

fn holds(text: &str, query: &str) -> bool {
    query.split_whitespace().all(|word| text.contains(word))
}

#[async_trait]
impl Facts for FakeFacts {
    async fn search_facts(&self, user: &UserId, query: &str, limit: usize) -> Result<Vec<Fact>, StoreError> {
        assert_eq!(*user, UserId::owner());
        Ok(self.0.lock().unwrap().values().filter(|fact| holds(&fact.value, query)).take(limit).cloned().collect())
    }

    async fn facts(&self, user: &UserId, limit: usize) -> Result<Vec<Fact>, StoreError> {
        self.search_facts(user, "", limit).await
    }

    async fn learn(&self, _: &UserId, fact: NewFact) -> Result<bool, StoreError> {
        if fact.key == "full" {
            return Err(StoreError::Quota("of one person 10000 facts are kept".into()));
        }
        let NewFact { category, key, value, confidence, source, expires_ms } = fact;
        let mut facts = self.0.lock().unwrap();
        let place = (category.clone(), key.clone());
        if facts.get(&place).is_some_and(|former| former.confidence > confidence) {
            return Ok(false);
        }
        facts.insert(place, Fact { category, key, value, confidence, source, expires_ms, created_ms: 1, updated_ms: 2 });
        Ok(true)
    }

    async fn forget(&self, _: &UserId, category: &str, key: &str) -> Result<bool, StoreError> {
        Ok(self.0.lock().unwrap().remove(&(category.into(), key.into())).is_some())
    }
}

/// Articles by topic; one of the topic `full` is one too many.
#[derive(Default)]
pub(crate) struct FakeArticles(pub(crate) Mutex<BTreeMap<String, Article>>);

#[async_trait]
impl Articles for FakeArticles {
    async fn search_articles(&self, query: &str, limit: usize) -> Result<Vec<Article>, StoreError> {
        Ok(self.0.lock().unwrap().values().filter(|article| holds(&article.content, query)).take(limit).cloned().collect())
    }

    async fn article(&self, topic: &str) -> Result<Option<Article>, StoreError> {
        Ok(self.0.lock().unwrap().get(topic).cloned())
    }

    async fn articles(&self, after: Option<&str>, limit: usize) -> Result<Vec<Article>, StoreError> {
        let articles = self.0.lock().unwrap();
        Ok(articles.values().filter(|article| after.is_none_or(|after| article.topic.as_str() > after)).take(limit).cloned().collect())
    }

    async fn write_article(&self, article: NewArticle) -> Result<(), StoreError> {
        if article.topic == "full" {
            return Err(StoreError::Quota("10000 articles are kept".into()));
        }
        let NewArticle { topic, content, tags, source } = article;
        self.0.lock().unwrap().insert(topic.clone(), Article { topic, content, tags, source, updated_ms: 2 });
        Ok(())
    }

    async fn delete_article(&self, topic: &str) -> Result<bool, StoreError> {
        Ok(self.0.lock().unwrap().remove(topic).is_some())
    }
}
