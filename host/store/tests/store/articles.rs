//! Articles: shared by all, found by words, topics first, and never too many.

use crate::scratch::Scratch;
use skynet_core::StoreError;
use skynet_core::articles::{Article, Articles as _, NewArticle};
use skynet_core::limits::{ARTICLE_BYTES, ARTICLES, ARTICLES_FOUND, ARTICLES_OF_SOURCE};
use skynet_store::Store;

fn new(topic: &str, content: &str, tags: &[&str]) -> NewArticle {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    NewArticle { topic: topic.into(), content: content.into(), tags, source: "user".into() }
}

async fn write(store: &Store, topic: &str, content: &str, tags: &[&str]) {
    store.write_article(new(topic, content, tags)).await.unwrap();
}

fn topics(articles: &[Article]) -> String {
    articles.iter().map(|article| article.topic.as_str()).collect::<Vec<_>>().join(" ")
}

async fn found(store: &Store, query: &str) -> String {
    topics(&store.search_articles(query, ARTICLES_FOUND).await.unwrap())
}

/// So many articles at once, past the quotas.
fn fill(scratch: &Scratch, source: &str, many: u64) {
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
        INSERT INTO articles (topic, content, tags, source, updated_ms) SELECT 'fill-' || ?1 || i, 'common', '[]', ?1, 1 FROM n";
    scratch.raw().execute(sql, rusqlite::params![source, many as i64]).unwrap();
}

#[tokio::test]
async fn an_article_is_kept_whole_replaced_and_deleted_and_survives_a_restart() {
    let scratch = Scratch::new();
    write(&scratch.open(), "deploy", "# How\nPush, then *wait*.", &["ops", "b", "ops"]).await;
    let store = scratch.open();
    let expected = Article {
        topic: "deploy".into(),
        content: "# How\nPush, then *wait*.".into(),
        tags: vec!["ops".into(), "b".into()],
        source: "user".into(),
        updated_ms: 1000,
    };
    assert_eq!(store.article("deploy").await.unwrap().as_ref(), Some(&expected));
    assert_eq!(store.article("Deploy").await.unwrap(), None);
    assert_eq!(store.articles(None, 10).await.unwrap(), [expected]);
    scratch.clock.set(2000);
    store.write_article(NewArticle { source: "plugin:a/x".into(), ..new("deploy", "Ask first.", &[]) }).await.unwrap();
    let article = store.articles(None, 10).await.unwrap().pop().unwrap();
    assert_eq!((article.content.as_str(), article.source.as_str(), article.updated_ms), ("Ask first.", "plugin:a/x", 2000));
    assert_eq!((found(&store, "push").await.as_str(), found(&store, "ops").await.as_str()), ("", ""));
    assert_eq!(found(&store, "ask").await, "deploy");
    assert!(store.delete_article("deploy").await.unwrap());
    assert!(!store.delete_article("deploy").await.unwrap());
    assert_eq!(found(&store, "ask").await, "");
    store.check().await.unwrap();
}

#[tokio::test]
async fn topics_count_more_than_tags_and_tags_more_than_text() {
    let scratch = Scratch::new();
    let store = scratch.open();
    write(&store, "text", "about whales and more", &["x"]).await;
    write(&store, "whales", "about animals and more", &["x"]).await;
    write(&store, "tag", "about animals and more", &["whales"]).await;
    write(&store, "other", "about animals and more", &["x"]).await;
    assert_eq!(found(&store, "whales").await, "whales tag text");
    assert_eq!(found(&store, "whales animals").await, "whales tag");
    assert_eq!(found(&store, "whal").await, "whales tag text");
    assert_eq!(topics(&store.search_articles("whales", 1).await.unwrap()), "whales");
}

#[tokio::test]
async fn nothing_in_a_query_is_an_operator() {
    let scratch = Scratch::new();
    let store = scratch.open();
    write(&store, "a", "one two", &["t"]).await;
    for evil in ["one OR x", "topic:a one", "one AND two", "\"", "one\" NEAR \"two", "", "{topic}:a", "one*two*x"] {
        assert_eq!(found(&store, evil).await, "", "{evil:?}");
    }
    assert_eq!(found(&store, "\"one\"* ^two").await, "a");
}

#[tokio::test]
async fn articles_are_listed_in_pages() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for topic in ["b", "é", "a", "B", "a b"] {
        write(&store, topic, "text", &[]).await;
    }
    let check = async |after: Option<&str>, limit, expected: &str| {
        assert_eq!(topics(&store.articles(after, limit).await.unwrap()), expected, "{after:?} {limit}");
    };
    check(None, 10, "B a a b b é").await;
    check(None, 2, "B a").await;
    check(Some("a"), 2, "a b b").await;
    check(Some("a%"), 10, "b é").await;
    check(Some("é"), 10, "").await;
    check(None, 0, "").await;
}

#[tokio::test]
async fn the_quotas_hold_to_the_last_article_and_what_is_replaced_needs_no_room() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let from = |source: &str, topic: &str| NewArticle { source: source.into(), ..new(topic, "text", &[]) };
    fill(&scratch, "plugin:a/x", ARTICLES_OF_SOURCE - 1);
    store.write_article(from("plugin:a/x", "last")).await.unwrap();
    let error = store.write_article(from("plugin:a/x", "more")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Quota(text) if text.contains("plugin:a/x may keep 1000 articles")), "{error}");
    store.write_article(from("plugin:a/x", "last")).await.unwrap();
    store.write_article(from("user", "mine")).await.unwrap();
    assert!(matches!(store.write_article(from("plugin:a/x", "mine")).await, Err(StoreError::Quota(_))));
    assert_eq!(store.search_articles("mine", 1).await.unwrap()[0].source, "user", "the refused write is undone");
    fill(&scratch, "user", ARTICLES - ARTICLES_OF_SOURCE - 2);
    store.write_article(from("user", "the last of all")).await.unwrap();
    let error = store.write_article(from("user", "more")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Quota(text) if text.contains("10000 articles are kept")), "{error}");
    store.write_article(from("user", "mine")).await.unwrap();
    assert!(store.delete_article("mine").await.unwrap());
    store.write_article(from("user", "more")).await.unwrap();
    assert_eq!(store.search_articles("common", ARTICLES_FOUND).await.unwrap().len(), ARTICLES_FOUND);
}

#[tokio::test]
async fn what_nobody_checked_damages_nothing() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let wild = new("\u{0}\"", &"x \u{0} \u{1f600} ".repeat(ARTICLE_BYTES), &["a,b", "\"", "\\", "\n", "\u{0}"]);
    store.write_article(wild.clone()).await.unwrap();
    let article = store.articles(None, 1).await.unwrap().pop().unwrap();
    assert_eq!((article.topic, article.content, article.tags), (wild.topic, wild.content, wild.tags));
    assert!(store.delete_article("\u{0}\"").await.unwrap());
    store.check().await.unwrap();
}
