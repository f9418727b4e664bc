//! The host's own services, as far as doors can see them: they keep what they are given
//! and remember on whose behalf it came.

use async_trait::async_trait;
use serde_json::Value;
use skynet_core::articles::{Article, Articles, NewArticle};
use skynet_core::facts::{Fact, Facts, NewFact};
use skynet_core::neighbours::{AskError, Caller, Neighbours, Outbox, Outgoing, ScriptError, ScriptOutcome, Scripts, SendError, SubTurns};
use skynet_core::schedule::{Fire, Job, JobFilter, NewJob, Schedule, ScheduleError};
use skynet_core::{StoreError, UserId};
use std::sync::{Arc, Mutex};

/// All of them at once.
#[derive(Default)]
pub(crate) struct Neighbourhood {
    facts: Mutex<Vec<(UserId, NewFact)>>,
    articles: Mutex<Vec<NewArticle>>,
    jobs: Mutex<Vec<Job>>,
    heard: Mutex<Vec<String>>,
}

impl Neighbourhood {
    pub(crate) fn all(self: &Arc<Self>) -> Neighbours {
        Neighbours {
            facts: self.clone(),
            articles: self.clone(),
            schedule: self.clone(),
            sub_turns: self.clone(),
            outbox: self.clone(),
            scripts: self.clone(),
        }
    }

    /// What came through the doors of agent, messages and scripts.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// The sources of what was learned and written.
    pub(crate) fn sources(&self) -> Vec<String> {
        let facts = self.facts.lock().unwrap();
        let articles = self.articles.lock().unwrap();
        facts.iter().map(|(_, fact)| fact.source.clone()).chain(articles.iter().map(|article| article.source.clone())).collect()
    }

    pub(crate) fn planned(&self) -> Vec<Job> {
        self.jobs.lock().unwrap().clone()
    }

    /// Plans a job past all doors.
    pub(crate) fn plan(&self, job: Job) {
        self.jobs.lock().unwrap().push(job);
    }

    fn hear(&self, caller: &Caller, what: &str) {
        self.heard.lock().unwrap().push(format!("{} for {}: {what}", caller.plugin.id, caller.context.user));
    }
}

#[async_trait]
impl Facts for Neighbourhood {
    async fn search_facts(&self, user: &UserId, query: &str, limit: usize) -> Result<Vec<Fact>, StoreError> {
        let facts = self.facts.lock().unwrap();
        let found = facts.iter().filter(|(of, fact)| of == user && fact.value.contains(query)).take(limit);
        let fact = |new: &NewFact| Fact {
            category: new.category.clone(),
            key: new.key.clone(),
            value: new.value.clone(),
            confidence: new.confidence,
            source: new.source.clone(),
            expires_ms: None,
            created_ms: 0,
            updated_ms: 0,
        };
        Ok(found.map(|(_, new)| fact(new)).collect())
    }

    async fn facts(&self, user: &UserId, limit: usize) -> Result<Vec<Fact>, StoreError> {
        self.search_facts(user, "", limit).await
    }

    async fn learn(&self, user: &UserId, fact: NewFact) -> Result<bool, StoreError> {
        self.facts.lock().unwrap().push((user.clone(), fact));
        Ok(true)
    }

    async fn forget(&self, user: &UserId, category: &str, key: &str) -> Result<bool, StoreError> {
        let mut facts = self.facts.lock().unwrap();
        let before = facts.len();
        facts.retain(|(of, fact)| !(of == user && fact.category == category && fact.key == key));
        Ok(facts.len() < before)
    }
}

#[async_trait]
impl Articles for Neighbourhood {
    async fn search_articles(&self, query: &str, limit: usize) -> Result<Vec<Article>, StoreError> {
        let articles = self.articles.lock().unwrap();
        let found = articles.iter().filter(|article| article.content.contains(query)).take(limit);
        let article = |new: &NewArticle| Article {
            topic: new.topic.clone(),
            content: new.content.clone(),
            tags: new.tags.clone(),
            source: new.source.clone(),
            updated_ms: 0,
        };
        Ok(found.map(article).collect())
    }

    async fn articles(&self, _: Option<&str>, limit: usize) -> Result<Vec<Article>, StoreError> {
        self.search_articles("", limit).await
    }

    async fn write_article(&self, article: NewArticle) -> Result<(), StoreError> {
        self.articles.lock().unwrap().push(article);
        Ok(())
    }

    async fn delete_article(&self, topic: &str) -> Result<bool, StoreError> {
        let mut articles = self.articles.lock().unwrap();
        let before = articles.len();
        articles.retain(|article| article.topic != topic);
        Ok(articles.len() < before)
    }
}

fn passes(job: &Job, filter: &JobFilter) -> bool {
    filter.user.as_ref().is_none_or(|user| job.user == *user)
        && filter.plugin.as_ref().is_none_or(|plugin| job.plugin.as_ref() == Some(plugin))
}

#[async_trait]
impl Schedule for Neighbourhood {
    async fn add(&self, job: NewJob) -> Result<Job, ScheduleError> {
        if matches!(job.when, skynet_core::schedule::When::Every { every_ms: 0..60_000, .. }) {
            return Err(ScheduleError::Invalid("at most once a minute".into()));
        }
        let mut jobs = self.jobs.lock().unwrap();
        let NewJob { name, when, prompt, user, session, plugin } = job;
        let id = format!("job-{}", jobs.len());
        let job = Job { id, name, when, prompt, user, session, plugin, created_ms: 0, next_ms: None, last_ms: None, runs: 0 };
        jobs.push(job.clone());
        Ok(job)
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
        Ok(self.planned().into_iter().filter(|job| passes(job, filter)).collect())
    }

    async fn remove(&self, id: &str, filter: &JobFilter) -> Result<bool, StoreError> {
        let mut jobs = self.jobs.lock().unwrap();
        let before = jobs.len();
        jobs.retain(|job| !(job.id == id && passes(job, filter)));
        Ok(jobs.len() < before)
    }

    async fn fires(&self, _: &str, _: usize) -> Result<Vec<Fire>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl SubTurns for Neighbourhood {
    async fn ask(&self, caller: &Caller, prompt: String) -> Result<String, AskError> {
        self.hear(caller, &prompt);
        match prompt.as_str() {
            "deep" => Err(AskError::TooDeep(2)),
            _ => Ok(format!("you said {prompt}")),
        }
    }
}

#[async_trait]
impl Outbox for Neighbourhood {
    async fn send(&self, caller: &Caller, message: Outgoing) -> Result<(), SendError> {
        self.hear(caller, &format!("{} on {} to {}", message.text, message.channel, message.recipient));
        Ok(())
    }
}

#[async_trait]
impl Scripts for Neighbourhood {
    async fn run(&self, caller: &Caller, name: &str, input: &Value) -> Result<ScriptOutcome, ScriptError> {
        self.hear(caller, &format!("{name} {input}"));
        match name {
            "backup" => Ok(ScriptOutcome { exit_code: 0, output: "backed up".into(), truncated: false }),
            _ => Err(ScriptError::Unknown(name.into())),
        }
    }
}
