//! `memory.*` and `knowledge.*`: shapes, bounds, scopes, and what the audit log keeps.

use crate::wire::{Hello, Socket};
use crate::world::{READER, World};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

async fn reader(world: &World) -> Socket {
    world.connect(Hello::new().token(READER)).await.0
}

/// What a row of this kind was about, with what was done.
fn rows(world: &World, kind: &str) -> Vec<String> {
    let rows = world.audit.0.lock().unwrap();
    let row = |row: &skynet_core::ports::AuditRow| format!("{} {} by {}: {}", row.verdict, row.subject, row.actor, row.detail["action"]);
    rows.iter().filter(|row| row.kind == kind).map(row).collect()
}

#[tokio::test]
async fn a_fact_is_learned_found_listed_and_forgotten() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let learn = json!({"category": "preference", "key": "drink", "value": "green tea"});
    assert_eq!(owner.call("memory.learn", learn).await, json!({"ok": true, "learned": true}));
    let fact = json!({
        "user_id": "owner", "category": "preference", "key": "drink", "value": "green tea", "confidence": 0.8, "source": "user",
        "expires_at": null, "created_at": 1, "updated_at": 2,
    });
    let mut reader = reader(&world).await;
    assert_eq!(reader.call("memory.search", json!({"query": "tea"})).await, json!({"memories": [fact]}));
    assert_eq!(reader.call("memory.search", json!({"query": "coffee", "limit": 50})).await, json!({"memories": []}));
    assert_eq!(reader.call("memory.list", json!({})).await, json!({"memories": [fact]}));
    let name = json!({"category": "preference", "key": "drink"});
    assert_eq!(owner.call("memory.forget", name.clone()).await, json!({"ok": true}));
    let error = owner.error("memory.forget", name).await;
    assert_eq!((&error["code"], &error["details"]), (&json!("NOT_FOUND"), &json!({"reason": "not-found"})));
    assert_eq!(error["message"], "nothing is remembered as preference/drink; memory.list shows what is");
    let forgotten = "ok preference/drink by token owner: \"forget\"";
    let in_vain = "error preference/drink by token owner: \"forget\"";
    assert_eq!(rows(&world, "memory"), ["ok preference/drink by token owner: \"learn\"", forgotten, forgotten, in_vain]);
    assert!(!format!("{:?}", world.audit.0.lock().unwrap()).contains("green tea"), "no value is in the audit log");
}

#[tokio::test]
async fn confidence_has_a_default_is_clamped_and_the_surer_fact_stays() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    for (confidence, expected) in [(json!(7), "1.0"), (json!(-1), "0.0"), (json!(0.25), "0.25")] {
        let key = confidence.to_string();
        owner.call("memory.learn", json!({"category": "fact", "key": key, "content": "v", "confidence": confidence})).await;
        let kept = world.facts.0.lock().unwrap()[&("fact".to_owned(), key)].confidence;
        assert_eq!(format!("{kept:?}"), expected);
    }
    let learn = |value: &str| json!({"category": "fact", "key": "7", "value": value});
    assert_eq!(owner.call("memory.learn", learn("other")).await, json!({"ok": true, "learned": false}));
    assert_eq!(world.facts.0.lock().unwrap()[&("fact".to_owned(), "7".to_owned())].value, "v");
    assert_eq!(rows(&world, "memory").pop().unwrap(), "error fact/7 by token owner: \"learn\"", "the log says that nothing changed");
}

