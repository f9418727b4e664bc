//! Components that break off, lie, or are too large: continued or refused, and in the
//! end byte for byte what was signed.

use crate::world::{Package, Server, World, files, pieces, says, status, whole};
use skynet_registry_client::fetch::Answer;
use skynet_registry_client::offer::Wish;
use skynet_registry_client::progress::{Progress, Quiet};
use skynet_registry_client::shelf::Kept;
use skynet_registry_client::{RegistryError, limits};
use std::sync::{Arc, Mutex};

/// Large enough for several pieces.
async fn large() -> (World, Vec<u8>, Vec<u8>) {
    let world = World::new().await;
    let text: String = (0..30_000).map(|at| format!("{at},")).collect();
    let file = world.publish(&Package { text, ..Package::new("acme/hello", "1.0.0") }).await;
    let component = skynet_policy::release::split(&file).unwrap().component.to_vec();
    (world, file, component)
}

async fn fetch(world: &World, server: Arc<Server>, progress: &dyn Progress) -> Result<Kept, RegistryError> {
    let home = world.home();
    let lock = home.lock()?;
    let visit = world.visit(server).await?;
    let offer = visit.select(&Wish::parse("acme/hello")?).await?;
    home.fetch(&lock, &visit, &offer, progress).await
}

fn parts(world: &World) -> Vec<Vec<u8>> {
    files(&world.path("home/quarantine")).into_values().collect()
}

#[derive(Default)]
struct Told(Mutex<Vec<(u64, u64)>>);

impl Progress for Told {
    fn begin(&self, what: &str, total: u64, there: u64) {
        assert_eq!(what, "acme/hello 1.0.0");
        self.0.lock().unwrap().push((total, there));
    }

    fn advance(&self, bytes: u64) {
        self.0.lock().unwrap().last_mut().unwrap().1 += bytes;
    }

    fn end(&self) {}
}

#[tokio::test]
async fn what_broke_off_is_continued_where_it_ended() {
    let (world, file, component) = large().await;
    let half = component.len() / 2;
    let start = component[..half].to_vec();
    let broken =
        world.honest().lie(move |path, from| (path.starts_with("blobs/") && from == 0).then(|| pieces(vec![Ok(start.clone()), Err(())])));
    let told = Told::default();
    let kept = fetch(&world, broken.clone(), &told).await.unwrap();
    assert_eq!(std::fs::read(kept.path).unwrap(), file);
    let asked: Vec<u64> =
        broken.asked.lock().unwrap().iter().filter(|(path, _)| path.starts_with("blobs/")).map(|(_, from)| *from).collect();
    assert_eq!(asked, [0, u64::try_from(half).unwrap()]);
    let size = u64::try_from(component.len()).unwrap();
    assert_eq!(*told.0.lock().unwrap(), [(size, size)]);
}

