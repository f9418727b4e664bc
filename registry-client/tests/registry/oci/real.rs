//! The registry that most others are built from, as `.ci/oci.sh` unpacked it, on a free
//! loopback port, with its blobs in a scratch folder.

use super::{acme, at, bare, hello, pull, trusting};
use crate::loopback::Loopback;
use crate::world::{Package, World, key, says};
use skynet_policy::{release, sha256_hex};
use skynet_registry_client::oci::{CONFIG, Login, Oci};
use skynet_registry_client::progress::Quiet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// `pass word`, as htpasswd keeps it.
const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuIt/9/tGzLcigNq/.RWIDjeEVR30RSf.";

/// A running registry; ends with this value.
struct Server {
    child: Child,
    address: String,
    blobs: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(folder: &Path, auth: bool) -> Self {
        let program = std::env::var_os("SKYNET_OCI_REGISTRY").expect("SKYNET_OCI_REGISTRY is not set; run .ci/oci.sh");
        std::fs::create_dir_all(folder).unwrap();
        let (config, blobs, people) = (folder.join("config.yml"), folder.join("blobs"), folder.join("htpasswd"));
        std::fs::write(&people, format!("keeper:{HASH}\n")).unwrap();
        let auth = if auth { format!("auth:\n  htpasswd:\n    realm: plugins\n    path: {}\n", people.display()) } else { String::new() };
        let text = format!(
            "version: 0.1\nlog:\n  level: info\n  formatter: json\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n  secret: s\n{auth}",
            blobs.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new(program).arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // It says where it listens; the rest is read so that it never waits for us.
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let said: serde_json::Value = serde_json::from_str(&line).ok()?;
            said["msg"].as_str()?.strip_prefix("listening on ").map(|rest| rest.trim_end_matches(", tls").to_owned())
        });
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.expect("the registry ended before it listened"), blobs }
    }

    fn repository(&self, rest: &str, login: Option<Login>) -> Oci {
        at(Arc::new(Loopback), &format!("oci://{}/{rest}", self.address), login)
    }

    /// The file of a blob on the server's disk.
    fn blob(&self, sha256: &str) -> PathBuf {
        self.blobs.join(format!("docker/registry/v2/blobs/sha256/{}/{sha256}/data", &sha256[..2]))
    }
}

#[tokio::test]
async fn a_plugin_goes_there_and_comes_back_byte_for_byte() {
    let world = World::new().await;
    let server = Server::start(&world.path("oci"), false);
    let file = hello();
    let repository = server.repository("acme/hello", None);
    let pushed = repository.push(&file, false, &Quiet).await.unwrap();
    assert!(!pushed.there);
    assert!(pushed.reference.to_string().contains("/acme/hello:1.0.0@sha256:"), "its version is its tag: {}", pushed.reference);
    assert!(repository.push(&file, false, &Quiet).await.unwrap().there, "the same again is no news");

    let home = bare(&world);
    for reference in ["acme/hello:1.0.0".to_owned(), format!("acme/hello@sha256:{}", pushed.reference.digest().unwrap())] {
        let pulled = pull(&home, &server.repository(&reference, None), &acme()).await.unwrap();
        assert_eq!(std::fs::read(pulled.kept.path).unwrap(), file);
        assert_eq!((pulled.release.id.as_str(), pulled.signers), ("acme/hello", vec![key(1).public().key_id()]));
    }
    says(server.repository("acme/hello:2.0.0", None).resolve().await, &["acme/hello:2.0.0", "not found"]);

    // What other tools see: one component with the media types of the CNCF, under its own digest.
    let found = server.repository("acme/hello:1.0.0", None).resolve().await.unwrap();
    assert_eq!((found.file(), found.size()), (sha256_hex(&file).as_str(), u64::try_from(file.len()).unwrap()));
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(server.blob(&found.manifest)).unwrap()).unwrap();
    assert_eq!(manifest["config"]["mediaType"], CONFIG);
    let config = manifest["config"]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let config: serde_json::Value = serde_json::from_slice(&std::fs::read(server.blob(config)).unwrap()).unwrap();
    assert_eq!((config["architecture"].as_str(), config["os"].as_str()), (Some("wasm"), Some("wasip2")));
    assert_eq!(config["layerDigests"][0], format!("sha256:{}", found.file()));
}

#[tokio::test]
async fn being_there_is_no_reason_to_be_trusted() {
    let world = World::new().await;
    let server = Server::start(&world.path("oci"), false);
    server.repository("acme/hello:1", None).push(&hello(), false, &Quiet).await.unwrap();
    let oci = server.repository("acme/hello:1", None);
    let home = bare(&world);
    says(pull(&home, &oci, &Default::default()).await, &["acme/hello:1", "skynet key trust"]);
    says(pull(&home, &oci, &trusting(&key(9).public(), &["acme"])).await, &["skynet key trust"]);
    says(pull(&home, &oci, &trusting(&key(1).public(), &["bobby"])).await, &["acme", "skynet key trust"]);
    let left: Vec<_> = crate::world::files(&world.path("bare")).into_keys().filter(|name| !name.ends_with(".lock")).collect();
    assert_eq!(left, Vec::<String>::new(), "nothing of what was refused stays");
    let unsigned = {
        let file = hello();
        let parts = release::split(&file).unwrap();
        release::join(parts.component, parts.release_json, &skynet_policy::signature::Signatures::none().to_bytes())
    };
    says(server.repository("acme/bare", None).push(&unsigned, false, &Quiet).await, &["not signed", "skynet plugin sign"]);
    pull(&home, &oci, &acme()).await.unwrap();
}