#[tokio::test]
async fn what_is_no_fact_is_refused_by_name() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let mut check = async |method: &str, params: Value, why: &str| {
        let refused = owner.refused(method, params.clone()).await;
        assert_eq!(refused, format!("INVALID_REQUEST invalid {method} params: {why}"), "{params}");
    };
    let with = |key: &str, value: Value| {
        let mut learn = json!({"category": "fact", "key": "k", "value": "v"});
        learn[key] = value;
        learn
    };
    check("memory.learn", json!({"category": "fact", "key": "k"}), "must have required property 'value'").await;
    check("memory.learn", with("content", json!("w")), "value and content are the same thing; give one").await;
    check("memory.learn", with("confidence", json!("high")), "at /confidence: must be number").await;
    check("memory.learn", with("value", json!(5)), "at /value: must be string").await;
    check("memory.learn", with("source", json!("plugin:a/x")), "at root: unexpected property 'source'").await;
    check("memory.learn", with("category", json!("Not A Name")), "a category is 1 to 32 of a-z, 0-9, - and _").await;
    check("memory.learn", with("key", json!("a\nb")), "a key has 1 to 128 bytes and no control characters").await;
    check("memory.learn", with("key", json!("x".repeat(129))), "a key has 1 to 128 bytes and no control characters").await;
    check("memory.learn", with("value", json!("x".repeat(4097))), "a value has 1 to 4096 bytes and no zero characters").await;
    check("memory.learn", with("value", json!(" ")), "a value has 1 to 4096 bytes and no zero characters").await;
    check("memory.search", json!({}), "must have required property 'query'").await;
    check("memory.search", json!({"query": ""}), "at /query: must NOT have fewer than 1 characters").await;
    check("memory.search", json!({"query": ["tea"]}), "at /query: must be string").await;
    check("memory.search", json!({"query": "é".repeat(513)}), "a query has at most 1024 bytes").await;
    check("memory.search", json!({"query": "q", "limit": 51}), "at /limit: must be <= 50").await;
    check("memory.search", json!({"query": "q", "limit": 0}), "at /limit: must be >= 1").await;
    check("memory.list", json!({"limit": 501}), "at /limit: must be <= 500").await;
    check("memory.forget", json!({"key": "k"}), "must have required property 'category'").await;
    check("knowledge.write", json!({"topic": "t"}), "must have required property 'content'").await;
    check("knowledge.write", json!({"topic": "t\n", "content": "c"}), "a topic has 1 to 128 bytes and no control characters").await;
    let large = "x".repeat(64 * 1024 + 1);
    check("knowledge.write", json!({"topic": "t", "content": large}), "an article has 1 to 65536 bytes and no zero characters").await;
    let tags = json!({"topic": "t", "content": "c", "tags": ["a,b"]});
    check("knowledge.write", tags, "an article has at most 16 tags of 1 to 48 bytes, without commas").await;
    let tags = json!({"topic": "t", "content": "c", "tags": vec!["a"; 17]});
    check("knowledge.write", tags, "at /tags: must NOT have more than 16 items").await;
    check("knowledge.search", json!({"query": "q", "limit": 21}), "at /limit: must be <= 20").await;
    check("knowledge.search", json!({"query": "q".repeat(1025)}), "a query has at most 1024 bytes").await;
    check("knowledge.list", json!({"limit": 101}), "at /limit: must be <= 100").await;
    check("knowledge.get", json!({"topic": 1}), "at /topic: must be string").await;
    check("knowledge.delete", json!({}), "must have required property 'topic'").await;
    assert!(rows(&world, "memory").is_empty() && rows(&world, "knowledge").is_empty(), "what was refused was not done");
}

#[tokio::test]
async fn an_article_is_written_found_listed_read_and_deleted() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    for topic in ["a", "b", "c"] {
        let article = json!({"topic": topic, "content": format!("text of {topic}"), "tags": ["x"]});
        assert_eq!(owner.call("knowledge.write", article).await, json!({"ok": true}));
    }
    let mut reader = reader(&world).await;
    let b = json!({"topic": "b", "content": "text of b", "tags": ["x"], "source": "user", "updated_at": 2});
    assert_eq!(reader.call("knowledge.search", json!({"query": "b"})).await, json!({"articles": [b]}));
    assert_eq!(reader.call("knowledge.get", json!({"topic": "b"})).await, json!({"article": b}));
    let heading = |topic: &str| json!({"topic": topic, "bytes": 9, "tags": ["x"], "source": "user", "updated_at": 2});
    let first = reader.call("knowledge.list", json!({"limit": 2})).await;
    assert_eq!(first, json!({"articles": [heading("a"), heading("b")], "next": "b"}));
    assert_eq!(reader.call("knowledge.list", json!({"limit": 2, "after": "b"})).await, json!({"articles": [heading("c")]}));
    assert_eq!(owner.call("knowledge.delete", json!({"topic": "b"})).await, json!({"ok": true}));
    for method in ["knowledge.delete", "knowledge.get"] {
        let refused = owner.refused(method, json!({"topic": "b"})).await;
        assert_eq!(refused, "NOT_FOUND there is no article b; knowledge.list shows what there is");
    }
    assert_eq!(rows(&world, "knowledge")[2..4], ["ok c by token owner: \"write\"", "ok b by token owner: \"delete\""]);
    assert!(!format!("{:?}", world.audit.0.lock().unwrap()).contains("text of"), "no text is in the audit log");
}