#[tokio::test]
async fn what_broke_off_for_good_is_continued_by_a_later_try() {
    let (world, file, component) = large().await;
    let start = component[..1000].to_vec();
    let gone = world.honest().lie(move |path, from| match (path.starts_with("blobs/"), from) {
        (true, 0) => Some(pieces(vec![Ok(start.clone()), Err(())])),
        (true, _) => Some(status(503, None)),
        _ => None,
    });
    says(fetch(&world, gone, &Quiet).await, &["acme/hello 1.0.0", "503", "Nothing was changed", "try again"]);
    assert_eq!(parts(&world), [component[..1000].to_vec()]);
    let told = Told::default();
    let server = world.honest();
    let kept = fetch(&world, server.clone(), &told).await.unwrap();
    assert_eq!(std::fs::read(kept.path).unwrap(), file);
    assert_eq!(server.asked.lock().unwrap().last().unwrap().1, 1000);
    let size = u64::try_from(component.len()).unwrap();
    assert_eq!(*told.0.lock().unwrap(), [(size, size)]);
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_drips_is_left_and_another_goes_on_where_it_was() {
    let (world, file, component) = large().await;
    let all = component.clone();
    let drips = world.honest().lie(move |path, from| {
        let rest = all[usize::try_from(from).unwrap()..].to_vec();
        let start = (from > 0).then_some(from);
        let body = futures_util::stream::unfold(rest.into_iter(), |mut rest| async move {
            tokio::time::sleep(std::time::Duration::from_secs(10)).await;
            Some((Ok(bytes::Bytes::from(vec![rest.next()?])), rest))
        });
        let status = if from > 0 { 206 } else { 200 };
        path.starts_with("blobs/").then(|| Answer { status, location: None, start, length: None, body: Box::pin(body) })
    });
    let began = tokio::time::Instant::now();
    says(fetch(&world, drips, &Quiet).await, &["acme/hello 1.0.0", "only 6 bytes came in 60 s", "another mirror"]);
    assert!(began.elapsed() < std::time::Duration::from_secs(600), "{:?}", began.elapsed());
    let server = world.honest();
    let kept = fetch(&world, server.clone(), &Quiet).await.unwrap();
    assert_eq!(std::fs::read(kept.path).unwrap(), file);
    let asked = server.asked.lock().unwrap().last().unwrap().1;
    assert!(asked > 0, "it begins at {asked}");
}

#[tokio::test]
async fn what_lies_there_from_before_is_hashed_again_and_replaced_when_it_is_wrong() {
    let (world, file, component) = large().await;
    let name = format!("{}.part", skynet_policy::sha256_hex(&component));
    for wrong in [vec![b'?'; 1000], vec![b'?'; component.len()], vec![b'?'; component.len() + 1]] {
        world.home();
        std::fs::write(world.path("home/quarantine").join(&name), wrong).unwrap();
        let kept = fetch(&world, world.honest(), &Quiet).await.unwrap();
        assert_eq!(std::fs::read(kept.path).unwrap(), file);
    }
    std::fs::write(world.path("home/quarantine").join(&name), &component).unwrap();
    let server = world.honest();
    fetch(&world, server.clone(), &Quiet).await.unwrap();
    assert_eq!(server.count("blobs/"), 0, "it was whole");
}

#[tokio::test]
async fn a_server_without_ranges_begins_anew() {
    let (world, file, component) = large().await;
    let (start, all) = (component[..1000].to_vec(), component.clone());
    let server = world.honest().lie(move |path, from| match (path.starts_with("blobs/"), from) {
        (true, 0) => Some(pieces(vec![Ok(start.clone()), Err(())])),
        (true, _) => Some(whole(all.clone())),
        _ => None,
    });
    let kept = fetch(&world, server, &Quiet).await.unwrap();
    assert_eq!(std::fs::read(kept.path).unwrap(), file);
}

#[tokio::test]
async fn any_other_byte_and_any_byte_more_is_refused_and_nothing_of_it_kept() {
    let (world, file, component) = large().await;
    let mut other = component.clone();
    other[5000] ^= 1;
    let longer = [component.clone(), b"x".to_vec()].concat();
    for (evil, word) in [(other, "sha256"), (longer, "more than"), (vec![0; component.len()], "sha256")] {
        let server = world.honest().lie(move |path, _| path.starts_with("blobs/").then(|| whole(evil.clone())));
        says(fetch(&world, server, &Quiet).await, &["acme/hello 1.0.0", word, "another mirror", "Nothing was changed"]);
        assert!(parts(&world).is_empty() && files(&world.path("home/store")).is_empty());
    }
    let endless = world.honest().lie(|path, _| {
        let zeros = || futures_util::stream::repeat_with(|| Ok(vec![0u8; 1 << 16].into()));
        path.starts_with("blobs/").then(|| Answer { status: 200, location: None, start: None, length: None, body: Box::pin(zeros()) })
    });
    says(fetch(&world, endless, &Quiet).await, &["more than"]);
    assert_eq!(std::fs::read(fetch(&world, world.honest(), &Quiet).await.unwrap().path).unwrap(), file);
}

#[tokio::test]
async fn a_server_that_gives_a_byte_at_a_time_and_breaks_off_is_not_asked_for_ever() {
    let (world, _, component) = large().await;
    let stingy = world.honest().lie(move |path, from| {
        let at = usize::try_from(from).unwrap();
        path.starts_with("blobs/").then(|| {
            let partial = if at == 0 { (200, None) } else { (206, Some(from)) };
            Answer { status: partial.0, start: partial.1, ..pieces(vec![Ok(component[at..=at].to_vec()), Err(())]) }
        })
    });
    says(fetch(&world, stingy.clone(), &Quiet).await, &["connection broke"]);
    assert_eq!(stingy.count("blobs/"), limits::ATTEMPTS);
}

#[tokio::test]
async fn a_file_that_was_changed_in_the_store_is_not_handed_out_and_is_replaced() {
    let (world, file, _) = large().await;
    let kept = fetch(&world, world.honest(), &Quiet).await.unwrap();
    std::fs::remove_file(&kept.path).unwrap();
    std::fs::write(&kept.path, "something else").unwrap();
    let home = world.home();
    says(home.kept(&kept.sha256), &["changed or damaged", "--locked"]);
    says(home.kept("../../keys/root-1.key"), &["no digest"]);
    fetch(&world, world.honest(), &Quiet).await.unwrap();
    assert_eq!(home.kept(&kept.sha256).unwrap(), file);
}

#[tokio::test]
async fn two_changes_at_a_time_are_refused() {
    let world = World::new().await;
    let home = world.home();
    let held = home.lock().unwrap();
    says(home.lock(), &["another process"]);
    drop(held);
    home.lock().unwrap();
}
