//! From a name to the very file that the publisher signed.

use crate::world::{Package, Server, World, days_ago, files, id, key, record, says, version};
use jiff::Timestamp;
use skynet_policy::registry::advisories::{Advisory, AdvisoryKind};
use skynet_policy::registry::publisher::Continuity;
use skynet_policy::release::split;
use skynet_policy::sha256_hex;
use skynet_registry_client::home::RootTrust;
use skynet_registry_client::limits::FORMER_RELEASES;
use skynet_registry_client::lock::{Approval, Former, Lock, Origin};
use skynet_registry_client::offer::Wish;
use skynet_registry_client::places::Place;
use skynet_registry_client::plan::{Action, Installed, Plan, Step};
use skynet_registry_client::progress::Quiet;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

pub(crate) fn approval() -> Approval {
    Approval { by: "owner".into(), at: "2026-02-01T00:00:00Z".into(), grant: None }
}

fn advisory(id_: &str, kind: AdvisoryKind, file: &[u8]) -> Advisory {
    Advisory {
        id: id_.into(),
        kind,
        plugin: Some(id("acme/hello")),
        release: Some(sha256_hex(split(file).unwrap().release_json)),
        key: None,
        reason: "it sends letters to strangers".into(),
        created: "2026-02-02T00:00:00Z".into(),
    }
}

async fn install(world: &World, server: Arc<Server>, wish: &str) -> Lock {
    let home = world.home();
    let lock = home.lock().unwrap();
    let visit = world.visit(server).await.unwrap();
    let offer = visit.select(&Wish::parse(wish).unwrap()).await.unwrap();
    let kept = home.fetch(&lock, &visit, &offer, &Quiet).await.unwrap();
    let mut locked = home.read_lock().unwrap();
    locked.install(Origin::Listed(&offer), &kept, approval());
    home.write_lock(&lock, &locked).unwrap();
    locked
}

#[tokio::test]
async fn the_installed_file_is_the_signed_one_byte_for_byte() {
    let world = World::new().await;
    let file = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let lock = install(&world, world.honest(), "acme/hello").await;
    let locked = lock.find(&id("acme/hello")).unwrap();
    let home = world.home();
    assert_eq!(home.kept(&locked.file).unwrap(), file);
    let mode = |path: &str| std::fs::metadata(world.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("home/store/sha256"), mode(&format!("home/store/sha256/{}", locked.file))), (0o700, 0o444));
    assert_eq!(home.read_lock().unwrap(), lock);
    assert!(files(&world.path("home/quarantine")).is_empty());
}

#[tokio::test]
async fn the_newest_release_that_was_not_withdrawn_is_chosen() {
    let world = World::new().await;
    let one = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let two = world.publish(&Package::new("acme/hello", "1.1.0").after(&one)).await;
    let three = world.publish(&Package::new("acme/hello", "2.0.0-rc.1").after(&two)).await;
    let select = async |wish: &str| {
        let visit = world.visit(world.honest()).await.unwrap();
        visit.select(&Wish::parse(wish).unwrap()).await.map(|offer| offer.release.version.to_string())
    };
    assert_eq!(select("acme/hello").await.unwrap(), "1.1.0");
    assert_eq!(select("acme/hello@=1.0.0").await.unwrap(), "1.0.0");
    assert_eq!(select("acme/hello@1.0.0").await.unwrap(), "1.0.0");
    assert_eq!(select("acme/hello@2.0.0-rc.1").await.unwrap(), "2.0.0-rc.1");
    says(select("acme/hello@3").await, &["not found", "skynet plugin info"]);
    let now = Timestamp::now();
    world.author().advise(advisory("1", AdvisoryKind::Yanked, &two), &world.keys(), now).await.unwrap();
    assert_eq!(select("acme/hello").await.unwrap(), "1.0.0");
    says(select("acme/hello@1.1.0").await, &["1.1.0", "yanked", "letters"]);
    world.author().advise(advisory("2", AdvisoryKind::Revoked, &one), &world.keys(), now).await.unwrap();
    world.author().advise(advisory("3", AdvisoryKind::Vulnerable, &three), &world.keys(), now).await.unwrap();
    says(select("acme/hello").await, &["refused", "yanked", "revoked"]);
    assert_eq!(select("acme/hello@2.0.0-rc.1").await.unwrap(), "2.0.0-rc.1");
}

