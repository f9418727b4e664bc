//! What an attacker between registry and client tries, and the traps of the library
//! underneath: each attempt is refused, and what was seen before is not forgotten.

use crate::world::{Package, Server, World, copy, days_ago, files, id, long, record, says, status, version, whole};
use jiff::{SignedDuration, Timestamp};
use skynet_registry_client::RegistryError;
use skynet_registry_client::author::{Author, Expiries, Keys, Setup};
use skynet_registry_client::home::RootTrust;
use skynet_registry_client::offer::Wish;
use skynet_registry_client::places::Place;
use skynet_registry_client::visit::Freshness;
use std::path::Path;
use tough::schema::RoleType;

async fn published() -> (World, Vec<u8>) {
    let world = World::new().await;
    let file = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    (world, file)
}

fn versions(folder: &Path) -> (u64, u64) {
    let read = |path: String| -> serde_json::Value { serde_json::from_slice(&std::fs::read(folder.join(path)).unwrap()).unwrap() };
    let timestamp = read("metadata/timestamp.json".into());
    let snapshot = timestamp["signed"]["meta"]["snapshot.json"]["version"].as_u64().unwrap();
    (timestamp["signed"]["version"].as_u64().unwrap(), snapshot)
}

// --- the eight traps -------------------------------------------------------------------------

#[tokio::test]
async fn keys_that_were_rotated_out_of_the_root_sign_nothing_any_more() {
    let (world, _) = published().await;
    let fork = world.copy("fork");
    copy(&world.path("keys"), &world.path("stolen"));
    for name in ["keys", "stolen"] {
        restrict(&world.path(name));
    }
    world.author().rotate(&[RoleType::Root], &world.path("new-keys"), &[&world.path("keys")], Timestamp::now()).await.unwrap();
    world.visit(world.honest()).await.unwrap();
    assert_eq!(world.home().memory("main").unwrap().seen.root, 2);
    // The thief makes roots 2 and 3 of their own from the old root key.
    let mut thief = Author::open(&fork).unwrap();
    for step in ["own-2", "own-3"] {
        let before = if step == "own-2" { world.path("stolen") } else { world.path("own-2") };
        thief.rotate(&[RoleType::Root], &world.path(step), &[&world.path("stolen"), &before], Timestamp::now()).await.unwrap();
    }
    drop(thief);
    says(world.visit(Server::new(&fork)).await, &["registry `main`", "refused"]);
    let memory = world.home().memory("main").unwrap();
    assert_eq!(memory.seen.root, 2, "the stored root did not go back");
    world.visit(world.honest()).await.unwrap();
}

