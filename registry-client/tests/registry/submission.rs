//! What a registry's continuous integration says of a proposal, without a key and without a change.

use crate::world::{Package, World, copy, files, key, record, says};
use jiff::{SignedDuration, Timestamp};
use skynet_policy::registry::publisher::{KeyStatement, PublisherRecord};
use skynet_registry_client::author::{Author, Check, Outcome, Submission};
use std::path::Path;

fn failing(checks: &[Check]) -> Vec<&str> {
    checks.iter().filter(|check| check.outcome == Outcome::Failed).map(|check| check.name).collect()
}

fn check(world: &World, file: &[u8], offered: Option<&PublisherRecord>, expected: &[&str], words: &[&str]) {
    let before = files(&world.registry());
    let examined = world.author().examine(file, offered, false);
    assert_eq!(failing(&examined.checks), expected, "{:?}", examined.checks);
    let said: String = examined.checks.iter().map(|check| check.says.clone() + "\n").collect();
    words.iter().for_each(|word| assert!(said.contains(word), "`{word}` is not in: {said}"));
    assert_eq!(files(&world.registry()), before, "a look changes nothing");
}

#[tokio::test]
async fn a_good_proposal_passes_each_check() {
    let world = World::new().await;
    let one = Package::new("acme/hello", "1.0.0");
    check(&world, &one.file(), None, &[], &["acme/hello 1.0.0", "first release", "would list 1 plugins"]);
    let listed = world.publish(&one).await;
    check(&world, &listed, None, &[], &["signed by"]);
    let next = Package { net: vec!["https://x.example"], ..Package::new("acme/hello", "1.1.0").after(&listed) };
    check(&world, &next.file(), None, &[], &["it follows 1.0.0", "with 2 releases"]);
    let examined = world.author().examine(&next.file(), None, false);
    assert!(examined.review.unwrap().diff.to_string().contains("+ network"));
}

#[tokio::test]
async fn each_fault_fails_the_check_that_names_it() {
    let world = World::new().await;
    let listed = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    check(&world, b"\0asm\x01\0\0\0", None, &["schema"], &["core WebAssembly module"]);
    let mut flipped = Package::new("acme/other", "1.0.0").file();
    flipped[20] ^= 1;
    check(&world, &flipped, None, &["schema"], &["Get the file again"]);
    check(&world, &Package { seed: 9, ..Package::new("acme/other", "1.0.0") }.file(), None, &["signature"], &["0 of the keys"]);
    check(&world, &Package::new("bobby/other", "1.0.0").file(), None, &["signature"], &["namespace bobby"]);
    check(&world, &Package::new("acme/hello", "1.1.0").file(), None, &["order"], &["`prev` must be"]);
    check(&world, &Package::new("acme/hello", "0.9.0").after(&listed).file(), None, &["order"], &["1.0.0 is listed"]);
    check(&world, &Package::new("acme/he-llo", "1.0.0").file(), None, &["name"], &["--allow-similar"]);
    let allowed = world.author().examine(&Package::new("acme/he-llo", "1.0.0").file(), None, true);
    assert_eq!(failing(&allowed.checks), Vec::<&str>::new());
}

#[tokio::test]
async fn a_new_namespace_comes_with_its_record() {
    let world = World::new().await;
    let file = Package { seed: 2, ..Package::new("bobby/hello", "1.0.0") }.file();
    let (offered, said) = world.author().examine_record(&record("bobby", 2).to_bytes());
    assert_eq!(said.outcome, Outcome::Passed, "{said:?}");
    check(&world, &file, offered.as_ref(), &[], &["bobby/hello"]);
    // A record says nothing of another namespace, and cannot take one over.
    check(&world, &Package { seed: 2, ..Package::new("acme/hello", "1.0.0") }.file(), offered.as_ref(), &["signature"], &[]);
    let refused = |document: &[u8], words: &[&str]| {
        let (offered, said) = world.author().examine_record(document);
        assert_eq!((offered, said.outcome), (None, Outcome::Failed));
        words.iter().for_each(|word| assert!(said.says.contains(word), "{}", said.says));
    };
    refused(&record("acme", 2).to_bytes(), &["does not continue"]);
    refused(&record("acrne", 2).to_bytes(), &["like acme"]);
    refused(b"{}", &[]);
    let unsigned = KeyStatement::first("bobby", &[key(2).public()], 1, "2026-01-01T00:00:00Z").signed(&[&key(3)]);
    refused(&PublisherRecord::new("bobby", None, unsigned).to_bytes(), &[]);
}

fn folder(world: &World, name: &str, files: &[(&str, &[u8])]) -> std::path::PathBuf {
    let path = world.path(name);
    std::fs::create_dir(&path).unwrap();
    files.iter().for_each(|(name, bytes)| std::fs::write(path.join(name), bytes).unwrap());
    path
}

#[tokio::test]
async fn a_folder_is_read_without_following_links_or_taking_what_nobody_looks_at() {
    let world = World::new().await;
    let (one, two) = (Package::new("acme/a", "1.0.0").file(), Package::new("acme/a", "1.1.0").file());
    let good = folder(&world, "good", &[("a.wasm", &one), ("README.md", b"# A"), ("publisher.json", b"{}")]);
    std::fs::create_dir(good.join("source")).unwrap();
    let read = Submission::read(&good).unwrap();
    assert_eq!((read.files.len(), read.texts.len(), read.record.is_some(), read.source), (1, 1, true, true));
    assert_eq!(read.check().outcome, Outcome::Passed);
    let twice = Submission::read(&folder(&world, "twice", &[("a.wasm", &one), ("b.wasm", &two)])).unwrap();
    assert!(twice.check().says.contains("second release of acme/a"));
    let strange = Submission::read(&folder(&world, "strange", &[("a.wasm", &one), ("run.sh", b"")])).unwrap();
    assert!(strange.check().says.contains("run.sh"));
    for (at, name) in ["a [click](x).md", "a\u{1b}[31m.wasm", "a`b|c.md", "\u{202e}a.txt"].into_iter().enumerate() {
        let odd = Submission::read(&folder(&world, &format!("odd{at}"), &[("a.wasm", &one), (name, b"")])).unwrap();
        assert_eq!(odd.strange, [name]);
        assert!(odd.texts.is_empty() && odd.files.len() == 1 && odd.check().outcome == Outcome::Failed);
    }
    says(Submission::read(&folder(&world, "empty", &[])), &["skynet plugin sign"]);
    let linked = folder(&world, "linked", &[]);
    std::os::unix::fs::symlink(good.join("a.wasm"), linked.join("a.wasm")).unwrap();
    says(Submission::read(&linked), &["a link"]);
    says(Submission::read(Path::new("nowhere")), &["nowhere"]);
}

#[tokio::test]
async fn the_registry_itself_must_be_whole_and_in_time() {
    let world = World::new().await;
    let now = Timestamp::now();
    world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let good = world.author().check_lists(now);
    assert_eq!(good.outcome, Outcome::Passed, "{good:?}");
    assert!(good.says.contains("1 plugins, 1 releases"));
    let late = world.author().check_lists(now + SignedDuration::from_hours(24 * 30));
    assert!(late.outcome == Outcome::Failed && late.says.contains("registry refresh"), "{late:?}");
    let spoilt = world.path("spoilt");
    copy(&world.registry(), &spoilt);
    std::fs::remove_dir_all(spoilt.join("blobs")).unwrap();
    let missing = Author::open(&spoilt).unwrap().check_lists(now);
    assert!(missing.outcome == Outcome::Failed && missing.says.contains("component is not there"), "{missing:?}");
}
