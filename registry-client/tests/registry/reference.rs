//! The reference implementation of TUF reads what is published here, and refuses what
//! is refused here. `.ci/tuf.sh` installs it and says where its Python is.

use crate::world::{Package, World, files};
use jiff::Timestamp;
use skynet_registry_client::author::Setup;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use tough::schema::RoleType;

/// What it believes, or what it says.
fn read(registry: &Path, root: &Path) -> Result<serde_json::Value, String> {
    let python = std::env::var_os("SKYNET_TUF_PYTHON").expect("SKYNET_TUF_PYTHON is not set; run .ci/tuf.sh");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry/reference.py");
    let work = tempfile::tempdir().unwrap();
    let ran = Command::new(python).arg(script).args([registry, root, work.path()]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    if ran.status.success() { Ok(serde_json::from_slice(&ran.stdout).unwrap()) } else { Err(said) }
}

#[tokio::test]
async fn the_reference_client_reads_the_same_and_refuses_the_same() {
    let world = World::with(&Setup::public(), Timestamp::now()).await;
    let first = world.path("first.root.json");
    std::fs::copy(world.path("registry/metadata/1.root.json"), &first).unwrap();
    let one = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    let (keys, new) = (world.path("keys"), world.path("new"));
    let now = Timestamp::now();
    world.author().rotate(&[RoleType::Root, RoleType::Timestamp], &new, &[&keys], now).await.unwrap();
    let both = skynet_registry_client::author::Keys::load(&[&keys, &new]).unwrap();
    let two = Package::new("acme/hello", "1.1.0").after(&one).file();
    world.author().publish(&two, Default::default(), &both, now).await.unwrap();
    world.author().refresh(&both, now).await.unwrap();

    let believed = read(&world.registry(), &first).unwrap();
    let visit = world.visit(world.honest()).await.unwrap();
    let ours: BTreeMap<String, String> = visit.listed().map(|(target, digest, _)| (target.to_string(), digest.to_owned())).collect();
    assert_eq!(believed["targets"], serde_json::to_value(ours).unwrap());
    let seen = serde_json::to_value(world.home().memory("main").unwrap().seen).unwrap();
    assert_eq!(believed["versions"], seen);

    for (name, bytes) in
        files(&world.registry()).into_iter().filter(|(name, _)| name.starts_with("targets/") || name.ends_with("timestamp.json"))
    {
        let path = world.registry().join(&name);
        let mut evil = bytes.clone();
        let at = evil.len() / 2;
        evil[at] ^= 1;
        std::fs::write(&path, evil).unwrap();
        let listed = visit.listed().any(|(target, digest, _)| name == format!("targets/{digest}.{target}"));
        assert_eq!(read(&world.registry(), &first).is_err(), listed || name.ends_with("timestamp.json"), "{name}");
        std::fs::write(&path, bytes).unwrap();
    }
    read(&world.registry(), &first).unwrap();
}
