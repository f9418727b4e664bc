//! What an approved plugin takes the place of comes back when it does not serve, also where
//! the host was killed in between and knows no more than what is on the disk.

use super::*;
use crate::home;
use skynet_core::ports::StoredGrant;
use skynet_policy::permission::NetRule;
use skynet_policy::sha256_hex;
use skynet_registry_client::lock::Locked;
use std::os::unix::fs::PermissionsExt;

struct World {
    _folder: tempfile::TempDir,
    home: Home,
    store: Arc<Store>,
}

fn id() -> PluginId {
    PluginId::new("acme/x").unwrap()
}

fn release(version: &str) -> String {
    sha256_hex(version.as_bytes())
}

fn grant(server: &str) -> StoredGrant {
    let asks = Permissions { net: vec![NetRule::parse(server).unwrap()], ..Permissions::default() };
    StoredGrant {
        plugin: id(),
        publisher: "k".into(),
        request: asks.digest(),
        permissions: serde_json::to_value(asks).unwrap(),
        by: "me".into(),
        at_ms: 1,
        expires_ms: None,
    }
}

fn candidate() -> Candidate {
    Candidate {
        kind: ProposalKind::Registry,
        subject: id(),
        version: semver::Version::new(2, 0, 0),
        digest: release("2.0.0"),
        publisher: "k".into(),
        summary: "Does it.".into(),
        permissions: serde_json::Value::Null,
        request: String::new(),
        asks: Vec::new(),
        tools: Vec::new(),
        findings: Vec::new(),
        trials: Vec::new(),
        replaces: Some("1.0.0".into()),
        source: None,
        registry: Some("main".into()),
    }
}

impl World {
    /// A data folder with these files of acme/x on the shelf.
    async fn new() -> Self {
        let private = std::fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().permissions(private).tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        for path in [home.root().to_owned(), home.keys(), home.plugins()] {
            home::private_folder(&path).unwrap();
        }
        home::write_file(&home.config(), b"", 0o600).unwrap();
        drop(registry::open(&home).unwrap());
        for bytes in ["1.0.0", "2.0.0"] {
            std::fs::write(home.registries().join("store/sha256").join(sha256_hex(bytes.as_bytes())), bytes).unwrap();
        }
        let store = Arc::new(crate::wire::open_store(&home).await.unwrap());
        Self { _folder: folder, home, store }
    }

    /// As a host has it that just started.
    fn market(&self) -> RegistryMarket {
        RegistryMarket::new(self.home.clone(), Arc::clone(&self.store))
    }

    /// This version is there, allowed to reach this server; its file holds the version.
    async fn installs(&self, version: &str, server: Option<&str>) {
        let held = registry::open(&self.home).unwrap();
        let lock = held.lock().unwrap();
        let locked = Locked {
            id: id(),
            version: version.parse().unwrap(),
            registry: "main".into(),
            root_version: 1,
            oci: None,
            release: release(version),
            component: "c".repeat(64),
            file: sha256_hex(version.as_bytes()),
            publisher_keys: Vec::new(),
            statement: None,
            grant: None,
            approved_by: "me".into(),
            installed_at: "2026-01-01T00:00:00Z".into(),
            pinned: false,
            former: Vec::new(),
        };
        let intent = Intent {
            id: id(),
            action: "install".into(),
            by: "me".into(),
            locked: Some(locked),
            trust: Vec::new(),
            grant: server.map(grant),
            seen: self.store.grant(&id()).await.unwrap(),
            revoke: false,
            lower: false,
            recorded: false,
        };
        intent.carry_out(&self.home, &held, &lock).await.unwrap();
    }

    async fn state(&self) -> (Option<String>, Option<Locked>, Option<StoredGrant>) {
        let file = std::fs::read_to_string(self.home.plugins().join(registry::intent::file_name(&id()))).ok();
        let lock = registry::open(&self.home).unwrap().read_lock().unwrap();
        (file, lock.find(&id()).cloned(), self.store.grant(&id()).await.unwrap())
    }
}

#[tokio::test]
async fn the_earlier_version_comes_back_with_its_grant_after_a_crash_in_the_middle_of_an_upgrade() {
    for earlier in [Some("https://a.example"), None] {
        let world = World::new().await;
        world.installs("1.0.0", earlier).await;
        let before = world.state().await;
        assert!(world.market().before(&candidate()).await.unwrap().is_some());
        world.installs("2.0.0", Some("https://b.example")).await;
        assert_ne!(world.state().await, before);
        // Killed here. The next start finds the new release installed, and sees that it does not serve.
        let market = world.market();
        assert!(market.is_installed(&candidate()).unwrap());
        let noted = market.before(&candidate()).await.unwrap().expect("what was here");
        market.taken_back(&candidate(), noted, "host").await.unwrap();
        assert_eq!(world.state().await, before, "{earlier:?}");
    }
}

#[tokio::test]
async fn a_new_plugin_goes_again_and_leaves_a_grant_that_was_there_before_it() {
    for earlier in [Some(grant("https://a.example")), None] {
        let world = World::new().await;
        if let Some(grant) = &earlier {
            let row = skynet_core::ports::AuditRow {
                kind: "grant".into(),
                actor: "me".into(),
                subject: id().to_string(),
                verdict: "ok".into(),
                detail: serde_json::Value::Null,
            };
            world.store.change(vec![skynet_core::ports::PluginChange::Grant(grant.clone())], row).await.unwrap();
        }
        world.market().before(&candidate()).await.unwrap();
        world.installs("2.0.0", Some("https://b.example")).await;
        let noted = world.market().before(&candidate()).await.unwrap().unwrap();
        world.market().taken_back(&candidate(), noted, "host").await.unwrap();
        assert_eq!(world.state().await, (None, None, earlier));
    }
}

#[tokio::test]
async fn what_its_owner_installed_meanwhile_is_not_taken_away_and_an_old_note_is_not_believed() {
    let world = World::new().await;
    world.installs("2.0.0", None).await;
    assert_eq!(world.market().before(&candidate()).await.unwrap(), None, "nobody noted it, so it was somebody else's doing");
    let world = World::new().await;
    world.market().before(&candidate()).await.unwrap();
    world.installs("1.0.0", Some("https://a.example")).await;
    let noted = world.market().before(&candidate()).await.unwrap().unwrap();
    assert_eq!((noted.locked.map(|locked| locked.version), noted.grant.is_some()), (Some(semver::Version::new(1, 0, 0)), true));
    Before::forget(&world.home);
    home::write_file(&world.home.registries().join("before.json"), b"{}", 0o600).unwrap();
    assert!(world.market().before(&candidate()).await.unwrap_err().to_string().contains("before.json"));
}
