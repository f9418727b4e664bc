//! A registry carried to a machine without a network, and one copied as a whole.

use crate::install::approval;
use crate::world::{Package, Server, World, days_ago, files, id, says, status, version};
use jiff::Timestamp;
use skynet_registry_client::home::RootTrust;
use skynet_registry_client::lock::Origin;
use skynet_registry_client::offer::Wish;
use skynet_registry_client::places::Place;
use skynet_registry_client::progress::Quiet;
use skynet_registry_client::visit::Freshness;
use skynet_registry_client::{Home, RegistryError};
use std::sync::Arc;

/// A server that must not be asked.
fn nobody(world: &World) -> Arc<Server> {
    world.honest().lie(|path, _| panic!("asked for {path}"))
}

/// Another machine, which knows the registry's root and nothing else.
async fn elsewhere(world: &World) -> Home {
    let home = Home::open(&world.path("elsewhere")).unwrap();
    let place = Place {
        name: "main".into(),
        url: Some("https://unreachable.example/".into()),
        folder: None,
        namespaces: vec!["acme".into()],
        private: false,
        ca: None,
    };
    let root = RootTrust::Bytes(std::fs::read(world.path("registry/metadata/1.root.json")).unwrap());
    home.add(&home.lock().unwrap(), place, root, nobody(world)).await.unwrap();
    home
}

fn wishes(texts: &[&str]) -> Vec<Wish> {
    texts.iter().map(|text| Wish::parse(text).unwrap()).collect()
}

#[tokio::test]
async fn a_bundle_installs_the_same_bytes_without_a_network() {
    let world = World::new().await;
    let one = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let two = world.publish(&Package::new("acme/hello", "1.1.0").after(&one)).await;
    world.publish(&Package::new("acme/other", "1.0.0")).await;
    world.author().rotate(&[], &world.path("new"), &[&world.path("keys")], Timestamp::now()).await.unwrap();
    let file = world.path("plugins.bundle");
    let visit = world.visit(world.honest()).await.unwrap();
    assert_eq!(visit.export(&wishes(&["acme/hello"]), &file, &Quiet).await.unwrap(), 1);
    let home = elsewhere(&world).await;
    std::fs::remove_dir_all(world.registry()).unwrap();
    let carried = home.visit_bundle("main", &file, Freshness::Strict, Timestamp::now()).await.unwrap();
    assert_eq!(carried.root_version(), 2);
    let offer = carried.select(&Wish::parse("acme/hello").unwrap()).await.unwrap();
    let lock = home.lock().unwrap();
    let kept = home.fetch(&lock, &carried, &offer, &Quiet).await.unwrap();
    assert_eq!(std::fs::read(&kept.path).unwrap(), two);
    let mut locked = home.read_lock().unwrap();
    locked.install(Origin::Listed(&offer), &kept, approval());
    home.write_lock(&lock, &locked).unwrap();
    assert!(home.audit(&locked).is_empty());
    says(carried.offer(&id("acme/other"), &version("1.0.0")).await, &["acme--other", "does not have it"]);
}

