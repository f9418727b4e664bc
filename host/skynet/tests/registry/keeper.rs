//! A keeper with a registry, a publisher, and a household that knows both.

use crate::household::{Household, guest};
use crate::server::Server;
use jiff::{SignedDuration, Timestamp};
use skynet_core::PluginId;
use skynet_policy::registry::advisories::{Advisory, AdvisoryKind};
use skynet_policy::registry::publisher::{KeyStatement, PublisherRecord};
use skynet_policy::release::{Release, join, split};
use skynet_policy::sha256_hex;
use skynet_policy::signature::{SecretKey, sign_release};
use skynet_registry_client::author::{Author, Keys, Setup, Warrant};
use std::path::PathBuf;

pub(crate) const CLOCK: &str = "acme/clock";

/// A permission that the component does not use: what counts here is that it is asked.
pub(crate) const NET: &str = "\n[permissions]\nnet = [{ url = \"https://time.example.org\", methods = [\"GET\"] }]\n";

pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

pub(crate) fn days_ago(days: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(24 * days)
}

pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

pub(crate) struct Keeper {
    pub(crate) home: Household,
    pub(crate) server: Server,
    folder: tempfile::TempDir,
    last: std::cell::RefCell<Option<String>>,
}

impl Keeper {
    /// A registry with the namespace acme that was signed now, known to the household as `main`.
    pub(crate) fn new() -> Self {
        Self::since(Timestamp::now())
    }

    /// The same, signed then.
    pub(crate) fn since(then: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = folder.path().join("registry");
        let author = wait(Author::init(&registry, &folder.path().join("keys"), &Setup::default(), then)).unwrap();
        std::fs::write(folder.path().join("root.json"), author.root().unwrap().1).unwrap();
        drop(author);
        let keeper = Self { home: Household::new(), server: Server::of(&registry), folder, last: std::cell::RefCell::default() };
        keeper.publisher_at("acme", 1, then);
        // What a test does not do, nobody does.
        keeper.home.run(&["config", "set", "registries.check", "false"]).done();
        keeper
            .home
            .run(&["registry", "add", &keeper.server.url(), "--name", "main", "--root", &keeper.root(), "--namespace", "acme"])
            .done();
        keeper
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn root(&self) -> String {
        self.path("root.json").to_str().unwrap().to_owned()
    }

    pub(crate) fn author(&self) -> Author {
        Author::open(&self.path("registry")).unwrap()
    }

    pub(crate) fn keys(&self) -> Keys {
        Keys::load(&[&self.path("keys")]).unwrap()
    }

    pub(crate) fn publisher_at(&self, namespace: &str, seed: u8, then: Timestamp) {
        let statement = KeyStatement::first(namespace, &[key(seed).public()], 1, "2026-01-01T00:00:00Z");
        let record = PublisherRecord::new(namespace, None, statement.signed(&[&key(seed)]));
        wait(self.author().put_publisher(&record, false, &self.keys(), then)).unwrap();
    }

    /// The publisher of acme names a second key from now on.
    pub(crate) fn joined_by(&self, seed: u8) {
        let mut record = self.author().publisher("acme").unwrap().unwrap();
        let next = record.next(&[key(1).public(), key(seed).public()], 1, Vec::new(), "2026-01-02T00:00:00Z");
        record.statements.push(next.signed(&[&key(1), &key(seed)]));
        wait(self.author().put_publisher(&record, false, &self.keys(), Timestamp::now())).unwrap();
    }

    /// A plugin file of the publisher's: the time tool under another name.
    pub(crate) fn file(&self, id: &str, version: &str, permissions: &str, seed: u8) -> Vec<u8> {
        let manifest = format!(
            "schema = 1\nid = \"{id}\"\nversion = \"{version}\"\nsummary = \"Tells the time.\"\nworld = \"tool-plugin\"\nwit = \"^0.1.0\"\n{permissions}"
        );
        let (path, packed) = (self.path("plugin.toml"), self.path("packed.wasm"));
        std::fs::write(&path, manifest).unwrap();
        self.home.pack(&guest("tool-time"), &path, &packed);
        let file = std::fs::read(packed).unwrap();
        let parts = split(&file).unwrap();
        let release = Release { prev: self.last.borrow().clone(), ..Release::parse(parts.release_json).unwrap() };
        let json = release.to_bytes();
        join(parts.component, &json, &sign_release(&key(seed), &json).to_bytes())
    }

    /// Publishes a version of the clock; gives the digest of its release.
    pub(crate) fn publish(&self, version: &str, permissions: &str) -> String {
        self.publish_at(version, permissions, Timestamp::now())
    }

    pub(crate) fn publish_at(&self, version: &str, permissions: &str, then: Timestamp) -> String {
        let file = self.file(CLOCK, version, permissions, 1);
        wait(self.author().publish(&file, Warrant::default(), &self.keys(), then)).unwrap();
        let digest = sha256_hex(split(&file).unwrap().release_json);
        *self.last.borrow_mut() = Some(digest.clone());
        digest
    }

    /// Publishes the first release of another plugin.
    pub(crate) fn publish_first(&self, id: &str, version: &str, permissions: &str, seed: u8) -> String {
        let last = self.last.borrow_mut().take();
        let file = self.file(id, version, permissions, seed);
        *self.last.borrow_mut() = last;
        wait(self.author().publish(&file, Warrant::default(), &self.keys(), Timestamp::now())).unwrap();
        sha256_hex(split(&file).unwrap().release_json)
    }

    /// A household in which this first version of the clock serves.
    pub(crate) fn serving(version: &str) -> Self {
        let mut keeper = Self::new();
        keeper.publish(version, "");
        keeper.install();
        keeper.home.start();
        keeper.serves(version);
        keeper
    }

    /// Signs what is due anew, now.
    pub(crate) fn refresh(&self) {
        wait(self.author().refresh(&self.keys(), Timestamp::now())).unwrap();
    }

    /// Says something about a release.
    pub(crate) fn advise(&self, kind: AdvisoryKind, release: &str) {
        let advisory = Advisory {
            id: format!("2026-{}", &release[..4]),
            kind,
            plugin: Some(PluginId::new(CLOCK).unwrap()),
            release: Some(release.to_owned()),
            key: None,
            reason: "it sends mail to strangers".into(),
            created: "2026-11-01T00:00:00Z".into(),
        };
        wait(self.author().advise(advisory, &self.keys(), Timestamp::now())).unwrap();
    }

    /// Installs the newest clock without a question.
    pub(crate) fn install(&self) -> String {
        self.home.run(&["plugin", "install", CLOCK, "--yes", "--unseen"]).done()
    }

    /// The version of the clock in the lockfile.
    pub(crate) fn locked(&self) -> Option<String> {
        let lock: toml::Value = toml::from_str(&std::fs::read_to_string(self.home.home().join("registries/plugins.lock")).ok()?).ok()?;
        let plugin = lock.get("plugin")?.as_array()?.iter().find(|plugin| plugin["id"].as_str() == Some(CLOCK))?;
        plugin["version"].as_str().map(ToOwned::to_owned)
    }

    /// SHA-256 of the file that the host reads.
    pub(crate) fn in_folder(&self) -> Option<String> {
        std::fs::read(self.home.home().join("plugins/acme--clock.wasm")).ok().map(|bytes| sha256_hex(&bytes))
    }

    /// Waits until this version of the clock serves.
    #[track_caller]
    pub(crate) fn serves(&self, version: &str) {
        self.home
            .until(version, |home| home.plugin(CLOCK).filter(|line| line["state"] == "serving" && line["serving"]["version"] == version));
    }
}
