//! `skynet:plugin/knowledge`: articles that all users share.
//!
//! Linked only when granted, with the permission `memory`; writing needs its own grant.

use super::door::Act;
use super::memory::{checked_query, told};
use crate::bindings::v0::skynet::plugin::knowledge::{Article, Host};
use crate::store::CallState;
use skynet_core::articles::{self, NewArticle};
use skynet_core::limits::ARTICLES_FOUND;
use skynet_policy::permission::Access;

impl CallState {
    async fn search_knowledge(&mut self, query: String, limit: u32) -> Result<Vec<Article>, String> {
        let act = Act::new("knowledge", "search", "");
        self.enter(&act, self.may(Access::Read)).await?;
        let limit = usize::try_from(limit).unwrap_or(ARTICLES_FOUND).min(ARTICLES_FOUND);
        let found = match checked_query(&query) {
            Ok(()) => self.reach.neighbours.articles.search_articles(&query, limit).await.map_err(told),
            Err(why) => Err(why),
        };
        match found {
            Ok(found) => Ok(found.into_iter().map(|article| self.article(article)).collect()),
            Err(why) => Err(self.failed(&act, why).await),
        }
    }

    fn article(&self, article: articles::Article) -> Article {
        Article {
            topic: self.clean(&article.topic),
            content: self.clean(&article.content),
            tags: article.tags.iter().map(|tag| self.clean(tag)).collect(),
        }
    }

    async fn write_knowledge(&mut self, article: Article) -> Result<(), String> {
        let (topic, content) = (self.clean(&article.topic), self.clean(&article.content));
        let act = Act::new("knowledge", "write", &topic);
        self.enter(&act, self.may(Access::Write)).await?;
        let tags = article.tags.iter().map(|tag| self.clean(tag)).collect();
        let new = NewArticle { topic, content, tags, source: self.source() };
        let written = match new.check() {
            Ok(()) => self.reach.neighbours.articles.write_article(new).await.map_err(told),
            Err(why) => Err(why),
        };
        match written {
            Ok(()) => Ok(()),
            Err(why) => Err(self.failed(&act, why).await),
        }
    }

    async fn delete_knowledge(&mut self, topic: String) -> Result<bool, String> {
        let act = Act::new("knowledge", "delete", &self.clean(&topic));
        self.enter(&act, self.may(Access::Write)).await?;
        // Before the first: a call that is given up in the middle owes it too.
        self.reach.wipe.owe();
        match self.reach.neighbours.articles.delete_one_of_several(&topic).await {
            Ok(was_there) => Ok(was_there),
            Err(error) => Err(self.failed(&act, told(error)).await),
        }
    }
}

impl Host for CallState {
    async fn search(&mut self, query: String, limit: u32) -> wasmtime::Result<Result<Vec<Article>, String>> {
        Ok(self.search_knowledge(query, limit).await)
    }

    async fn write(&mut self, article: Article) -> wasmtime::Result<Result<(), String>> {
        Ok(self.write_knowledge(article).await)
    }

    async fn delete(&mut self, topic: String) -> wasmtime::Result<Result<bool, String>> {
        Ok(self.delete_knowledge(topic).await)
    }
}
