//! Facts: who finds what, in which order, what overwrites what, and where it ends.

use crate::scratch::Scratch;
use skynet_core::facts::{Fact, Facts as _, NewFact};
use skynet_core::limits::{FACTS_FOUND, FACTS_OF_SOURCE, FACTS_OF_USER};
use skynet_core::{StoreError, UserId};
use skynet_store::Store;
use skynet_store::limits::EXPIRED_FACTS;

fn owner() -> UserId {
    UserId::owner()
}

fn new(category: &str, key: &str, value: &str) -> NewFact {
    let (category, key, value) = (category.into(), key.into(), value.into());
    NewFact { category, key, value, confidence: 0.8, source: "user".into(), expires_ms: None }
}

async fn learn(store: &Store, category: &str, key: &str, value: &str) {
    assert!(store.learn(&owner(), new(category, key, value)).await.unwrap());
}

fn keys(facts: &[Fact]) -> String {
    facts.iter().map(|fact| fact.key.as_str()).collect::<Vec<_>>().join(" ")
}

async fn found(store: &Store, query: &str) -> String {
    keys(&store.search_facts(&owner(), query, FACTS_FOUND).await.unwrap())
}

async fn listed(store: &Store) -> String {
    keys(&store.facts(&owner(), 100).await.unwrap())
}

/// So many facts at once, past the quotas, as `fill-N` of this source.
fn fill(scratch: &Scratch, source: &str, many: u64, expires_ms: Option<u64>) {
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
        INSERT INTO facts (user, category, key, value, confidence, source, expires_ms, created_ms, updated_ms)
        SELECT 'owner', 'fact', 'fill-' || ?1 || i, 'common filler ' || i, 0.5, ?1, ?3, 1, 1 FROM n";
    let expires_ms = expires_ms.map(|ms| ms as i64);
    scratch.raw().execute(sql, rusqlite::params![source, many as i64, expires_ms]).unwrap();
}

fn rows(scratch: &Scratch) -> u64 {
    scratch.raw().query_row("SELECT count(*) FROM facts", [], |row| row.get::<_, i64>(0)).unwrap() as u64
}

#[tokio::test]
async fn a_fact_is_kept_whole_found_and_forgotten_and_survives_a_restart() {
    let scratch = Scratch::new();
    let fact = NewFact { expires_ms: Some(5000), ..new("preference", "drink", "Green tea, no sugar") };
    assert!(scratch.open().learn(&owner(), fact).await.unwrap());
    let store = scratch.open();
    let expected = Fact {
        category: "preference".into(),
        key: "drink".into(),
        value: "Green tea, no sugar".into(),
        confidence: 0.8,
        source: "user".into(),
        expires_ms: Some(5000),
        created_ms: 1000,
        updated_ms: 1000,
    };
    let searched = store.search_facts(&owner(), "tea", 10).await.unwrap();
    assert_eq!(store.facts(&owner(), 10).await.unwrap(), searched);
    assert_eq!(searched, [expected]);
    assert!(!store.forget(&owner(), "fact", "drink").await.unwrap(), "another category");
    assert!(store.forget(&owner(), "preference", "drink").await.unwrap());
    assert!(!store.forget(&owner(), "preference", "drink").await.unwrap());
    assert_eq!((listed(&store).await.as_str(), found(&store, "tea").await.as_str()), ("", ""));
    store.check().await.unwrap();
}

#[tokio::test]
async fn facts_of_one_person_are_nobody_elses() {
    let scratch = Scratch::new();
    let store = scratch.open();
    learn(&store, "fact", "home", "Lisbon").await;
    let other = UserId("guest".into());
    assert!(store.search_facts(&other, "Lisbon", 10).await.unwrap().is_empty());
    assert!(store.facts(&other, 10).await.unwrap().is_empty());
    assert!(!store.forget(&other, "fact", "home").await.unwrap());
    assert!(store.learn(&other, new("fact", "home", "Porto")).await.unwrap());
    assert_eq!(store.facts(&owner(), 10).await.unwrap()[0].value, "Lisbon");
}

