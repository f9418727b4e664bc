//! What is remembered of a person reaches the model in their turns, and in no other.

use crate::stage::*;
use crate::sub_turns::caller;
use async_trait::async_trait;
use skynet_core::facts::{Fact, Facts, NewFact};
use skynet_core::neighbours::SubTurns as _;
use skynet_core::*;
use std::sync::Mutex;

/// Facts that a test put there.
#[derive(Default)]
pub(crate) struct FakeFacts(pub(crate) Mutex<Vec<(UserId, Fact)>>);

#[async_trait]
impl Facts for FakeFacts {
    async fn search_facts(&self, user: &UserId, _: &str, limit: usize) -> Result<Vec<Fact>, StoreError> {
        self.facts(user, limit).await
    }

    async fn facts(&self, user: &UserId, limit: usize) -> Result<Vec<Fact>, StoreError> {
        let facts = self.0.lock().unwrap();
        Ok(facts.iter().filter(|(of, _)| of == user).map(|(_, fact)| fact.clone()).take(limit).collect())
    }

    async fn learn(&self, _: &UserId, _: NewFact) -> Result<bool, StoreError> {
        Err(StoreError::Unavailable("the turn loop teaches nothing".into()))
    }

    async fn forget(&self, _: &UserId, _: &str, _: &str) -> Result<bool, StoreError> {
        Err(StoreError::Unavailable("the turn loop forgets nothing".into()))
    }
}

fn remembers(stage: &Stage, user: &str, value: &str) {
    let fact = Fact {
        category: "preference".into(),
        key: "tea".into(),
        value: value.into(),
        confidence: 0.8,
        source: "user".into(),
        expires_ms: None,
        created_ms: 0,
        updated_ms: 0,
    };
    stage.facts.0.lock().unwrap().push((UserId(user.into()), fact));
}

fn last_system(stage: &Stage) -> Vec<String> {
    stage.asked().last().unwrap().1.system.iter().map(|block| block.text.clone()).collect()
}

#[tokio::test]
async fn a_turn_knows_what_is_remembered_of_its_person_and_of_nobody_else() {
    let stage = Stage::new("a/one", vec![]);
    remembers(&stage, "owner", "green");
    remembers(&stage, "bob", "black");
    stage.script(vec![answer("hello")]);
    stage.turn("hi").await;
    let system = last_system(&stage);
    assert_eq!(system.len(), 3);
    assert!(system[2].ends_with("preference:\n- tea: green") && !system.concat().contains("black"), "{system:?}");
}

#[tokio::test]
async fn a_turn_that_a_plugin_asked_for_does_not_know_it() {
    let stage = Stage::new("a/one", vec![]);
    remembers(&stage, "ada", "green");
    stage.script(vec![answer("hello")]);
    stage.agent.ask(&caller("main", 0), "What tea do they drink?".into()).await.unwrap();
    assert!(!last_system(&stage).concat().contains("green"));
}