#[tokio::test]
async fn a_bundle_cannot_take_a_machine_back_nor_lie_about_its_dates() {
    let world = World::with(&Default::default(), days_ago(10)).await;
    world.publish_at(&Package::new("acme/hello", "1.0.0"), days_ago(9)).await;
    let home = world.home();
    let now = Timestamp::now();
    let old = world.path("old.bundle");
    let visit = home.visit("main", world.honest(), Freshness::AcceptStale(30), now).await.unwrap();
    visit.export(&wishes(&["acme/hello"]), &old, &Quiet).await.unwrap();
    says(home.visit_bundle("main", &old, Freshness::Strict, now).await, &["was good until", "--accept-stale"]);
    says(home.visit_bundle("main", &old, Freshness::AcceptStale(1), now).await, &["was good until"]);
    home.visit_bundle("main", &old, Freshness::AcceptStale(5), now).await.unwrap();
    world.author().refresh(&world.keys(), now).await.unwrap();
    home.visit("main", world.honest(), Freshness::Strict, now).await.unwrap();
    let refused = home.visit_bundle("main", &old, Freshness::AcceptStale(30), now).await;
    assert!(matches!(refused, Err(RegistryError::Rollback { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_changed_byte_in_any_file_of_a_bundle_is_noticed() {
    let world = World::new().await;
    let file = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let bundle = world.path("x.bundle");
    let visit = world.visit(world.honest()).await.unwrap();
    visit.export(&wishes(&["acme/hello"]), &bundle, &Quiet).await.unwrap();
    let good = std::fs::read(&bundle).unwrap();
    // Every content block; headers and padding are `read`'s own tests.
    for at in (512..good.len() - 1024).step_by(512).filter(|at| good[at + 257..at + 262] != *b"ustar") {
        let home = elsewhere(&world).await;
        let mut evil = good.clone();
        evil[at + 20] ^= 1;
        std::fs::write(&bundle, &evil).unwrap();
        let lock = home.lock().unwrap();
        let installed = async {
            let carried = home.visit_bundle("main", &bundle, Freshness::Strict, Timestamp::now()).await?;
            carried.index().await?;
            let offer = carried.select(&Wish::parse("acme/hello")?).await?;
            home.fetch(&lock, &carried, &offer, &Quiet).await
        };
        match installed.await {
            Err(_) => {}
            // Old roots behind the one that is known are not read, and padding is nobody's.
            Ok(kept) => assert_eq!(std::fs::read(&kept.path).unwrap(), file, "at {at}"),
        }
        drop(lock);
        std::fs::remove_dir_all(world.path("elsewhere")).unwrap();
    }
}

#[tokio::test]
async fn a_mirror_serves_what_the_registry_serves() {
    let world = World::new().await;
    let one = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    world.publish(&Package::new("acme/hello", "1.1.0").after(&one)).await;
    world.author().rotate(&[], &world.path("new"), &[&world.path("keys")], Timestamp::now()).await.unwrap();
    let visit = world.visit(world.honest()).await.unwrap();
    let census = visit.verify(&Quiet).await.unwrap();
    assert_eq!((census.releases, census.faults.len()), (2, 0));
    let mirror = world.path("mirror");
    says(visit.mirror(&world.path("keys"), &Quiet).await, &["the folder holds other things", "Choose an empty folder"]);
    visit.mirror(&mirror, &Quiet).await.unwrap();
    let home = elsewhere(&world).await;
    let place = home.places().unwrap().named("main").unwrap().clone();
    let courier = skynet_registry_client::courier::Courier::to_folder(Server::new(&mirror)).unwrap();
    let copied = home.visit_by(place, courier, Freshness::Strict, Timestamp::now()).await.unwrap();
    assert_eq!(copied.verify(&Quiet).await.unwrap(), census);
    let before = files(&mirror);
    visit.mirror(&mirror, &Quiet).await.unwrap();
    assert_eq!(files(&mirror), before, "a second copy changes nothing");
}

#[tokio::test]
async fn a_registry_with_a_missing_or_changed_blob_has_a_fault_and_is_not_copied() {
    let world = World::new().await;
    world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let mirror = world.path("mirror");
    world.visit(world.honest()).await.unwrap().mirror(&mirror, &Quiet).await.unwrap();
    let before = files(&mirror);
    world.publish(&Package::new("acme/other", "1.0.0")).await;
    for server in [
        world.honest().lie(|path, _| path.starts_with("blobs/").then(|| status(404, None))),
        world.honest().swap("blobs/", |bytes| vec![0; bytes.len()], &world.registry()),
        world.honest().swap("rel--acme--other", |_| b"{}".to_vec(), &world.registry()),
    ] {
        let visit = world.visit(server).await.unwrap();
        let census = visit.verify(&Quiet).await.unwrap();
        assert!(!census.faults.is_empty() && census.faults.iter().any(|fault| fault.contains("acme")), "{census:?}");
        says(visit.mirror(&mirror, &Quiet).await, &["the copy of registry `main`", "lists of the copy are as they were"]);
        let timestamp = "metadata/timestamp.json";
        assert_eq!(files(&mirror)[timestamp], before[timestamp]);
    }
}

#[tokio::test]
async fn a_bundle_offers_what_it_holds_and_not_what_its_lists_name() {
    let world = World::new().await;
    let one = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let two = world.publish(&Package::new("acme/hello", "1.1.0").after(&one)).await;
    world.publish(&Package::new("acme/hello", "1.2.0").after(&two)).await;
    let bundle = world.path("x.bundle");
    world.visit(world.honest()).await.unwrap().export(&wishes(&["acme/hello@1.1.0"]), &bundle, &Quiet).await.unwrap();
    let home = elsewhere(&world).await;
    let carried = home.visit_bundle("main", &bundle, Freshness::Strict, Timestamp::now()).await.unwrap();
    let hello = id("acme/hello");
    assert_eq!(carried.versions(&hello), [version("1.1.0")]);
    let offer = carried.select(&Wish::parse("acme/hello").unwrap()).await.unwrap();
    assert_eq!(offer.release.version, version("1.1.0"));
    says(carried.select(&Wish::parse("acme/hello@1.2.0").unwrap()).await, &["in the bundle of registry `main`", "not found"]);
    let lock = home.lock().unwrap();
    let kept = home.fetch(&lock, &carried, &offer, &Quiet).await.unwrap();
    let mut installed = home.read_lock().unwrap();
    installed.install(skynet_registry_client::lock::Origin::Listed(&offer), &kept, approval());
    assert!(carried.newer(&installed.plugins[0]).await.unwrap().is_none());
}

#[tokio::test]
async fn an_old_copy_that_its_owner_takes_confirms_nothing_of_today() {
    let world = World::with(&Default::default(), days_ago(10)).await;
    world.publish_at(&Package::new("acme/hello", "1.0.0"), days_ago(9)).await;
    let home = world.home();
    home.visit("main", world.honest(), Freshness::AcceptStale(30), Timestamp::now()).await.unwrap();
    assert_eq!(home.memory("main").unwrap().checked, None);
    world.author().refresh(&world.keys(), Timestamp::now()).await.unwrap();
    home.visit("main", world.honest(), Freshness::AcceptStale(30), Timestamp::now()).await.unwrap();
    assert!(home.memory("main").unwrap().checked.is_some());
}

#[tokio::test]
async fn a_copy_ends_where_the_server_does_and_goes_on_from_there() {
    let world = World::new().await;
    let text = "x".repeat(200_000);
    let one = world.publish(&Package::new("acme/first", "1.0.0")).await;
    let two = world.publish(&Package { text, ..Package::new("acme/second", "1.0.0") }).await;
    let component = skynet_policy::release::split(&two).unwrap().component.to_vec();
    let second = skynet_policy::sha256_hex(&component);
    let (name, start) = (second.clone(), component[..1000].to_vec());
    let gone = world.honest().lie(move |path, from| match (path.ends_with(&name), from) {
        (true, 0) => Some(crate::world::pieces(vec![Ok(start.clone()), Err(())])),
        (true, _) => Some(status(503, None)),
        _ => None,
    });
    let mirror = world.path("mirror");
    std::fs::create_dir_all(mirror.join("metadata")).unwrap();
    std::fs::write(mirror.join("metadata/.new-1-1"), "half").unwrap();
    let ended = world.visit(gone.clone()).await.unwrap().mirror(&mirror, &Quiet).await;
    assert!(matches!(ended, Err(RegistryError::Unreachable { .. })), "{ended:?}");
    let checked = world.visit(gone).await.unwrap().verify(&Quiet).await;
    assert!(matches!(checked, Err(RegistryError::Unreachable { .. })), "it is not the registry that has a fault: {checked:?}");
    assert!(!mirror.join("metadata/timestamp.json").exists() && !mirror.join("metadata/.new-1-1").exists());

    let server = world.honest();
    let visit = world.visit(server.clone()).await.unwrap();
    server.asked.lock().unwrap().clear();
    visit.mirror(&mirror, &Quiet).await.unwrap();
    let first = skynet_policy::sha256_hex(skynet_policy::release::split(&one).unwrap().component);
    assert_eq!(server.count(&first), 0, "what is there is not fetched again");
    assert_eq!(server.count("rel--acme--first"), 0);
    assert_eq!(server.count("pub--acme"), 0);
    let from: Vec<u64> = server.asked.lock().unwrap().iter().filter(|(path, _)| path.ends_with(&second)).map(|(_, from)| *from).collect();
    assert_eq!(from, [1000], "and what broke off is continued");
    assert_eq!(server.count("rel--acme--second"), 1);
    assert!(files(&mirror).keys().all(|name| !name.starts_with('.')), "{:?}", files(&mirror).keys());
    assert_eq!(world.visit(Server::new(&mirror)).await.unwrap().verify(&Quiet).await.unwrap().faults, Vec::<String>::new());
}