#[tokio::test]
async fn what_the_namespaces_registry_withdrew_does_not_come_in_by_another_door() {
    use skynet_policy::registry::advisories::{Advisory, AdvisoryKind};
    let world = World::new().await;
    let server = Server::start(&world.path("oci"), false);
    let file = world.publish(&Package::new("acme/hello", "1.0.0")).await;
    server.repository("acme/hello:1", None).push(&file, false, &Quiet).await.unwrap();
    let oci = server.repository("acme/hello:1", None);
    pull(&world.home(), &oci, &acme()).await.unwrap();
    let withdrawn = Advisory {
        id: "1".into(),
        kind: AdvisoryKind::Yanked,
        plugin: None,
        release: Some(sha256_hex(release::split(&file).unwrap().release_json)),
        key: None,
        reason: "it leaks".into(),
        created: "2026-01-01T00:00:00Z".into(),
    };
    world.author().advise(withdrawn, &world.keys(), jiff::Timestamp::now()).await.unwrap();
    world.visit(world.honest()).await.unwrap();
    says(pull(&world.home(), &oci, &acme()).await, &["registry `main`", "it leaks"]);
    pull(&bare(&world), &oci, &acme()).await.unwrap();
}

#[tokio::test]
async fn a_blob_that_was_changed_on_the_server_is_refused() {
    let world = World::new().await;
    let server = Server::start(&world.path("oci"), false);
    let file = hello();
    server.repository("acme/hello:1", None).push(&file, false, &Quiet).await.unwrap();
    let path = server.blob(&sha256_hex(&file));
    let home = bare(&world);
    let check = async |bytes: Vec<u8>, words: &[&str]| {
        std::fs::write(&path, bytes).unwrap();
        says(pull(&home, &server.repository("acme/hello:1", None), &acme()).await, words);
    };
    let mut evil = file.clone();
    evil[20] ^= 1;
    check(evil, &["sha256"]).await;
    check([file.clone(), b"more".to_vec()].concat(), &["more than"]).await;
    // Another plugin of the same publisher, signed and whole, in its place.
    check(Package::new("acme/other", "1.0.0").file(), &["acme/hello:1"]).await;
    // What came of a blob that was cut short is kept, and goes on once it is whole again.
    check(file[..40].to_vec(), &["could not be fetched", "416"]).await;
    let part = world.path("bare/quarantine").join(format!("{}.part", sha256_hex(&file)));
    assert_eq!(std::fs::read(&part).unwrap(), file[..40]);
    std::fs::write(&path, &file).unwrap();
    pull(&home, &server.repository("acme/hello:1", None), &acme()).await.unwrap();
    assert!(!part.exists());
}

#[tokio::test]
async fn a_tag_that_is_moved_after_it_was_read_changes_nothing() {
    let world = World::new().await;
    let server = Server::start(&world.path("oci"), false);
    let (one, two) = (hello(), Package { text: "two".into(), ..Package::new("acme/hello", "2.0.0") }.file());
    let latest = server.repository("acme/hello:latest", None);
    latest.push(&one, false, &Quiet).await.unwrap();
    let found = latest.resolve().await.unwrap();
    says(latest.push(&two, false, &Quiet).await, &["acme/hello:latest", "names something else", "--move-tag"]);
    latest.push(&two, true, &Quiet).await.unwrap();
    let home = bare(&world);
    let pulled = home.pull(&home.lock().unwrap(), &latest, &found, &acme(), &Quiet).await.unwrap();
    assert_eq!(pulled.release.version.to_string(), "1.0.0");
    let again = pull(&home, &at(Arc::new(Loopback), &found.reference.to_string(), None), &acme()).await.unwrap();
    assert_eq!(again.release.version.to_string(), "1.0.0", "tag and digest: the digest counts");
    assert_eq!(pull(&home, &latest, &acme()).await.unwrap().release.version.to_string(), "2.0.0");
}

#[tokio::test]
async fn a_server_that_wants_a_password_gets_the_one_of_its_account() {
    let world = World::new().await;
    let server = Server::start(&world.path("oci"), true);
    let login = |password: &str| Some(Login { user: "keeper".into(), password: password.into(), token_host: None });
    let file = hello();
    says(server.repository("acme/hello", None).push(&file, false, &Quiet).await, &["user and a password", "--user"]);
    says(server.repository("acme/hello", login("wrong")).push(&file, false, &Quiet).await, &["401"]);
    server.repository("acme/hello", login("pass word")).push(&file, false, &Quiet).await.unwrap();
    let home = bare(&world);
    says(pull(&home, &server.repository("acme/hello:1.0.0", None), &acme()).await, &["--user"]);
    pull(&home, &server.repository("acme/hello:1.0.0", login("pass word")), &acme()).await.unwrap();
}