#[tokio::test]
async fn a_token_that_may_only_read_changes_nothing() {
    let world = World::start().await;
    let mut reader = reader(&world).await;
    for (method, params) in [
        ("memory.learn", json!({"category": "fact", "key": "k", "value": "v"})),
        ("memory.forget", json!({"category": "fact", "key": "k"})),
        ("knowledge.write", json!({"topic": "t", "content": "c"})),
        ("knowledge.delete", json!({"topic": "t"})),
    ] {
        assert_eq!(reader.refused(method, params).await, "INVALID_REQUEST missing scope: operator.write", "{method}");
    }
    let mut pairing = world.scoped(&["operator.pairing"]).await;
    for (method, params) in [
        ("memory.search", json!({"query": "q"})),
        ("memory.list", json!({})),
        ("knowledge.search", json!({"query": "q"})),
        ("knowledge.list", json!({})),
        ("knowledge.get", json!({"topic": "t"})),
    ] {
        assert_eq!(pairing.refused(method, params).await, "INVALID_REQUEST missing scope: operator.read", "{method}");
    }
    assert!(world.facts.0.lock().unwrap().is_empty() && world.articles.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done_and_a_quota_is_the_clients_affair() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let quota = json!({"reason": "quota"});
    let error = owner.error("memory.learn", json!({"category": "fact", "key": "full", "value": "v"})).await;
    assert_eq!((&error["code"], &error["details"]), (&json!("INVALID_REQUEST"), &quota));
    assert_eq!(error["message"], "quota exceeded: of one person 10000 facts are kept");
    assert_eq!(owner.error("knowledge.write", json!({"topic": "full", "content": "c"})).await["details"], quota);
    world.audit.1.store(true, Ordering::Relaxed);
    for (method, params) in [
        ("memory.learn", json!({"category": "fact", "key": "k", "value": "v"})),
        ("memory.forget", json!({"category": "fact", "key": "k"})),
        ("knowledge.write", json!({"topic": "t", "content": "c"})),
        ("knowledge.delete", json!({"topic": "t"})),
    ] {
        let refused = owner.refused(method, params).await;
        assert!(refused.starts_with("UNAVAILABLE "), "{method}: {refused}");
    }
    assert!(world.facts.0.lock().unwrap().is_empty() && world.articles.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_name_that_hides_something_is_plain_in_the_audit_log() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    owner.call("memory.learn", json!({"category": "fact", "key": "a\u{202e}b\u{200b}c", "value": "v"})).await;
    owner.call("knowledge.write", json!({"topic": "x\u{202e}y", "content": "c"})).await;
    assert_eq!(rows(&world, "memory"), ["ok fact/abc by token owner: \"learn\""]);
    assert_eq!(rows(&world, "knowledge"), ["ok xy by token owner: \"write\""]);
}

#[tokio::test]
async fn hello_names_the_methods() {
    let world = World::start().await;
    let (_, hello) = world.connect(Hello::new()).await;
    let methods = hello["features"]["methods"].as_array().unwrap();
    for family in [
        "memory.search memory.list memory.learn memory.forget",
        "knowledge.search knowledge.list knowledge.get knowledge.write knowledge.delete",
    ] {
        for name in family.split(' ') {
            assert!(methods.contains(&json!(name)), "{name}");
        }
    }
}