#[tokio::test]
async fn a_plugin_of_another_namespace_is_not_taken_from_this_registry() {
    let world = World::new().await;
    let mut author = world.author();
    author.put_publisher(&record("bobby", 2), false, &world.keys(), Timestamp::now()).await.unwrap();
    drop(author);
    world.publish(&Package { seed: 2, ..Package::new("bobby/hello", "1.0.0") }).await;
    let bobbys = Wish::parse("bobby/hello").unwrap();
    let visit = world.visit(world.honest()).await.unwrap();
    says(visit.select(&bobbys).await, &["namespace bobby", "registry add"]);
    // Nor when it is another registry's, which does not even have it.
    let home = world.home();
    let place = Place {
        name: "other".into(),
        url: Some("https://other.example/".into()),
        folder: None,
        namespaces: vec!["*".into()],
        private: false,
        ca: None,
    };
    let root = RootTrust::Bytes(world.author().root().unwrap().1);
    home.add(&home.lock().unwrap(), place, root, world.honest()).await.unwrap();
    let visit = world.visit(world.honest()).await.unwrap();
    says(visit.select(&bobbys).await, &["belongs to registry `other`"]);
    says(visit.offer(&bobbys.id, &version("1.0.0")).await, &["belongs to registry `other`"]);
}

#[tokio::test]
async fn what_was_revoked_is_known_without_a_network() {
    let world = World::new().await;
    let file = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let lock = install(&world, world.honest(), "acme/hello").await;
    assert!(world.home().audit(&lock).is_empty());
    world.author().advise(advisory("9", AdvisoryKind::Revoked, &file), &world.keys(), Timestamp::now()).await.unwrap();
    assert!(world.home().standing(&lock, &id("acme/hello")).unwrap().may_load(), "nobody has asked yet");
    world.visit(world.honest()).await.unwrap();
    std::fs::remove_dir_all(world.registry()).unwrap();
    let home = world.home();
    assert!(!home.standing(&lock, &id("acme/hello")).unwrap().may_load());
    let findings = home.audit(&lock);
    assert!(findings[0].blocked && findings[0].said[0].contains("letters"), "{findings:?}");
    std::fs::write(world.path("home/known/main.json"), "x").unwrap();
    assert!(home.standing(&lock, &id("acme/hello")).is_err(), "who forgot must not say that all is well");
    assert!(home.audit(&lock)[0].blocked);
}

#[tokio::test]
async fn a_lockfile_gives_the_same_bytes_or_a_refusal() {
    let world = World::new().await;
    let one = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let lock = install(&world, world.honest(), "acme/hello").await;
    world.publish(&Package::new("acme/hello", "1.1.0").after(&one)).await;
    world.author().advise(advisory("1", AdvisoryKind::Yanked, &one), &world.keys(), Timestamp::now()).await.unwrap();
    let home = world.home();
    let held = home.lock().unwrap();
    assert_eq!(home.prune(&held, &Default::default()).unwrap(), 1);
    let visit = world.visit(world.honest()).await.unwrap();
    let text = lock.to_toml().unwrap();
    let locked = Lock::parse(&text).unwrap().plugins.remove(0);
    let kept = home.reproduce(&held, &visit, &locked, &Quiet).await.unwrap();
    assert_eq!(std::fs::read(kept.path).unwrap(), one);
    let revoked = advisory("2", AdvisoryKind::Revoked, &one);
    world.author().advise(revoked, &world.keys(), Timestamp::now()).await.unwrap();
    let later = world.visit(world.honest()).await.unwrap();
    says(home.reproduce(&held, &later, &locked, &Quiet).await, &["acme/hello 1.0.0", "revoked"]);
    for (from, to) in [
        (locked.release.clone(), "a".repeat(64)),
        (locked.component.clone(), "b".repeat(64)),
        ("version = \"1.0.0\"".into(), "version = \"1.1.0\"".into()),
        ("registry = \"main\"".into(), "registry = \"other\"".into()),
        (locked.publisher_keys[0].to_string(), key(9).public().key_id().to_string()),
    ] {
        let other = Lock::parse(&text.replace(&from, &to)).unwrap().plugins.remove(0);
        says(home.reproduce(&held, &visit, &other, &Quiet).await, &["acme/hello", "plugins.lock"]);
    }
    home.prune(&held, &Default::default()).unwrap();
    let other = Lock::parse(&text.replace(&locked.file, &"c".repeat(64))).unwrap().plugins.remove(0);
    says(home.reproduce(&held, &visit, &other, &Quiet).await, &["its file is", "plugins.lock"]);
    for evil in
        [text.replace("schema = 1", "schema = 2"), text.replace(&locked.file, "zz"), format!("{text}\n{}", text.replace("schema = 1", ""))]
    {
        assert!(Lock::parse(&evil).is_err(), "{evil}");
    }
}

