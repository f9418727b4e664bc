//! What a person deleted is in no file of the folder: not in the database, not in its write-ahead log, not in the
//! index of words.

use crate::scratch::{Scratch, append, key};
use skynet_core::UserId;
use skynet_core::articles::{Articles as _, NewArticle};
use skynet_core::facts::{Facts as _, NewFact};
use skynet_core::ports::Memory as _;

/// The files that hold this word, in whatever case.
fn holding(scratch: &Scratch, word: &str) -> Vec<String> {
    let names = std::fs::read_dir(scratch.folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let holds = |name: &String| {
        let bytes = std::fs::read(scratch.folder.path().join(name)).unwrap().to_ascii_lowercase();
        bytes.windows(word.len()).any(|part| part == word.as_bytes())
    };
    names.filter(holds).collect()
}

fn check(scratch: &Scratch, words: &[&str], there: bool) {
    for word in words {
        assert_eq!(!holding(scratch, word).is_empty(), there, "{word}: {:?}", holding(scratch, word));
    }
}

fn fact(name: &str, value: &str) -> NewFact {
    let (category, key, value) = ("fact".into(), name.into(), value.into());
    NewFact { category, key, value, confidence: 0.8, source: "user".into(), expires_ms: None }
}

#[tokio::test]
async fn a_fact_that_was_forgotten_is_in_no_file_and_the_others_stay() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let words = ["quagmirezephyr", "wolframite", "the cellar opens with"];
    for number in 0..200 {
        let value =
            if number == 70 { format!("The cellar opens with Quagmirezephyr {number} wolframite") } else { format!("other{number} words") };
        store.learn(&UserId::owner(), fact(&format!("n{number}"), &value)).await.unwrap();
    }
    check(&scratch, &words, true);
    assert_eq!(store.search_facts(&UserId::owner(), "wolframite", 9).await.unwrap().len(), 1);
    assert!(store.forget(&UserId::owner(), "fact", "n70").await.unwrap());
    check(&scratch, &words, false);
    check(&scratch, &["other71 words"], true);
    assert_eq!(store.search_facts(&UserId::owner(), "other71", 9).await.unwrap().len(), 1);
    store.check().await.unwrap();
}

#[tokio::test]
async fn of_several_facts_that_were_forgotten_none_is_in_a_file_after_they_were_wiped_once() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for number in 0..40 {
        store.learn(&UserId::owner(), fact(&format!("n{number}"), &format!("quagmirezephyr{number} and more"))).await.unwrap();
    }
    for number in 0..39 {
        assert!(store.forget_one_of_several(&UserId::owner(), "fact", &format!("n{number}")).await.unwrap());
    }
    check(&scratch, &["quagmirezephyr7 "], true);
    store.wipe().await;
    check(&scratch, &["quagmirezephyr7 ", "quagmirezephyr38 "], false);
    check(&scratch, &["quagmirezephyr39 "], true);
}

#[tokio::test]
async fn an_article_that_was_deleted_is_in_no_file() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let long: String = (0..2_000).map(|number| format!("hydrangea{number} ")).collect();
    let words = ["hydrangea7 ", "hydrangea1999", "plinthosaurus", "brambleknot"];
    for (topic, content, tag) in [("garden", long.as_str(), "brambleknot"), ("plinthosaurus", "brambleknot", "x")] {
        let (topic, content, source) = (topic.into(), content.into(), "user".into());
        store.write_article(NewArticle { topic, content, tags: vec![tag.into()], source }).await.unwrap();
    }
    check(&scratch, &words, true);
    for topic in ["garden", "plinthosaurus"] {
        assert!(store.delete_article(topic).await.unwrap());
    }
    check(&scratch, &words, false);
    store.check().await.unwrap();
}

#[tokio::test]
async fn of_several_articles_that_were_deleted_none_is_in_a_file_after_they_were_wiped_once() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for number in 0..9 {
        let (topic, content, source) = (format!("garden{number}"), format!("hydrangea{number} and more"), "user".into());
        store.write_article(NewArticle { topic, content, tags: Vec::new(), source }).await.unwrap();
    }
    for number in 0..8 {
        assert!(store.delete_one_of_several(&format!("garden{number}")).await.unwrap());
    }
    assert!(!store.delete_one_of_several("garden0").await.unwrap());
    check(&scratch, &["hydrangea7 "], true);
    store.wipe().await;
    check(&scratch, &["hydrangea0 ", "hydrangea7 "], false);
    check(&scratch, &["hydrangea8 "], true);
}

#[tokio::test]
async fn a_conversation_that_was_deleted_is_in_no_file() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("secret")).await.unwrap();
    for number in 0..50 {
        append(&store, "secret", lease, &format!("{number} xylographer {}", "long ".repeat(1_000))).await.unwrap();
    }
    check(&scratch, &["xylographer"], true);
    assert!(store.delete_session(&key("secret")).await.unwrap());
    check(&scratch, &["xylographer"], false);
}