fn restrict(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        std::fs::set_permissions(entry.unwrap().path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[tokio::test]
async fn damage_to_the_librarys_own_store_does_not_open_the_way_back() {
    let (world, file) = published().await;
    let old = world.copy("old");
    world.publish(&Package::new("acme/hello", "1.1.0").after(&file)).await;
    world.visit(world.honest()).await.unwrap();
    says(world.visit(Server::new(&old)).await, &["version", "was seen before", "another mirror", "skynet registry reset main"]);
    for name in ["timestamp.json", "snapshot.json", "targets.json", "root.json"] {
        std::fs::write(world.path("home/tuf/main").join(name), "{").unwrap();
    }
    let refused = world.visit(Server::new(&old)).await;
    assert!(matches!(refused, Err(RegistryError::Rollback { .. })), "{refused:?}");
    std::fs::remove_dir_all(world.path("home/tuf")).unwrap();
    assert!(matches!(world.visit(Server::new(&old)).await, Err(RegistryError::Rollback { .. })));
    world.visit(world.honest()).await.unwrap();
}

#[tokio::test]
async fn a_memory_that_cannot_be_read_refuses_until_the_owner_resets_it() {
    let (world, _) = published().await;
    world.visit(world.honest()).await.unwrap();
    let path = world.path("home/known/main.json");
    let good = std::fs::read_to_string(&path).unwrap();
    let lower = good.replace("\"timestamp\":3", "\"timestamp\":1");
    assert_ne!(lower, good);
    for damaged in ["", "{}", &good[..good.len() / 2], &lower] {
        std::fs::write(&path, damaged).unwrap();
        says(world.visit(world.honest()).await, &["cannot be read", "skynet registry reset main"]);
    }
    std::fs::remove_file(&path).unwrap();
    says(world.visit(world.honest()).await, &["gone", "skynet registry reset main"]);
    let home = world.home();
    let root = RootTrust::Bytes(world.author().root().unwrap().1);
    home.reset(&home.lock().unwrap(), "main", root, world.honest()).await.unwrap();
    world.visit(world.honest()).await.unwrap();
}

#[tokio::test]
async fn one_publishers_broken_record_does_not_stop_the_others() {
    let (world, _) = published().await;
    world.author().put_publisher(&record("bobby", 2), false, &world.keys(), Timestamp::now()).await.unwrap();
    let server = world.honest().swap("pub--bobby", |_| b"{}".to_vec(), &world.registry());
    let visit = world.visit(server).await.unwrap();
    says(visit.publisher("bobby").await, &["pub--bobby", "refused"]);
    visit.offer(&id("acme/hello"), &version("1.0.0")).await.unwrap();
}

#[tokio::test]
async fn lists_have_flat_names_no_delegated_roles_and_one_entry_in_each_snapshot() {
    let (world, file) = published().await;
    world.publish(&Package::new("acme/hello", "1.1.0").after(&file)).await;
    let server = world.honest();
    let visit = world.visit(server.clone()).await.unwrap();
    visit.select(&Wish::parse("acme/hello").unwrap()).await.unwrap();
    for (path, _) in server.asked.lock().unwrap().iter().filter(|(path, _)| path.starts_with("targets/")) {
        let name = path.trim_start_matches("targets/");
        assert!(!name.contains('/') && name.as_bytes()[64] == b'.', "{path}");
    }
    for (path, bytes) in files(&world.path("registry/metadata")) {
        let list: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert!(list["signed"]["delegations"].is_null(), "{path}");
        let entries = list["signed"]["meta"].as_object().map_or(1, serde_json::Map::len);
        assert_eq!(entries, 1, "{path}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_place_or_to_plain_http_is_refused() {
    let (world, _) = published().await;
    for (location, word) in [
        ("https://evil.example/skynet/metadata/timestamp.json", "evil.example"),
        ("http://registry.example/skynet/metadata/timestamp.json", "http://registry.example"),
        ("https://registry.example:444/skynet/metadata/timestamp.json", "444"),
        ("//evil.example/x", "evil.example"),
        ("file:///etc/passwd", "stays where it was named"),
        ("/skynet/metadata/timestamp.json", "more than 3 times"),
    ] {
        let server = world.honest().lie(move |path, _| path.ends_with("timestamp.json").then(|| status(302, Some(location))));
        says(world.visit(server).await, &["registry `main`", word]);
    }
    let server = world.honest().lie(|path, _| (path == "metadata/timestamp.json").then(|| status(307, Some("../moved/t"))));
    let bytes = std::fs::read(world.path("registry/metadata/timestamp.json")).unwrap();
    let server = server.lie(move |path, _| (path == "moved/t").then(|| whole(bytes.clone())));
    world.visit(server).await.unwrap();
}

#[tokio::test]
async fn a_registry_is_added_over_https_or_loopback_with_a_root_from_its_keeper() {
    let (world, _) = published().await;
    let home = world.home();
    let lock = home.lock().unwrap();
    let root = world.author().root().unwrap().1;
    let place = |url: &str| Place {
        name: "second".into(),
        url: Some(url.into()),
        folder: None,
        namespaces: vec!["bobby".into()],
        private: false,
        ca: None,
    };
    let print = RootTrust::Fingerprint(skynet_policy::sha256_hex(&root));
    for evil in [
        "http://registry.example/",
        "http://localhost/",
        "ftp://x.example/",
        "https://user:pw@registry.example/",
        "nonsense",
        "file:///etc",
    ] {
        says(home.add(&lock, place(evil), print.clone(), world.honest()).await, &["registry second"]);
    }
    let wrong = RootTrust::Fingerprint("0".repeat(64));
    says(home.add(&lock, place("https://registry.example/skynet"), wrong, world.honest()).await, &["fingerprint", "keeper"]);
    says(home.add(&lock, place("https://registry.example/"), RootTrust::Bytes(b"{}".to_vec()), world.honest()).await, &["root"]);
    assert_eq!(home.places().unwrap().all.len(), 1, "nothing was added");
    home.add(&lock, place("https://registry.example/skynet"), print.clone(), world.honest()).await.unwrap();
    says(home.add(&lock, place("https://registry.example/skynet"), print, world.honest()).await, &["there is one of that name"]);
    let taken = Place { namespaces: vec!["acme".into()], ..place("https://registry.example/skynet") };
    home.remove(&lock, "second").unwrap();
    says(
        home.add(&lock, taken, RootTrust::Bytes(root), world.honest()).await,
        &["main answers for the namespace acme already", "registry remove main"],
    );
    says(home.visit("second", world.honest(), Freshness::Strict, Timestamp::now()).await, &["registry `second`", "registry add"]);
    home.advisories("second").unwrap();
}

#[tokio::test]
async fn a_server_that_withholds_the_next_root_is_noticed() {
    let (world, _) = published().await;
    world.author().rotate(&[], &world.path("new-keys"), &[&world.path("keys")], Timestamp::now()).await.unwrap();
    let broken =
        world.honest().lie(|path, _| path.ends_with("2.root.json").then(|| crate::world::pieces(vec![Ok(b"{".to_vec()), Err(())])));
    says(world.visit(broken).await, &["2.root.json", "could not be fetched"]);
    let failing = world.honest().lie(|path, _| path.ends_with("2.root.json").then(|| status(503, None)));
    says(world.visit(failing).await, &["2.root.json", "503"]);
    let huge = world.honest().lie(|path, _| path.ends_with("2.root.json").then(|| whole(vec![b' '; 1 << 20])));
    says(world.visit(huge).await, &["2.root.json", "more than"]);
    world.visit(world.honest()).await.unwrap();
}

#[tokio::test]
async fn a_root_that_ends_soon_is_announced() {
    let setup = Setup { expiries: Expiries { root: 29, ..Expiries::default() }, ..Setup::default() };
    let world = World::with(&setup, Timestamp::now()).await;
    let visit = world.visit(world.honest()).await.unwrap();
    assert!(visit.warnings[0].contains("root of registry `main`"), "{:?}", visit.warnings);
    let (world, _) = published().await;
    assert!(world.visit(world.honest()).await.unwrap().warnings.is_empty());
}

// --- lists that lie --------------------------------------------------------------------------

#[tokio::test]
async fn every_list_that_was_cut_changed_or_blown_up_is_refused() {
    let (world, _) = published().await;
    let folder = world.registry();
    for list in ["timestamp.json", "snapshot.json", "targets.json"] {
        for (how, change) in [
            ("cut", (|bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec()) as fn(Vec<u8>) -> Vec<u8>),
            ("empty", |_| Vec::new()),
            ("edited", |bytes| String::from_utf8(bytes).unwrap().replacen("\"version\": ", "\"version\": 9", 1).into_bytes()),
            ("grown", |bytes| [bytes, vec![b' '; 32 << 20]].concat()),
        ] {
            let refused = world.visit(world.honest().swap(list, change, &folder)).await;
            assert!(refused.is_err(), "{list} {how}");
            says(refused, &["registry `main`", "Nothing was changed"]);
        }
    }
    world.visit(world.honest()).await.unwrap();
}

#[tokio::test]
async fn an_older_list_among_newer_ones_is_refused() {
    let (world, file) = published().await;
    let old = world.copy("old");
    let (_, old_snapshot) = versions(&old);
    world.publish(&Package::new("acme/hello", "1.1.0").after(&file)).await;
    let folder = world.registry();
    let server = world.honest().swap(
        "snapshot.json",
        move |_| std::fs::read(old.join(format!("metadata/{old_snapshot}.snapshot.json"))).unwrap(),
        &folder,
    );
    says(world.visit(server).await, &["registry `main`", "refused"]);
    let old = world.path("old");
    let server = world.honest().swap(
        "targets.json",
        move |_| std::fs::read(old.join(format!("metadata/{old_snapshot}.targets.json"))).unwrap(),
        &folder,
    );
    says(world.visit(server).await, &["registry `main`", "refused"]);
}

#[tokio::test]
async fn dates_that_are_over_are_refused_and_named() {
    let world = World::with(&Setup { expiries: long(), ..Setup::default() }, days_ago(10)).await;
    world.visit(world.honest()).await.unwrap();
    let stale = World::with(&Setup::default(), days_ago(10)).await;
    let refused = stale.visit(stale.honest()).await;
    assert!(matches!(&refused, Err(RegistryError::Expired { role, .. }) if role == "timestamp"), "{refused:?}");
    says(refused, &["timestamp", "registry `main`", "skynet registry refresh", "--accept-stale"]);
    let later = Timestamp::now() + SignedDuration::from_hours(24 * 8);
    let home = world.home();
    home.visit("main", world.honest(), Freshness::Strict, later).await.unwrap();
    let much_later = Timestamp::now() + SignedDuration::from_hours(24 * 4000);
    says(home.visit("main", world.honest(), Freshness::Strict, much_later).await, &["was good until"]);
}

#[tokio::test]
async fn old_dates_are_taken_for_as_long_as_an_owner_said_and_what_was_seen_still_binds() {
    let stale = World::with(&Setup::default(), days_ago(10)).await;
    let home = stale.home();
    let now = Timestamp::now();
    says(home.visit("main", stale.honest(), Freshness::AcceptStale(2), now).await, &["was good until"]);
    home.visit("main", stale.honest(), Freshness::AcceptStale(4), now).await.unwrap();
    let old = stale.copy("old");
    stale.publish(&Package::new("acme/hello", "1.0.0")).await;
    stale.visit(stale.honest()).await.unwrap();
    let refused = home.visit("main", Server::new(&old), Freshness::AcceptStale(400), now).await;
    assert!(matches!(refused, Err(RegistryError::Rollback { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_root_signed_by_too_few_of_its_keys_is_refused() {
    let world = World::with(&Setup::public(), Timestamp::now()).await;
    let mut author = world.author();
    let few = world.path("few");
    copy(&world.path("keys"), &few);
    for name in ["root-2.key", "root-3.key"] {
        std::fs::remove_file(few.join(name)).unwrap();
    }
    restrict(&few);
    says(author.rotate(&[], &world.path("new"), &[&few], Timestamp::now()).await, &["signing the root", "enough root keys"]);
    std::fs::copy(world.path("keys/root-3.key"), few.join("root-3.key")).unwrap();
    restrict(&few);
    author.rotate(&[], &world.path("new"), &[&few], Timestamp::now()).await.unwrap();
    drop(author);
    // The same root without one of its two signatures.
    let one = |bytes: Vec<u8>| {
        let mut root: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        root["signatures"].as_array_mut().unwrap().truncate(1);
        serde_json::to_vec(&root).unwrap()
    };
    says(world.visit(world.honest().swap("2.root.json", one, &world.registry())).await, &["registry `main`", "refused"]);
    world.visit(world.honest()).await.unwrap();
}

#[tokio::test]
async fn documents_that_are_not_the_listed_ones_are_refused() {
    let (world, _) = published().await;
    for name in ["rel--acme", "sig--acme", "pub--acme", "index.json", "advisories.json"] {
        let server = world.honest().swap(
            name,
            |mut bytes| {
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
                bytes
            },
            &world.registry(),
        );
        let seen = async {
            let visit = world.visit(server).await?;
            visit.index().await?;
            visit.offer(&id("acme/hello"), &version("1.0.0")).await
        };
        says(seen.await, &[name, "refused"]);
    }
}

#[tokio::test]
async fn a_timer_that_holds_the_timestamp_key_alone_keeps_a_registry_fresh() {
    let world = World::with(&Setup::default(), days_ago(6)).await;
    let only = world.path("only");
    std::fs::create_dir(&only).unwrap();
    std::fs::copy(world.path("keys/timestamp-1.key"), only.join("timestamp-1.key")).unwrap();
    restrict(&only);
    let keys = Keys::load(&[&only]).unwrap();
    let now = Timestamp::now();
    assert!(world.author().refresh(&keys, now).await.unwrap().is_empty());
    let later = now + SignedDuration::from_hours(24 * 6);
    world.home().visit("main", world.honest(), Freshness::Strict, later).await.unwrap();
    let warnings = world.author().refresh(&keys, days_ago(-20)).await.unwrap();
    assert!(warnings.iter().any(|line| line.contains("snapshot") && line.contains("not renewed")), "{warnings:?}");
    assert!(world.author().refresh(&world.keys(), days_ago(-60)).await.unwrap().is_empty(), "all keys renew all that is due");
}

// --- what was heard stays heard ----------------------------------------------------------------

/// A client that has acme/hello and has heard that it is revoked.
async fn revoked() -> (World, skynet_registry_client::lock::Lock) {
    let (world, file) = published().await;
    let home = world.home();
    let lock = home.lock().unwrap();
    let visit = world.visit(world.honest()).await.unwrap();
    let offer = visit.select(&Wish::parse("acme/hello").unwrap()).await.unwrap();
    let kept = home.fetch(&lock, &visit, &offer, &skynet_registry_client::progress::Quiet).await.unwrap();
    let mut installed = home.read_lock().unwrap();
    installed.install(skynet_registry_client::lock::Origin::Listed(&offer), &kept, crate::install::approval());
    home.write_lock(&lock, &installed).unwrap();
    let advisory = skynet_policy::registry::advisories::Advisory {
        id: "1".into(),
        kind: skynet_policy::registry::advisories::AdvisoryKind::Revoked,
        plugin: None,
        release: Some(skynet_policy::sha256_hex(skynet_policy::release::split(&file).unwrap().release_json)),
        key: None,
        reason: "it leaks".into(),
        created: "2026-02-02T00:00:00Z".into(),
    };
    world.author().advise(advisory, &world.keys(), Timestamp::now()).await.unwrap();
    world.visit(world.honest()).await.unwrap();
    assert!(home.audit(&installed)[0].blocked);
    (world, installed)
}

#[tokio::test]
async fn neither_a_reset_nor_a_removal_forgets_what_was_revoked() {
    let (world, installed) = revoked().await;
    let (home, hello) = (world.home(), id("acme/hello"));
    let lock = home.lock().unwrap();
    let root = || RootTrust::Bytes(std::fs::read(world.path("registry/metadata/1.root.json")).unwrap());
    home.reset(&lock, "main", root(), world.honest()).await.unwrap();
    assert!(!home.standing(&installed, &hello).unwrap().may_load(), "heard before, and not taken back since");
    let place = home.places().unwrap().named("main").unwrap().clone();
    home.remove(&lock, "main").unwrap();
    home.add(&lock, place.clone(), root(), world.honest()).await.unwrap();
    assert!(!home.standing(&installed, &hello).unwrap().may_load());
    world.author().withdraw_advisory("1", &world.keys(), Timestamp::now()).await.unwrap();
    world.visit(world.honest()).await.unwrap();
    assert!(home.standing(&installed, &hello).unwrap().may_load(), "the registry took it back itself");
}

#[tokio::test]
async fn what_was_said_and_lost_counts_as_the_worst_until_the_registry_is_heard() {
    let (world, installed) = revoked().await;
    let (home, hello) = (world.home(), id("acme/hello"));
    std::fs::write(world.path("home/known/main.json"), "rubbish").unwrap();
    let root = RootTrust::Bytes(world.author().first_root().unwrap());
    home.reset(&home.lock().unwrap(), "main", root, world.honest()).await.unwrap();
    says(home.standing(&installed, &hello), &["registry `main`", "was not heard since", "plugin audit"]);
    assert!(home.audit(&installed)[0].blocked);
    world.visit(world.honest()).await.unwrap();
    assert!(!home.standing(&installed, &hello).unwrap().may_load());
}

#[tokio::test]
async fn a_name_from_which_plugins_came_is_given_to_the_same_registry_alone() {
    let (world, installed) = revoked().await;
    world.author().rotate(&[], &world.path("keys"), &[&world.path("keys")], Timestamp::now()).await.unwrap();
    world.visit(world.honest()).await.unwrap();
    let home = world.home();
    let lock = home.lock().unwrap();
    let place = home.places().unwrap().named("main").unwrap().clone();
    let seen = home.memory("main").unwrap();
    home.remove(&lock, "main").unwrap();
    let other = World::new().await;
    let strange = RootTrust::Bytes(other.author().first_root().unwrap());
    says(home.add(&lock, place.clone(), strange, other.honest()).await, &["acme/hello came from a registry of this name", "another name"]);
    assert!(home.places().unwrap().all.is_empty());
    // The first root leads to the one that was seen last, and all that was seen binds as before.
    home.add(&lock, place, RootTrust::Bytes(world.author().first_root().unwrap()), world.honest()).await.unwrap();
    assert_eq!(home.memory("main").unwrap(), seen);
    assert!(!home.standing(&installed, &id("acme/hello")).unwrap().may_load());
}

#[tokio::test]
async fn a_lockfile_that_came_from_elsewhere_waits_until_its_registry_is_heard() {
    let (world, installed) = revoked().await;
    let home = skynet_registry_client::Home::open(&world.path("elsewhere")).unwrap();
    let lock = home.lock().unwrap();
    home.write_lock(&lock, &installed).unwrap();
    let place = world.home().places().unwrap().named("main").unwrap().clone();
    home.add(&lock, place, RootTrust::Bytes(world.author().first_root().unwrap()), world.honest()).await.unwrap();
    says(home.standing(&installed, &id("acme/hello")), &["was not heard since"]);
    home.visit("main", world.honest(), Freshness::Strict, Timestamp::now()).await.unwrap();
    assert!(!home.standing(&installed, &id("acme/hello")).unwrap().may_load());
}

#[tokio::test]
async fn what_is_read_of_a_registry_is_fetched_once_a_look() {
    let (world, file) = published().await;
    world.publish(&Package::new("acme/hello", "1.1.0").after(&file)).await;
    let server = world.honest();
    let visit = world.visit(server.clone()).await.unwrap();
    for wanted in ["1.0.0", "1.1.0"] {
        visit.index().await.unwrap();
        visit.offer(&id("acme/hello"), &version(wanted)).await.unwrap();
    }
    assert_eq!((server.count("index.json"), server.count("pub--acme")), (1, 1));
}
