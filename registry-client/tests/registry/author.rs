//! What a registry's keeper may publish, and what a killed publication leaves.

use crate::world::{Package, World, files, id, key, record, says, version};
use jiff::Timestamp;
use skynet_policy::registry::publisher::PublisherRecord;
use skynet_registry_client::RegistryError;
use skynet_registry_client::author::{Author, Review, Setup, Warrant};
use std::os::unix::fs::PermissionsExt;

async fn publish(world: &World, file: &[u8]) -> Result<Review, RegistryError> {
    world.author().publish(file, Warrant::default(), &world.keys(), Timestamp::now()).await
}

#[tokio::test]
async fn a_release_is_listed_once_above_all_others_and_after_the_one_before() {
    let world = World::new().await;
    let one = Package::new("acme/hello", "1.0.0").file();
    assert!(!publish(&world, &one).await.unwrap().listed);
    let before = files(&world.registry());
    assert!(publish(&world, &one).await.unwrap().listed, "the same file again is no news");
    assert_eq!(files(&world.registry()), before);
    let other = Package { text: "other".into(), ..Package::new("acme/hello", "1.0.0") }.file();
    says(publish(&world, &other).await, &["acme/hello 1.0.0", "other bytes", "new version"]);
    says(publish(&world, &Package::new("acme/hello", "1.1.0").file()).await, &["`prev` must be"]);
    says(publish(&world, &Package::new("acme/hello", "0.9.0").after(&one).file()).await, &["1.0.0 is listed", "above"]);
    says(publish(&world, &Package::new("acme/fresh", "1.0.0").after(&one).file()).await, &["`prev` names a release that is not listed"]);
    says(publish(&world, &Package::new("acme/hello", "1.1.0+build").after(&one).file()).await, &["build metadata"]);
    assert_eq!(files(&world.registry()), before, "nothing of all this was written");
    let review = publish(&world, &Package::new("acme/hello", "1.1.0").after(&one).file()).await.unwrap();
    assert_eq!(review.before, Some(version("1.0.0")));
    let index = world.author().index().unwrap();
    assert_eq!(index.find(&id("acme/hello")).unwrap().releases.len(), 2);
}

#[tokio::test]
async fn a_release_needs_the_keys_of_its_namespace() {
    let world = World::new().await;
    says(publish(&world, &Package::new("bobby/hello", "1.0.0").file()).await, &["namespace bobby", "registry publisher add"]);
    says(publish(&world, &Package { seed: 9, ..Package::new("acme/hello", "1.0.0") }.file()).await, &["acme", "0 of the keys"]);
    let package = Package::new("acme/hello", "1.0.0");
    let mut release = package.release();
    let good = package.file_with(&release);
    release.summary = "Does something else".into();
    let swapped = {
        let old = skynet_policy::release::split(&good).unwrap();
        skynet_policy::release::join(old.component, &release.to_bytes(), old.signatures_json)
    };
    says(publish(&world, &swapped).await, &["does not fit release.json"]);
    release.component.size += 1;
    says(publish(&world, &package.file_with(&release)).await, &["were signed"]);
    says(publish(&world, b"\0asm\x0d\0\x01\0").await, &["not signed"]);
}

#[tokio::test]
async fn a_name_that_looks_like_another_is_published_only_on_purpose() {
    let world = World::new().await;
    world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let file = Package::new("acme/he-llo", "1.0.0").file();
    says(publish(&world, &file).await, &["acme/he-llo", "like acme/hello", "--allow-similar"]);
    let mut author = world.author();
    let now = Timestamp::now();
    author.publish(&file, Warrant { similar: true }, &world.keys(), now).await.unwrap();
    says(author.put_publisher(&record("acrne", 3), false, &world.keys(), now).await, &["acrne", "like acme"]);
    says(author.put_publisher(&record("acmee", 3), false, &world.keys(), now).await, &["acmee", "one slip"]);
    author.put_publisher(&record("weather", 3), false, &world.keys(), now).await.unwrap();
}

