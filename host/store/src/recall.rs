//! The ports `Facts` and `Articles`, each method one write or one read.
//!
//! Owns only the way to the threads; what is done there is in `facts` and `articles`. What is
//! forgotten or deleted leaves the write-ahead log before its deletion is acknowledged.

use crate::store::Store;
use crate::{articles, facts};
use async_trait::async_trait;
use skynet_core::articles::{Article, Articles, NewArticle};
use skynet_core::facts::{Fact, Facts, NewFact};
use skynet_core::{StoreError, UserId};

#[async_trait]
impl Facts for Store {
    async fn search_facts(&self, user: &UserId, query: &str, limit: usize) -> Result<Vec<Fact>, StoreError> {
        let (user, query, now) = (user.clone(), query.to_owned(), self.now());
        self.read(move |db| facts::search(db, &user, &query, limit, now)).await
    }

    async fn facts(&self, user: &UserId, limit: usize) -> Result<Vec<Fact>, StoreError> {
        let (user, now) = (user.clone(), self.now());
        self.read(move |db| facts::of_user(db, &user, limit, now)).await
    }

    async fn learn(&self, user: &UserId, fact: NewFact) -> Result<bool, StoreError> {
        let (user, now) = (user.clone(), self.now());
        self.write(move |db| facts::learn(db, &user, &fact, now)).await
    }

    async fn forget(&self, user: &UserId, category: &str, key: &str) -> Result<bool, StoreError> {
        let was_there = self.forget_one_of_several(user, category, key).await?;
        if was_there {
            self.wipe_log().await;
        }
        Ok(was_there)
    }

    async fn forget_one_of_several(&self, user: &UserId, category: &str, key: &str) -> Result<bool, StoreError> {
        let (user, category, key, now) = (user.clone(), category.to_owned(), key.to_owned(), self.now());
        self.write(move |db| facts::forget(db, &user, &category, &key, now)).await
    }

    async fn wipe(&self) {
        // Behind what waits in the queue: whoever forgot may have gone before it was written.
        if let Err(error) = self.write(|_| Ok(())).await {
            tracing::warn!(%error, "what was forgotten may stay in skynet.db-wal for now");
        }
        self.wipe_log().await;
    }
}

#[async_trait]
impl Articles for Store {
    async fn search_articles(&self, query: &str, limit: usize) -> Result<Vec<Article>, StoreError> {
        let query = query.to_owned();
        self.read(move |db| articles::search(db, &query, limit)).await
    }

    async fn article(&self, topic: &str) -> Result<Option<Article>, StoreError> {
        let topic = topic.to_owned();
        self.read(move |db| articles::find(db, &topic)).await
    }

    async fn articles(&self, after: Option<&str>, limit: usize) -> Result<Vec<Article>, StoreError> {
        let after = after.map(str::to_owned);
        self.read(move |db| articles::page(db, after.as_deref(), limit)).await
    }

    async fn write_article(&self, article: NewArticle) -> Result<(), StoreError> {
        let now = self.now();
        self.write(move |db| articles::write(db, &article, now)).await
    }

    async fn delete_article(&self, topic: &str) -> Result<bool, StoreError> {
        let was_there = self.delete_one_of_several(topic).await?;
        if was_there {
            self.wipe_log().await;
        }
        Ok(was_there)
    }

    async fn delete_one_of_several(&self, topic: &str) -> Result<bool, StoreError> {
        let topic = topic.to_owned();
        self.write(move |db| articles::delete(db, &topic)).await
    }
}
