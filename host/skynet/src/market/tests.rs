//! What an approved plugin takes the place of comes back when it does not serve, also where
//! the host was killed in between and knows no more than what is on the disk.

use super::*;
use crate::home;
use crate::registry::stage::{Stage, id, locked};
use skynet_core::ports::StoredGrant;
use skynet_policy::permission::NetRule;
use skynet_registry_client::lock::Locked;

struct World {
    stage: Stage,
    store: Arc<Store>,
}

impl std::ops::Deref for World {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
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
        kinds: Vec::new(),
    }
}

fn candidate() -> Candidate {
    Candidate {
        kind: ProposalKind::Registry,
        subject: id(),
        version: semver::Version::new(2, 0, 0),
        digest: locked("2.0.0", b"").release,
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
    async fn new() -> Self {
        let stage = Stage::new(&[b"1.0.0", b"2.0.0"]);
        home::write_file(&stage.home.config(), b"", 0o600).unwrap();
        let store = Arc::new(crate::wire::open_store(&stage.home).await.unwrap());
        Self { stage, store }
    }

    /// As a host has it that just started.
    fn market(&self) -> RegistryMarket {
        RegistryMarket::new(self.home.clone(), Arc::clone(&self.store))
    }

    /// This version is there, allowed to reach this server; its file holds the version.
    async fn installs(&self, version: &str, server: Option<&str>) {
        let lock = self.held.lock().unwrap();
        let intent = Intent {
            id: id(),
            action: "install".into(),
            by: "me".into(),
            locked: Some(locked(version, version.as_bytes())),
            trust: Vec::new(),
            grant: server.map(grant),
            seen: self.store.grant(&id()).await.unwrap(),
            revoke: false,
            lower: false,
            recorded: false,
        };
        intent.carry_out(&self.home, &self.held, &lock).await.unwrap();
    }

    async fn state(&self) -> (Option<String>, Option<Locked>, Option<StoredGrant>) {
        let file = std::fs::read_to_string(self.home.plugins().join(registry::intent::file_name(&id()))).ok();
        let lock = self.held.read_lock().unwrap();
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
