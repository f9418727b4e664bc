//! A rotation that fails or is killed: the registry is the old one or the new one, and the
//! next try gets to the end with keys of its own.

use crate::world::{Package, World, copy, files, says};
use jiff::Timestamp;
use skynet_registry_client::author::{Author, Keys, Setup};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tough::schema::RoleType;

/// Secret keys are refused where others may read them, and a plain copy may be.
fn restrict(folder: &Path) {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        std::fs::set_permissions(entry.unwrap().path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[tokio::test]
async fn a_rotation_without_a_key_that_has_to_sign_changes_nothing() {
    let world = World::new().await;
    let (drawer, before) = (world.path("keys"), files(&world.registry()));
    for gone in ["root", "targets", "snapshot", "timestamp"] {
        let name = format!("{gone}-1.key");
        std::fs::rename(drawer.join(&name), world.path("away")).unwrap();
        let kept = files(&drawer);
        let replaced = if gone == "timestamp" { RoleType::Snapshot } else { RoleType::Timestamp };
        says(world.author().rotate(&[replaced], &drawer, &[&drawer], Timestamp::now()).await, &[gone]);
        assert_eq!((files(&world.registry()), files(&drawer)), (before.clone(), kept), "without {name}");
        std::fs::rename(world.path("away"), drawer.join(&name)).unwrap();
    }
    world.publish(&Package::new("acme/hello", "1.0.0")).await;
    world.author().rotate(&[RoleType::Timestamp], &drawer, &[&drawer], Timestamp::now()).await.unwrap();
    world.visit(world.honest()).await.unwrap();
}

/// What a rotation writes, in its order, as names in the scratch folder.
const STEPS: [(&str, &str); 6] = [
    ("registry/metadata/.next-root.json", "registry/metadata/2.root.json"),
    ("keys/timestamp-1-of-root-2.key", "keys/timestamp-1-of-root-2.key"),
    ("registry/metadata/TARGETS", "registry/metadata/TARGETS"),
    ("registry/metadata/SNAPSHOT", "registry/metadata/SNAPSHOT"),
    ("registry/metadata/.next-timestamp-2.json", "registry/metadata/timestamp.json"),
    ("registry/metadata/2.root.json", "registry/metadata/.next-root.json"),
];

#[tokio::test]
async fn a_rotation_killed_at_any_step_is_made_again_or_finished_by_whoever_opens_next() {
    let world = World::new().await;
    let done = world.path("done");
    for name in ["registry", "keys"] {
        copy(&world.path(name), &done.join(name));
    }
    restrict(&done.join("keys"));
    let keys = done.join("keys");
    let mut author = Author::open(&done.join("registry")).unwrap();
    author.rotate(&[RoleType::Timestamp], &keys, &[&keys], Timestamp::now()).await.unwrap();
    drop(author);
    let (old, new) = (files(&world.path("registry/metadata")), files(&done.join("registry/metadata")));
    let fresh = |end: &str| new.keys().find(|name| name.ends_with(end) && !old.contains_key(*name)).unwrap().clone();
    let named = |text: &str| text.replace("TARGETS", &fresh("targets.json")).replace("SNAPSHOT", &fresh("snapshot.json"));
    for killed_after in 0..=STEPS.len() {
        let scene = tempfile::tempdir().unwrap();
        for name in ["registry", "keys"] {
            copy(&world.path(name), &scene.path().join(name));
        }
        restrict(&scene.path().join("keys"));
        for (name, from) in &STEPS[..killed_after] {
            // The root gets its name from the one that waited.
            if name.ends_with("2.root.json") {
                std::fs::rename(scene.path().join(from), scene.path().join(name)).unwrap();
            } else {
                std::fs::copy(done.join(named(from)), scene.path().join(named(name))).unwrap();
            }
        }
        let (registry, keys) = (scene.path().join("registry"), scene.path().join("keys"));
        let opened = Author::open(&registry).unwrap().root().unwrap().0;
        assert_eq!(opened, if killed_after == STEPS.len() { 2 } else { 1 }, "after {killed_after}");
        let mut author = Author::open(&registry).unwrap();
        author.rotate(&[RoleType::Timestamp], &keys, &[&keys], Timestamp::now()).await.unwrap();
        author.refresh(&Keys::load(&[&keys]).unwrap(), Timestamp::now()).await.unwrap();
        drop(author);
        let left: BTreeMap<_, _> = files(&scene.path().join("keys")).into_iter().filter(|(name, _)| name.contains("of-root")).collect();
        assert_eq!(left.len(), if killed_after == STEPS.len() { 2 } else { 1 }, "no key of nobody stays: {:?}", left.keys());
        assert!(files(&registry.join("metadata")).keys().all(|name| !name.starts_with('.')), "after {killed_after}");
        world.visit(crate::world::Server::new(&registry)).await.unwrap();
        std::fs::remove_dir_all(world.path("home")).unwrap();
        world.meet().await;
    }
}

#[tokio::test]
async fn a_registry_whose_making_was_cut_short_is_made_again() {
    let world = World::new().await;
    let made = files(&world.path("keys"));
    for keys in 0..=made.len() {
        let scene = tempfile::tempdir().unwrap();
        let (registry, drawer) = (scene.path().join("registry"), scene.path().join("keys"));
        std::fs::create_dir_all(registry.join("metadata")).unwrap();
        std::fs::create_dir(&drawer).unwrap();
        std::fs::copy(world.path("registry/metadata/1.root.json"), registry.join("metadata/.next-root.json")).unwrap();
        for (name, bytes) in made.iter().take(keys) {
            std::fs::write(drawer.join(name), bytes).unwrap();
        }
        restrict(&drawer);
        Author::init(&registry, &drawer, &Setup::default(), Timestamp::now()).await.unwrap();
        let now = files(&drawer);
        assert_eq!(now.len(), made.len());
        assert!(now.iter().all(|(name, bytes)| made[name] != *bytes), "keys of a registry that never was sign nothing");
    }
}