#[tokio::test]
async fn a_plan_says_what_a_person_has_to_know_and_why_one_is_asked() {
    let world = World::with(&Default::default(), days_ago(6)).await;
    let listed = days_ago(5);
    let one = world.publish_at(&Package::new("acme/hello", "1.0.0"), listed).await;
    let two = world.publish_at(&Package::new("acme/hello", "1.1.0").after(&one), listed).await;
    world.publish_at(&Package { net: vec!["https://tracker.example"], ..Package::new("acme/hello", "1.2.0").after(&two) }, listed).await;
    let now = Timestamp::now();
    let lock = install(&world, world.honest(), "acme/hello@1.0.0").await;
    let visit = world.visit(world.honest()).await.unwrap();
    let index = visit.index().await.unwrap();
    let when = index.plugins[0].releases[0].listed.clone();
    let locked = lock.find(&id("acme/hello")).unwrap();
    let installed = Installed { locked: Some(locked), ..Installed::default() };
    let step = async |wanted: &str, installed: Installed<'_>, when: Option<&str>| {
        Step::new(&visit.offer(&id("acme/hello"), &version(wanted)).await.unwrap(), installed, when, now)
    };
    let quiet = step("1.1.0", installed, Some(&when)).await;
    assert_eq!(quiet.action, Action::Update { from: version("1.0.0"), version: version("1.1.0") });
    assert!(quiet.may_go_alone(), "{quiet}");
    assert!(!step("1.1.0", installed, None).await.may_go_alone(), "nobody says since when");
    assert!(!step("1.1.0", installed, Some(&now.to_string())).await.may_go_alone(), "too fresh");
    assert!(!step("1.1.0", installed, Some("2999-01-01T00:00:00Z")).await.may_go_alone(), "from the future");
    let mut pinned = lock.clone();
    pinned.pin(&id("acme/hello"), true).unwrap();
    assert!(!step("1.1.0", Installed { locked: pinned.plugins.first(), ..installed }, Some(&when)).await.may_go_alone());
    assert!(Plan::due(&pinned, &[]).is_empty() && Plan::due(&pinned, &[id("acme/hello")]).len() == 1);
    let wider = step("1.2.0", installed, Some(&when)).await;
    assert!(!wider.may_go_alone());
    let text = wider.to_string();
    for word in ["update 1.0.0 → 1.2.0", "+ network  https://tracker.example", "more than was granted", "listed for 5 days"] {
        assert!(text.contains(word), "`{word}` is not in:\n{text}");
    }
    assert!(!step("1.1.0", Installed::default(), Some(&when)).await.may_go_alone(), "a new plugin is the owner's to decide");
    assert!(Plan { steps: vec![step("1.0.0", installed, Some(&when)).await] }.is_empty());
    assert_eq!(visit.newer(locked).await.unwrap().unwrap().release.version, version("1.2.0"));
}

#[tokio::test]
async fn one_goes_back_to_what_was_there_but_not_to_what_was_revoked() {
    let world = World::new().await;
    let one = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    install(&world, world.honest(), "acme/hello").await;
    let two = world.publish(&Package::new("acme/hello", "1.1.0").after(&one)).await;
    install(&world, world.honest(), "acme/hello").await;
    world.publish(&Package::new("acme/hello", "1.2.0").after(&two)).await;
    let mut lock = install(&world, world.honest(), "acme/hello").await;
    let hello = id("acme/hello");
    let home = world.home();
    let none = home.advisories("main").unwrap();
    assert_eq!(lock.former(&hello, None, &none).unwrap().version, version("1.1.0"));
    assert_eq!(lock.former(&hello, Some(&version("1.0.0")), &none).unwrap().version, version("1.0.0"));
    says(lock.former(&hello, Some(&version("0.9.0")), &none), &["1.1.0, 1.0.0"]);
    world.author().advise(advisory("1", AdvisoryKind::Revoked, &two), &world.keys(), Timestamp::now()).await.unwrap();
    world.visit(world.honest()).await.unwrap();
    let said = home.advisories("main").unwrap();
    let to = lock.former(&hello, None, &said).unwrap().clone();
    assert_eq!(to.version, version("1.0.0"));
    lock.roll_back(&hello, &to, approval()).unwrap();
    let back = lock.find(&hello).unwrap();
    assert!(back.pinned && back.version == version("1.0.0") && back.former[0].version == version("1.2.0"));
    assert_eq!(home.kept(&back.file).unwrap(), one);
    assert_eq!(lock.needed().len(), 3);
    let mut many = lock.clone();
    for at in 0..2 * FORMER_RELEASES {
        let to = Former { version: version(&format!("3.{at}.0")), release: format!("{at:064x}"), ..to.clone() };
        many.roll_back(&hello, &to, approval()).unwrap();
    }
    assert_eq!(many.find(&hello).unwrap().former.len(), FORMER_RELEASES);
}

