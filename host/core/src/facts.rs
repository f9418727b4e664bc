//! What the host remembers about a person, fact by fact, and the port to it.
//!
//! Owns the bounds of a fact. A fact is data that somebody said: it is shown to
//! models as such and never as a rule of the host.

use crate::error::StoreError;
use crate::ids::UserId;
use crate::limits::{FACT_CATEGORY_BYTES, FACT_KEY_BYTES, FACT_VALUE_BYTES};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// The category of what a person wants done. Only people write it.
pub const INSTRUCTION: &str = "instruction";

/// One fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// `instruction`, `preference`, `fact`, `context`, or another name.
    pub category: String,
    /// Unique in its category.
    pub key: String,
    /// What is remembered.
    pub value: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Who said it: `user`, or `plugin:` and a plugin's id.
    pub source: String,
    /// Milliseconds since the Unix epoch, if it is to be forgotten.
    pub expires_ms: Option<u64>,
    /// Milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// Milliseconds since the Unix epoch.
    pub updated_ms: u64,
}

/// A fact to learn.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFact {
    /// As in `Fact`.
    pub category: String,
    /// As in `Fact`.
    pub key: String,
    /// As in `Fact`.
    pub value: String,
    /// As in `Fact`.
    pub confidence: f64,
    /// As in `Fact`.
    pub source: String,
    /// As in `Fact`.
    pub expires_ms: Option<u64>,
}

impl NewFact {
    /// Why it cannot be learned, in one sentence.
    pub fn check(&self) -> Result<(), String> {
        let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if self.category.is_empty() || self.category.len() > FACT_CATEGORY_BYTES || !self.category.chars().all(name) {
            return Err(format!("a category is 1 to {FACT_CATEGORY_BYTES} of a-z, 0-9, - and _"));
        }
        if self.key.trim().is_empty() || self.key.len() > FACT_KEY_BYTES || self.key.chars().any(char::is_control) {
            return Err(format!("a key has 1 to {FACT_KEY_BYTES} bytes and no control characters"));
        }
        if self.value.trim().is_empty() || self.value.len() > FACT_VALUE_BYTES || self.value.contains('\0') {
            return Err(format!("a value has 1 to {FACT_VALUE_BYTES} bytes and no zero characters"));
        }
        if !(0.0..=1.0).contains(&self.confidence) {
            return Err("a confidence lies between 0 and 1".into());
        }
        Ok(())
    }
}

/// Durable facts.
#[async_trait]
pub trait Facts: Send + Sync {
    /// Facts of a user in which all words of the query occur, best first. The query is
    /// plain words: nothing in it has a meaning of its own.
    async fn search_facts(&self, user: &UserId, query: &str, limit: usize) -> Result<Vec<Fact>, StoreError>;
    /// Facts of a user: instructions first, then preferences, facts, context and the rest,
    /// each by confidence.
    async fn facts(&self, user: &UserId, limit: usize) -> Result<Vec<Fact>, StoreError>;
    /// Learns one. `false` when one of higher confidence stands there, which stays.
    /// The quotas of the user and of the source are checked in the same transaction.
    async fn learn(&self, user: &UserId, fact: NewFact) -> Result<bool, StoreError>;
    /// Forgets one. `false` when there was none.
    async fn forget(&self, user: &UserId, category: &str, key: &str) -> Result<bool, StoreError>;
    /// As `forget`, for one of several: its traces may stay in files up to the next `wipe`, which the caller owes.
    async fn forget_one_of_several(&self, user: &UserId, category: &str, key: &str) -> Result<bool, StoreError> {
        self.forget(user, category, key).await
    }
    /// Leaves no trace in any file of what was forgotten up to now, articles included: one store keeps both. What is in
    /// the way is logged, and no error.
    async fn wipe(&self) {}
}