#[tokio::test]
async fn a_publisher_changes_keys_with_the_old_ones_word() {
    let world = World::new().await;
    let one = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let mut record: PublisherRecord = world.author().publisher("acme").unwrap().unwrap();
    let next = record.next(&[key(2).public()], 1, vec![], "2026-03-01T00:00:00Z");
    let mut alone = record.clone();
    alone.statements.push(next.signed(&[&key(2)]));
    let now = Timestamp::now();
    says(world.author().put_publisher(&alone, false, &world.keys(), now).await, &["acme", "signed by 0"]);
    record.statements.push(next.signed(&[&key(1), &key(2)]));
    world.author().put_publisher(&record, false, &world.keys(), now).await.unwrap();
    says(publish(&world, &Package::new("acme/hello", "1.1.0").after(&one).file()).await, &["0 of the keys"]);
    world.publish(&Package { seed: 2, ..Package::new("acme/hello", "1.1.0").after(&one) }).await;
    let visit = world.visit(world.honest()).await.unwrap();
    for (wanted, seed) in [("1.0.0", 1), ("1.1.0", 2)] {
        let offer = visit.offer(&id("acme/hello"), &version(wanted)).await.unwrap();
        assert_eq!(offer.signers, [key(seed).public().key_id()]);
    }
}

#[tokio::test]
async fn until_the_timestamp_is_renamed_nothing_has_changed_for_anybody() {
    let world = World::new().await;
    let one = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let old = files(&world.registry());
    world.publish(&Package::new("acme/hello", "1.1.0").after(&one)).await;
    // As if the process had been killed just before the last rename.
    std::fs::write(world.path("registry/targets/.new-7-7"), "half").unwrap();
    std::fs::write(world.path("registry/metadata/timestamp.json"), &old["metadata/timestamp.json"]).unwrap();
    let visit = world.visit(world.honest()).await.unwrap();
    assert_eq!(visit.versions(&id("acme/hello")), [version("1.0.0")]);
    world.publish(&Package::new("acme/hello", "1.1.0").after(&one)).await;
    let visit = world.visit(world.honest()).await.unwrap();
    assert_eq!(visit.versions(&id("acme/hello")), [version("1.1.0"), version("1.0.0")]);
    assert!(files(&world.registry()).keys().all(|name| !name.contains(".new-")));
}

#[tokio::test]
async fn keys_are_their_owners_alone_and_never_overwritten() {
    let world = World::new().await;
    for (name, _) in files(&world.path("keys")) {
        let mode = std::fs::metadata(world.path("keys").join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    says(Author::init(&world.path("again"), &world.path("keys"), &Setup::default(), Timestamp::now()).await, &["never overwritten"]);
    let inside = world.path("third/keys");
    says(Author::init(&world.path("third"), &inside, &Setup::default(), Timestamp::now()).await, &["registry's folder", "outside"]);
    assert!(!inside.exists(), "what was refused is not left behind");
    says(Author::init(&world.registry(), &world.path("k2"), &Setup::default(), Timestamp::now()).await, &["there is a registry already"]);
    let open = world.path("keys/targets-1.key");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    says(skynet_registry_client::author::Keys::load(&[&world.path("keys")]), &["targets-1.key", "owner alone"]);
}

#[tokio::test]
async fn without_the_right_keys_nothing_is_published() {
    let world = World::new().await;
    let before = files(&world.registry());
    for (gone, role) in [("targets-1.key", "targets"), ("timestamp-1.key", "timestamp")] {
        let away = std::fs::read(world.path("keys").join(gone)).unwrap();
        std::fs::remove_file(world.path("keys").join(gone)).unwrap();
        says(publish(&world, &Package::new("acme/hello", "1.0.0").file()).await, &[role, "keys"]);
        std::fs::write(world.path("keys").join(gone), away).unwrap();
        std::fs::set_permissions(world.path("keys").join(gone), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert_eq!(files(&world.registry())["metadata/timestamp.json"], before["metadata/timestamp.json"]);
    world.publish(&Package::new("acme/hello", "1.0.0")).await;
}

#[tokio::test]
async fn a_registry_folder_that_somebody_edited_is_not_published_to() {
    let world = World::new().await;
    let path = world.path("registry/metadata/timestamp.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"version\": 2", "\"version\": 3")).unwrap();
    says(Author::open(&world.registry()), &["timestamp.json", "backup"]);
    std::fs::write(&path, text).unwrap();
    let held = world.author();
    says(Author::open(&world.registry()), &["another process"]);
    drop(held);
    world.author();
}
