//! A keeper, a publisher and a client in one scratch folder, and a server that lies.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use skynet_core::PluginId;
use skynet_policy::permission::{NetRule, Permissions};
use skynet_policy::registry::publisher::{KeyStatement, PublisherRecord};
use skynet_policy::release::{ComponentDigest, Release, WitDeclaration, join, split};
use skynet_policy::sha256_hex;
use skynet_policy::signature::{SecretKey, sign_release};
use skynet_registry_client::author::{Author, Expiries, Keys, Setup, Warrant};
use skynet_registry_client::fetch::{Answer, Fetch, FetchError};
use skynet_registry_client::home::RootTrust;
use skynet_registry_client::places::Place;
use skynet_registry_client::visit::{Freshness, Visit};
use skynet_registry_client::{FolderFetch, Home, RegistryError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use url::Url;

pub(crate) const SERVER: &str = "https://registry.example/skynet/";

pub(crate) fn id(text: &str) -> PluginId {
    PluginId::new(text).unwrap()
}

pub(crate) fn version(text: &str) -> semver::Version {
    semver::Version::parse(text).unwrap()
}

pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

pub(crate) fn days_ago(days: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(24 * days)
}

/// A component that no engine would run, with something of its own in it.
fn component(text: &str) -> Vec<u8> {
    let name = b"filler";
    let mut body = vec![u8::try_from(name.len()).unwrap()];
    body.extend(name);
    body.extend(text.as_bytes());
    let mut size = body.len();
    let mut file = b"\0asm\x0d\0\x01\0\0".to_vec();
    while size >= 0x80 {
        file.push(u8::try_from(size & 0x7f).unwrap() | 0x80);
        size >>= 7;
    }
    file.push(u8::try_from(size).unwrap());
    file.extend(body);
    file
}

/// A plugin file as its publisher would hand it in.
#[derive(Clone)]
pub(crate) struct Package {
    pub(crate) id: &'static str,
    pub(crate) version: &'static str,
    pub(crate) text: String,
    pub(crate) net: Vec<&'static str>,
    pub(crate) prev: Option<String>,
    pub(crate) seed: u8,
}

impl Package {
    pub(crate) fn new(id: &'static str, version: &'static str) -> Self {
        Self { id, version, text: format!("{id} {version}"), net: Vec::new(), prev: None, seed: 1 }
    }

    pub(crate) fn after(self, file: &[u8]) -> Self {
        Self { prev: Some(sha256_hex(split(file).unwrap().release_json)), ..self }
    }

    pub(crate) fn release(&self) -> Release {
        let component = component(&self.text);
        let net = self.net.iter().map(|rule| NetRule::parse(rule).unwrap()).collect();
        Release {
            schema: 1,
            id: id(self.id),
            version: version(self.version),
            component: ComponentDigest { sha256: sha256_hex(&component), size: u64::try_from(component.len()).unwrap() },
            wit: WitDeclaration {
                world: "tool-plugin".into(),
                range: "^0.1.0".into(),
                imports: vec![],
                exports: vec!["skynet:plugin/tool@0.1.0".into()],
            },
            permissions: Permissions { net, ..Permissions::default() },
            summary: format!("Does {}", self.id),
            prev: self.prev.clone(),
            created: "2026-01-01T00:00:00Z".into(),
            files: vec![],
            config_schema: None,
            tools: vec![],
        }
    }

    pub(crate) fn file(&self) -> Vec<u8> {
        self.file_with(&self.release())
    }

    pub(crate) fn file_with(&self, release: &Release) -> Vec<u8> {
        let json = release.to_bytes();
        join(&component(&self.text), &json, &sign_release(&key(self.seed), &json).to_bytes())
    }
}

pub(crate) fn record(namespace: &str, seed: u8) -> PublisherRecord {
    let statement = KeyStatement::first(namespace, &[key(seed).public()], 1, "2026-01-01T00:00:00Z");
    PublisherRecord::new(namespace, Some("mail@example.org"), statement.signed(&[&key(seed)]))
}

/// All of them.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// A registry with the namespace acme, and a client that knows it.
    pub(crate) async fn new() -> Self {
        Self::with(&Setup::default(), Timestamp::now()).await
    }

    pub(crate) async fn with(setup: &Setup, now: Timestamp) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        let mut author = Author::init(&world.registry(), &world.path("keys"), setup, now).await.unwrap();
        author.put_publisher(&record("acme", 1), false, &world.keys(), now).await.unwrap();
        let root = author.root().unwrap().1;
        drop(author);
        let home = world.home();
        let place = Place {
            name: "main".into(),
            url: Some(SERVER.into()),
            folder: None,
            namespaces: vec!["acme".into()],
            private: false,
            ca: None,
        };
        home.add(&home.lock().unwrap(), place, RootTrust::Bytes(root), world.honest()).await.unwrap();
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn registry(&self) -> PathBuf {
        self.path("registry")
    }

    pub(crate) fn home(&self) -> Home {
        Home::open(&self.path("home")).unwrap()
    }

    pub(crate) fn keys(&self) -> Keys {
        Keys::load(&[&self.path("keys")]).unwrap()
    }

    pub(crate) fn author(&self) -> Author {
        Author::open(&self.registry()).unwrap()
    }

    /// A server that serves the registry's folder.
    pub(crate) fn honest(&self) -> Arc<Server> {
        Server::new(&self.registry())
    }

    pub(crate) async fn publish(&self, package: &Package) -> Vec<u8> {
        self.publish_at(package, Timestamp::now()).await
    }

    pub(crate) async fn publish_at(&self, package: &Package, now: Timestamp) -> Vec<u8> {
        let file = package.file();
        self.author().publish(&file, Warrant::default(), &self.keys(), now).await.unwrap();
        file
    }

    pub(crate) async fn visit(&self, server: Arc<Server>) -> Result<Visit, RegistryError> {
        self.home().visit("main", server, Freshness::Strict, Timestamp::now()).await
    }

    /// Copies the registry as it is now.
    pub(crate) fn copy(&self, name: &str) -> PathBuf {
        let to = self.path(name);
        copy(&self.registry(), &to);
        to
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

pub(crate) fn long() -> Expiries {
    Expiries { root: 3650, targets: 3650, snapshot: 3650, timestamp: 3650 }
}

/// What a lie answers to a path; `None` lets the truth through.
type Lie = Box<dyn Fn(&str, u64) -> Option<Answer> + Send + Sync>;

/// A registry's server.
pub(crate) struct Server {
    folder: FolderFetch,
    lies: Mutex<Vec<Lie>>,
    pub(crate) asked: Mutex<Vec<(String, u64)>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

impl Server {
    pub(crate) fn new(folder: &Path) -> Arc<Self> {
        let folder = FolderFetch::open(folder).unwrap();
        Arc::new(Self { folder, lies: Mutex::default(), asked: Mutex::default() })
    }

    pub(crate) fn lie(self: &Arc<Self>, lie: impl Fn(&str, u64) -> Option<Answer> + Send + Sync + 'static) -> Arc<Self> {
        self.lies.lock().unwrap().push(Box::new(lie));
        self.clone()
    }

    /// Serves other bytes for the first path that holds `part`.
    pub(crate) fn swap(
        self: &Arc<Self>,
        part: &'static str,
        change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
        folder: &Path,
    ) -> Arc<Self> {
        let folder = folder.to_owned();
        self.lie(move |path, _| path.contains(part).then(|| whole(change(std::fs::read(folder.join(path)).unwrap()))))
    }

    pub(crate) fn count(&self, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|(path, _)| path.contains(part)).count()
    }
}

pub(crate) fn status(status: u16, location: Option<&str>) -> Answer {
    Answer { status, location: location.map(Into::into), start: None, length: Some(0), body: Box::pin(futures_util::stream::empty()) }
}

pub(crate) fn whole(bytes: Vec<u8>) -> Answer {
    pieces(vec![Ok(bytes)])
}

/// A whole file, in pieces; an `Err` breaks the connection.
pub(crate) fn pieces(parts: Vec<Result<Vec<u8>, ()>>) -> Answer {
    let parts = parts.into_iter().map(|part| part.map(Bytes::from).map_err(|()| FetchError("the connection broke".into())));
    Answer { status: 200, location: None, start: None, length: None, body: Box::pin(futures_util::stream::iter(parts.collect::<Vec<_>>())) }
}

#[async_trait]
impl Fetch for Server {
    async fn get(&self, url: &Url, from: u64) -> Result<Answer, FetchError> {
        let base = Url::parse(SERVER).unwrap();
        let path = url.path().strip_prefix(base.path()).unwrap_or(url.path()).to_owned();
        self.asked.lock().unwrap().push((path.clone(), from));
        if let Some(answer) = self.lies.lock().unwrap().iter().find_map(|lie| lie(&path, from)) {
            return Ok(answer);
        }
        self.folder.get(&Url::parse(&format!("file:///{path}")).unwrap(), from).await
    }
}

/// Every file below a folder, by its path.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

pub(crate) fn says<T: std::fmt::Debug, E: std::fmt::Display>(result: Result<T, E>, words: &[&str]) {
    let error = match result {
        Ok(value) => panic!("accepted: {value:?}"),
        Err(error) => error.to_string(),
    };
    for word in words {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
}