#[tokio::test]
async fn another_key_without_the_old_ones_word_is_for_the_owner_to_decide() {
    let world = World::new().await;
    let one = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let lock = install(&world, world.honest(), "acme/hello").await;
    let mut author = world.author();
    says(author.put_publisher(&record("acme", 7), false, &world.keys(), Timestamp::now()).await, &["does not continue", "old key"]);
    author.put_publisher(&record("acme", 7), true, &world.keys(), Timestamp::now()).await.unwrap();
    drop(author);
    world.publish(&Package { seed: 7, ..Package::new("acme/hello", "1.1.0").after(&one) }).await;
    let visit = world.visit(world.honest()).await.unwrap();
    let offer = visit.select(&Wish::parse("acme/hello").unwrap()).await.unwrap();
    let installed = Installed { locked: lock.plugins.first(), ..Installed::default() };
    let step = Step::new(&offer, installed, Some("2026-01-01T00:00:00Z"), Timestamp::now());
    assert!(step.reasons.iter().any(|reason| reason.contains("did not sign for them")), "{step}");
}

#[tokio::test]
async fn what_a_withdrawn_key_signed_is_not_loaded_any_more() {
    let world = World::new().await;
    world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let lock = install(&world, world.honest(), "acme/hello").await;
    let mut record = world.author().publisher("acme").unwrap().unwrap();
    let next = record.next(&[key(2).public()], 1, vec![key(1).public().key_id()], "2026-03-01T00:00:00Z");
    record.statements.push(next.signed(&[&key(1), &key(2)]));
    world.author().put_publisher(&record, false, &world.keys(), Timestamp::now()).await.unwrap();
    let visit = world.visit(world.honest()).await.unwrap();
    says(visit.select(&Wish::parse("acme/hello").unwrap()).await, &["acme/hello 1.0.0", "0 of the keys"]);
    let findings = world.home().audit(&lock);
    assert!(findings[0].blocked && findings[0].said[0].contains("withdrew"), "{findings:?}");
}

#[tokio::test]
async fn whoever_joins_a_publishers_keys_is_shown_and_the_owner_is_asked() {
    let world = World::with(&Default::default(), days_ago(6)).await;
    let one = world.publish_at(&Package::new("acme/hello", "1.0.0"), days_ago(5)).await;
    let lock = install(&world, world.honest(), "acme/hello").await;
    let mut record = world.author().publisher("acme").unwrap().unwrap();
    let next = record.next(&[key(1).public(), key(2).public()], 1, vec![], "2026-03-01T00:00:00Z");
    record.statements.push(next.signed(&[&key(1), &key(2)]));
    world.author().put_publisher(&record, false, &world.keys(), days_ago(5)).await.unwrap();
    world.publish_at(&Package::new("acme/hello", "1.1.0").after(&one), days_ago(5)).await;
    let visit = world.visit(world.honest()).await.unwrap();
    let offer = visit.select(&Wish::parse("acme/hello").unwrap()).await.unwrap();
    let step = |lock: &Lock| {
        let installed = Installed { locked: lock.plugins.first(), ..Installed::default() };
        Step::new(&offer, installed, Some(&days_ago(5).to_string()), Timestamp::now())
    };
    let shown = step(&lock);
    assert!(shown.reasons.iter().any(|reason| reason.contains("changed its keys")) && !shown.may_go_alone(), "{shown}");
    assert_eq!(shown.trusted_keys.len(), 2);
    let line = format!("from then on, {} may sign for acme as well", key(2).public().key_id());
    assert!(shown.to_string().contains(&line), "{shown}");
    // A record that was rolled back to before what was seen is another publisher's, as far as anybody can tell.
    let later = install(&world, world.honest(), "acme/hello").await;
    assert_eq!(step(&later).continuity, Some(Continuity::Same));
    let forgetful = later.to_toml().unwrap().replace(later.plugins[0].statement.as_deref().unwrap(), &"d".repeat(64));
    let forgetful = Lock::parse(&forgetful).unwrap();
    assert_eq!(step(&forgetful).continuity, Some(Continuity::Broken));
    says(visit.locked(&forgetful.plugins[0]).await, &["acme/hello", "does not continue", "plugins.lock"]);
}

#[tokio::test]
async fn a_part_that_somebody_may_still_fetch_is_kept_for_some_days() {
    let world = World::new().await;
    let home = world.home();
    let part = world.path("home/quarantine").join(format!("{}.part", "a".repeat(64)));
    std::fs::write(&part, "half").unwrap();
    assert_eq!(home.prune(&home.lock().unwrap(), &Default::default()).unwrap(), 0);
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(8 * 24 * 3600);
    std::fs::File::options().write(true).open(&part).unwrap().set_modified(long_ago).unwrap();
    assert_eq!(home.prune(&home.lock().unwrap(), &Default::default()).unwrap(), 1);
    assert!(!part.exists());
}
