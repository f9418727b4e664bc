//! kill -9 anywhere in an update: the installed release is there whole, the lockfile is the
//! old one or the new one, and the next try gets to the end.
//!
//! The test starts its own program again as the victim, told apart by environment
//! variables; what the victim fetches and tells ends it at the step that the test names.

use crate::install::approval;
use crate::world::{Package, World, id, version};
use async_trait::async_trait;
use futures_util::StreamExt;
use jiff::Timestamp;
use skynet_registry_client::fetch::{Answer, Fetch, FetchError};
use skynet_registry_client::lock::Origin;
use skynet_registry_client::offer::Wish;
use skynet_registry_client::progress::{Progress, Quiet};
use skynet_registry_client::visit::Freshness;
use skynet_registry_client::{FolderFetch, Home};
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use url::Url;

const VICTIM: &str = "SKYNET_REGISTRY_TEST_VICTIM";
const STEP: &str = "SKYNET_REGISTRY_TEST_STEP";
const KILL: i32 = 9;

/// Burns down step by step, and takes the process with it.
#[derive(Debug)]
struct Fuse(AtomicU64);

impl Fuse {
    fn step(&self) {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        }
    }
}

#[derive(Debug)]
struct Fused {
    folder: FolderFetch,
    fuse: Arc<Fuse>,
}

#[async_trait]
impl Fetch for Fused {
    async fn get(&self, url: &Url, from: u64) -> Result<Answer, FetchError> {
        self.fuse.step();
        let path = url.path().trim_start_matches("/skynet/").to_owned();
        let answer = self.folder.get(&Url::parse(&format!("file:///{path}")).unwrap(), from).await?;
        let fuse = self.fuse.clone();
        let body = answer.body.map(move |piece| {
            fuse.step();
            piece
        });
        Ok(Answer { body: Box::pin(body), ..answer })
    }
}

struct Told(Arc<Fuse>);

impl Progress for Told {
    fn begin(&self, _: &str, _: u64, _: u64) {
        self.0.step();
    }

    fn advance(&self, _: u64) {
        self.0.step();
    }

    fn end(&self) {
        self.0.step();
    }
}

/// Installs the newest release, until the fuse burns.
async fn update(world: &Path, fuse: Arc<Fuse>) {
    let home = Home::open(&world.join("home")).unwrap();
    let lock = home.lock().unwrap();
    let fetch = Arc::new(Fused { folder: FolderFetch::open(&world.join("registry")).unwrap(), fuse: fuse.clone() });
    let visit = home.visit("main", fetch, Freshness::Strict, Timestamp::now()).await.unwrap();
    fuse.step();
    let offer = visit.select(&Wish::parse("acme/hello").unwrap()).await.unwrap();
    let kept = home.fetch(&lock, &visit, &offer, &Told(fuse.clone())).await.unwrap();
    fuse.step();
    let mut locked = home.read_lock().unwrap();
    locked.install(Origin::Listed(&offer), &kept, approval());
    home.write_lock(&lock, &locked).unwrap();
    fuse.step();
}

/// Whether the victim got to the end.
fn run_victim(world: &Path, step: u64) -> bool {
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim.args(["--exact", "crash::an_update_killed_at_any_step_loses_nothing_and_is_finished_by_the_next"]);
    let status = victim.env(VICTIM, world).env(STEP, step.to_string()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success() || status.signal() == Some(KILL), "step {step}: {status}");
    status.success()
}

#[tokio::test]
async fn an_update_killed_at_any_step_loses_nothing_and_is_finished_by_the_next() {
    if let Some(world) = std::env::var_os(VICTIM) {
        let steps = std::env::var(STEP).unwrap().parse().unwrap();
        return update(Path::new(&world), Arc::new(Fuse(AtomicU64::new(steps)))).await;
    }
    let world = World::new().await;
    let hello = id("acme/hello");
    let text = |sign: &str| sign.repeat(150_000);
    let one = world.publish(&Package { text: text("1"), ..Package::new("acme/hello", "1.0.0") }).await;
    update(&world.path(""), Arc::new(Fuse(AtomicU64::new(u64::MAX)))).await;
    let two = world.publish(&Package { text: text("2"), ..Package::new("acme/hello", "1.1.0").after(&one) }).await;
    let mut seen = BTreeSet::new();
    let mut resumed = 0;
    for step in 1.. {
        let scene = tempfile::tempdir().unwrap();
        crate::world::copy(&world.registry(), &scene.path().join("registry"));
        crate::world::copy(&world.path("home"), &scene.path().join("home"));
        let finished = run_victim(scene.path(), step);
        let home = Home::open(&scene.path().join("home")).unwrap();
        let lock = home.read_lock().unwrap();
        let installed = lock.find(&hello).unwrap();
        let expected = if installed.version == version("1.0.0") { &one } else { &two };
        assert_eq!(home.kept(&installed.file).unwrap(), *expected, "step {step}");
        assert!(lock.needed().iter().all(|file| home.keeps(file)), "step {step}");
        home.memory("main").unwrap();
        seen.insert(installed.version.to_string());
        resumed += usize::from(
            std::fs::read_dir(scene.path().join("home/quarantine")).unwrap().any(|entry| entry.unwrap().metadata().unwrap().len() > 0),
        );
        update(scene.path(), Arc::new(Fuse(AtomicU64::new(u64::MAX)))).await;
        let lock = home.read_lock().unwrap();
        let installed = lock.find(&hello).unwrap();
        assert_eq!((installed.version.clone(), home.kept(&installed.file).unwrap()), (version("1.1.0"), two.clone()), "step {step}");
        home.prune(&home.lock().unwrap(), &lock.needed()).unwrap();
        assert!(std::fs::read_dir(scene.path().join("home/quarantine")).unwrap().next().is_none());
        if finished {
            break;
        }
    }
    assert_eq!(seen, BTreeSet::from(["1.0.0".to_owned(), "1.1.0".to_owned()]), "the kill came before and after the change");
    assert!(resumed > 0, "the kill never left a part of a component");
}

#[tokio::test]
async fn a_file_that_was_kept_before_its_part_was_taken_away_is_no_harm() {
    let world = World::new().await;
    let file = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let component = skynet_policy::release::split(&file).unwrap().component.to_vec();
    let home = world.home();
    std::fs::write(world.path("home/quarantine").join(format!("{}.part", skynet_policy::sha256_hex(&component))), &component).unwrap();
    std::fs::write(world.path("home/store/sha256").join(skynet_policy::sha256_hex(&file)), &file).unwrap();
    let lock = home.lock().unwrap();
    let visit = world.visit(world.honest()).await.unwrap();
    let offer = visit.select(&Wish::parse("acme/hello").unwrap()).await.unwrap();
    let kept = home.fetch(&lock, &visit, &offer, &Quiet).await.unwrap();
    assert_eq!(home.kept(&kept.sha256).unwrap(), file);
}
