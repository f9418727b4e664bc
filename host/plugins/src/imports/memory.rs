//! `skynet:plugin/memory`: what the host remembers about the user of the call, and of
//! nobody else.
//!
//! Linked only when granted; writing needs its own grant. Refuses instructions from a
//! plugin: what a person wants done, only that person says.

use super::door::{Act, Shut, granted};
use crate::bindings::v0::skynet::plugin::memory::{Entry, Host};
use crate::limits;
use crate::store::CallState;
use skynet_core::StoreError;
use skynet_core::facts::{Fact, INSTRUCTION, NewFact};
use skynet_core::limits::{FACTS_FOUND, QUERY_BYTES};
use skynet_policy::permission::Access;

impl CallState {
    /// Whether stored things may be looked at, or changed.
    pub(super) fn may(&self, access: Access) -> Result<(), Shut> {
        let what = if access == Access::Read { "reading memory" } else { "changing memory" };
        granted(self.reach.permissions.memory >= Some(access), what)
    }

    async fn search_memory(&mut self, query: String, limit: u32) -> Result<Vec<Entry>, String> {
        let act = Act::new("memory", "search", "");
        let caller = self.enter(&act, self.may(Access::Read)).await?;
        let limit = usize::try_from(limit).unwrap_or(FACTS_FOUND).min(FACTS_FOUND);
        let found = match checked_query(&query) {
            Ok(()) => self.reach.neighbours.facts.search_facts(&caller.context.user, &query, limit).await.map_err(told),
            Err(why) => Err(why),
        };
        match found {
            Ok(facts) => Ok(facts.iter().map(|fact| self.entry(fact)).collect()),
            Err(why) => Err(self.failed(&act, why).await),
        }
    }

    fn entry(&self, fact: &Fact) -> Entry {
        let (key, value) = (self.clean(&fact.key), self.clean(&fact.value));
        Entry { category: self.clean(&fact.category), key, value, confidence: fact.confidence }
    }

    async fn learn_fact(&mut self, entry: Entry) -> Result<(), String> {
        let (category, key, value) = (self.clean(&entry.category), self.clean(&entry.key), self.clean(&entry.value));
        let act = Act::new("memory", "learn", &format!("{category}/{key}"));
        let allowed = self.may(Access::Write).and_then(|()| match category.as_str() {
            INSTRUCTION => Err(Shut::too_much("a plugin may remember facts and not give instructions; only a person may")),
            _ => Ok(()),
        });
        let caller = self.enter(&act, allowed).await?;
        // What a person says without a word of how sure they are beats what a plugin noted.
        let confidence = if entry.confidence > limits::MOST_SURE { limits::MOST_SURE } else { entry.confidence };
        let fact = NewFact { category, key, value, confidence, source: self.source(), expires_ms: None };
        let learned = match fact.check() {
            Ok(()) => self.reach.neighbours.facts.learn(&caller.context.user, fact).await.map_err(told),
            Err(why) => Err(why),
        };
        match learned {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.failed(&act, "something of higher confidence is remembered there, and stays".into()).await),
            Err(why) => Err(self.failed(&act, why).await),
        }
    }

    async fn forget_fact(&mut self, category: String, key: String) -> Result<bool, String> {
        let act = Act::new("memory", "forget", &self.clean(&format!("{category}/{key}")));
        let allowed = self.may(Access::Write).and_then(|()| match category.as_str() {
            INSTRUCTION => Err(Shut::too_much("instructions are a person's; a plugin does not take them back")),
            _ => Ok(()),
        });
        let caller = self.enter(&act, allowed).await?;
        // Before the first: a call that is given up in the middle owes it too.
        self.reach.wipe.owe();
        match self.reach.neighbours.facts.forget_one_of_several(&caller.context.user, &category, &key).await {
            Ok(was_there) => Ok(was_there),
            Err(error) => Err(self.failed(&act, told(error)).await),
        }
    }
}

pub(super) fn checked_query(query: &str) -> Result<(), String> {
    if query.len() > QUERY_BYTES { Err(format!("a query has at most {QUERY_BYTES} bytes")) } else { Ok(()) }
}

/// What a guest hears of a failure of the store: quotas, and nothing of the inside.
pub(super) fn told(error: StoreError) -> String {
    match error {
        StoreError::Quota(which) => format!("quota exceeded: {which}"),
        other => {
            tracing::error!(error = %other, "a plugin's act on stored things");
            "the host's store did not answer".into()
        }
    }
}

impl Host for CallState {
    async fn search(&mut self, query: String, limit: u32) -> wasmtime::Result<Result<Vec<Entry>, String>> {
        Ok(self.search_memory(query, limit).await)
    }

    async fn learn(&mut self, entry: Entry) -> wasmtime::Result<Result<(), String>> {
        Ok(self.learn_fact(entry).await)
    }

    async fn forget(&mut self, category: String, key: String) -> wasmtime::Result<Result<bool, String>> {
        Ok(self.forget_fact(category, key).await)
    }
}