#[tokio::test]
async fn all_words_must_occur_and_the_last_may_be_the_beginning_of_one() {
    let scratch = Scratch::new();
    let store = scratch.open();
    learn(&store, "preference", "drink", "green tea in the morning").await;
    learn(&store, "preference", "favourite-colour", "green").await;
    learn(&store, "fact", "città", "lives in Zürich, «Enge»").await;
    let check = async |query: &str, expected: &str| assert_eq!(found(&store, query).await, expected, "{query:?}");
    check("green tea", "drink").await;
    check("tea green", "drink").await;
    check("GREEN", "favourite-colour drink").await;
    check("green mor", "drink").await;
    check("gre tea", "").await;
    check("colour favourite", "favourite-colour").await;
    check("zurich citta", "città").await;
    check("zu\u{308}rich", "città").await;
    check("enge", "città").await;
    check("«Enge»", "città").await;
    check("drink green", "drink").await;
    check("green coffee", "").await;
    for empty in ["", "  ", "\"", "***", "\u{1f375}", "\u{0}"] {
        check(empty, "").await;
    }
    assert_eq!(keys(&store.search_facts(&owner(), "green", 1).await.unwrap()), "favourite-colour");
}

#[tokio::test]
async fn nothing_in_a_query_is_an_operator_or_breaks_the_search() {
    let scratch = Scratch::new();
    let store = scratch.open();
    learn(&store, "fact", "a", "one two").await;
    learn(&store, "fact", "b", "three NOT near").await;
    let check = async |query: &str, expected: &str| assert_eq!(found(&store, query).await, expected, "{query:?}");
    check("one OR three", "").await;
    check("one AND two", "").await;
    check("three NOT near", "b").await;
    check("NOT one", "").await;
    check("NEAR(one two)", "").await;
    check("value:one", "").await;
    check("-one", "a").await;
    check("^one +two", "a").await;
    check("{key value} : one", "").await;
    check("one\" OR \"three", "").await;
    check("\"one two\"", "a").await;
    check("on* two", "").await;
    check("one'; DROP TABLE facts; --", "").await;
    check("one \u{1f600}\u{200d}\u{1f600} two", "a").await;
    check("\u{1f600} one", "a").await;
    check("one \u{1f600}", "a").await;
    check("one Ⓐ", "a").await;
    check("one\u{0}two", "a").await;
    check(&"one ".repeat(100_000), "a").await;
    check(&"(".repeat(100_000), "").await;
    check(&"x".repeat(1_000_000), "").await;
    check(&"one \"two\" ".repeat(50), "a").await;
    assert_eq!(listed(&store).await, "a b");
}

#[tokio::test]
async fn less_confidence_never_overwrites_more_and_the_birthday_stays() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let with = |value: &str, confidence, source: &str| NewFact { confidence, source: source.into(), ..new("fact", "home", value) };
    assert!(store.learn(&owner(), with("Lisbon", 0.8, "user")).await.unwrap());
    scratch.clock.set(2000);
    assert!(!store.learn(&owner(), with("Porto", 0.79, "plugin:a/x")).await.unwrap());
    assert_eq!((found(&store, "Lisbon").await.as_str(), found(&store, "Porto").await.as_str()), ("home", ""));
    assert!(store.learn(&owner(), with("Faro", 0.8, "plugin:a/x")).await.unwrap());
    let fact = store.facts(&owner(), 10).await.unwrap().pop().unwrap();
    assert_eq!((fact.value.as_str(), fact.source.as_str(), fact.created_ms, fact.updated_ms), ("Faro", "plugin:a/x", 1000, 2000));
    assert_eq!((found(&store, "Lisbon").await.as_str(), found(&store, "Faro").await.as_str()), ("", "home"));
    assert!(store.learn(&owner(), with("Braga", 1.0, "user")).await.unwrap());
    assert!(!store.learn(&owner(), with("Evora", 0.0, "user")).await.unwrap());
    store.check().await.unwrap();
}

#[tokio::test]
async fn a_list_begins_with_instructions_and_the_surest() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for (n, (category, confidence)) in [
        ("zoo", 1.0),
        ("context", 1.0),
        ("fact", 0.2),
        ("arts", 0.9),
        ("preference", 1.0),
        ("fact", 0.9),
        ("instruction", 0.1),
        ("fact", 0.2),
    ]
    .into_iter()
    .enumerate()
    {
        let fact = NewFact { confidence, ..new(category, &n.to_string(), "v") };
        assert!(store.learn(&owner(), fact).await.unwrap());
    }
    assert_eq!(listed(&store).await, "6 4 5 2 7 1 3 0");
    assert_eq!(keys(&store.facts(&owner(), 2).await.unwrap()), "6 4");
    assert_eq!(keys(&store.facts(&owner(), 0).await.unwrap()), "");
    assert_eq!(keys(&store.facts(&owner(), usize::MAX).await.unwrap()), "6 4 5 2 7 1 3 0");
}

#[tokio::test]
async fn facts_that_fit_equally_come_in_one_order() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for key in ["c", "a", "b"] {
        learn(&store, "fact", key, "same words").await;
    }
    assert_eq!(found(&store, "same").await, "a b c");
}

#[tokio::test]
async fn what_has_expired_is_gone_and_neither_wins_nor_lends_its_age() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let fact = NewFact { confidence: 1.0, expires_ms: Some(2000), ..new("context", "trip", "in Rome") };
    assert!(store.learn(&owner(), fact).await.unwrap());
    scratch.clock.set(1999);
    assert_eq!((listed(&store).await.as_str(), found(&store, "rome").await.as_str()), ("trip", "trip"));
    scratch.clock.set(2000);
    assert_eq!((listed(&store).await.as_str(), found(&store, "rome").await.as_str()), ("", ""));
    assert!(!store.forget(&owner(), "context", "trip").await.unwrap());
    assert_eq!(rows(&scratch), 0, "a write of this person deletes it");
    let fact = NewFact { confidence: 1.0, expires_ms: Some(2001), ..new("context", "trip", "in Oslo") };
    assert!(store.learn(&owner(), fact).await.unwrap());
    scratch.clock.set(3000);
    assert!(store.learn(&owner(), NewFact { confidence: 0.1, ..new("context", "trip", "at home") }).await.unwrap());
    assert_eq!(store.facts(&owner(), 1).await.unwrap()[0].created_ms, 3000);
}

#[tokio::test]
async fn many_expired_facts_go_a_few_with_each_write_and_never_fill_a_quota() {
    let scratch = Scratch::new();
    let store = scratch.open();
    fill(&scratch, "plugin:a/x", FACTS_OF_USER, Some(500));
    let fact = NewFact { source: "plugin:a/x".into(), ..new("fact", "new", "v") };
    assert!(store.learn(&owner(), fact).await.unwrap());
    assert_eq!(rows(&scratch), FACTS_OF_USER - EXPIRED_FACTS + 1);
    assert!(!store.forget(&UserId("guest".into()), "fact", "new").await.unwrap());
    assert_eq!(rows(&scratch), FACTS_OF_USER - EXPIRED_FACTS + 1, "another person's writes leave them");
    assert_eq!(listed(&store).await, "new");
    store.check().await.unwrap();
}

#[tokio::test]
async fn an_expired_fact_behind_many_others_is_gone_all_the_same() {
    let scratch = Scratch::new();
    let store = scratch.open();
    fill(&scratch, "user", 3 * EXPIRED_FACTS, Some(500));
    let trip = |value: &str, confidence| NewFact { confidence, expires_ms: Some(900), ..new("context", "trip", value) };
    scratch.clock.set(1);
    assert!(store.learn(&owner(), trip("in Rome", 1.0)).await.unwrap());
    scratch.clock.set(1000);
    assert!(!store.forget(&owner(), "context", "trip").await.unwrap());
    scratch.clock.set(1);
    assert!(store.learn(&owner(), trip("in Rome", 1.0)).await.unwrap());
    scratch.clock.set(1000);
    let fact = NewFact { expires_ms: None, ..trip("at home", 0.1) };
    assert!(store.learn(&owner(), fact).await.unwrap());
    assert_eq!(listed(&store).await, "trip");
}

#[tokio::test]
async fn a_time_beyond_all_clocks_is_never() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let fact = NewFact { expires_ms: Some(u64::MAX), ..new("fact", "k", "v") };
    assert!(store.learn(&owner(), fact).await.unwrap());
    assert_eq!(store.facts(&owner(), 1).await.unwrap()[0].expires_ms, None);
}

#[tokio::test]
async fn a_plugins_quota_holds_to_the_last_fact_and_a_person_has_more() {
    let scratch = Scratch::new();
    let store = scratch.open();
    fill(&scratch, "plugin:a/x", FACTS_OF_SOURCE - 1, None);
    let from = |source: &str, key: &str| NewFact { source: source.into(), ..new("fact", key, "v") };
    assert!(store.learn(&owner(), from("plugin:a/x", "last")).await.unwrap());
    let error = store.learn(&owner(), from("plugin:a/x", "more")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Quota(text) if text.contains("plugin:a/x may keep 1000 facts")), "{error}");
    assert_eq!(found(&store, "more").await, "", "the refused write is undone");
    assert!(store.learn(&owner(), from("plugin:a/x", "last")).await.unwrap(), "its own needs no room");
    assert!(store.learn(&owner(), from("user", "mine")).await.unwrap());
    assert!(matches!(store.learn(&owner(), from("plugin:a/x", "mine")).await, Err(StoreError::Quota(_))), "taken over is one more");
    assert_eq!(store.search_facts(&owner(), "mine", 1).await.unwrap()[0].source, "user");
    assert!(store.learn(&owner(), from("plugin:a/y", "more")).await.unwrap());
    assert!(store.learn(&UserId("guest".into()), from("plugin:a/x", "more")).await.unwrap());
    assert!(store.forget(&owner(), "fact", "last").await.unwrap());
    assert!(store.learn(&owner(), from("plugin:a/x", "again")).await.unwrap());
}

#[tokio::test]
async fn ten_thousand_facts_of_a_person_are_the_end_and_are_searched() {
    let scratch = Scratch::new();
    let store = scratch.open();
    fill(&scratch, "user", FACTS_OF_USER - 1, None);
    learn(&store, "fact", "needle", "once in the haystack").await;
    let error = store.learn(&owner(), new("fact", "more", "v")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Quota(text) if text.contains("10000 facts are kept")), "{error}");
    learn(&store, "fact", "needle", "still in the haystack").await;
    assert_eq!(found(&store, "haystack still").await, "needle");
    assert_eq!(store.search_facts(&owner(), "common filler", FACTS_FOUND).await.unwrap().len(), FACTS_FOUND);
    assert_eq!(found(&store, "filler 7777").await, "fill-user7777");
    assert!(store.learn(&UserId("guest".into()), new("fact", "more", "v")).await.unwrap());
    assert!(store.forget(&owner(), "fact", "fill-user1").await.unwrap());
    learn(&store, "fact", "more", "v").await;
}

#[tokio::test]
async fn what_nobody_checked_damages_nothing() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let wild = NewFact { confidence: 7.5, ..new("", "\u{0}\"'", "a\u{0}b\u{202e} \u{1f600} \n\t") };
    assert!(store.learn(&owner(), wild.clone()).await.unwrap());
    assert!(store.learn(&owner(), NewFact { confidence: f64::NAN, ..new("fact", "k", "v") }).await.is_err());
    let fact = store.facts(&owner(), 10).await.unwrap().pop().unwrap();
    assert_eq!((fact.key, fact.value), (wild.key, wild.value));
    assert!(store.learn(&owner(), new("fact", "big", &"word ".repeat(200_000))).await.unwrap());
    assert_eq!(found(&store, "word").await, "big");
    assert!(store.forget(&owner(), "", "\u{0}\"'").await.unwrap());
    assert!(store.forget(&owner(), "fact", "big").await.unwrap());
    store.check().await.unwrap();
}

#[tokio::test]
async fn forgotten_words_are_not_left_in_the_file() {
    let scratch = Scratch::new();
    let store = scratch.open();
    learn(&store, "fact", "secretkey", "canaryword somewhere").await;
    learn(&store, "fact", "other", "plainword").await;
    assert!(store.forget(&owner(), "fact", "secretkey").await.unwrap());
    store.fold().await.unwrap();
    drop(store);
    let bytes = std::fs::read(scratch.path()).unwrap();
    let holds = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    assert!(holds("plainword"));
    assert!(!holds("canaryword") && !holds("secretkey"));
}
