//! A host that is killed between the owner's yes to an upgrade and the moment in which it serves.
//!
//! The disk is as such a host leaves it: its note of what was here, the yes in the store, and
//! the new release in the folder and the lockfile.

use crate::keeper::{CLOCK, wait};
use crate::proposals::{asking, tool, waiting};
use async_trait::async_trait;
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_core::ports::{AuditRow, Clock, PluginStore as _};
use skynet_core::proposals::{Decision, ProposalStore as _, Verdict};
use skynet_store::Store;
use std::sync::Arc;
use std::time::Duration;

const CODE: [u8; 32] = [1; 32];
const MORE: &str = "\n[permissions]\nnet = [{ url = \"https://more.example.org\", methods = [\"GET\"] }]\n";

struct Now;

#[async_trait]
impl Clock for Now {
    fn now_ms(&self) -> u64 {
        u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap()
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending().await
    }
}

#[test]
fn the_next_start_takes_an_upgrade_back_that_does_not_serve_to_the_release_and_the_grant_of_before() {
    let (mut keeper, _) = asking();
    keeper.install();
    keeper.serves("1.0.0");
    let newer = keeper.publish("1.1.0", MORE);
    tool(&keeper, r#"plugin_install {"id":"acme/clock"}"#);
    let (id, _) = waiting(&keeper);
    // So that the new release will not serve.
    keeper.home.run(&["plugin", "disable", CLOCK]).done();
    keeper.home.kill();
    let home = keeper.home.home();
    let lockfile = home.join("registries/plugins.lock");
    let locked = || toml::from_str::<Value>(&std::fs::read_to_string(&lockfile).unwrap()).unwrap()["plugin"][0].clone();
    let grant = || {
        let store = Store::open(&home.join("skynet.db"), Arc::new(Now)).unwrap();
        wait(async { store.grant(&PluginId::new(CLOCK).unwrap()).await.unwrap() })
    };
    let before = (locked(), grant(), keeper.in_folder());

    let note = home.join("registries/before.json");
    std::fs::write(&note, json!({ "id": CLOCK, "release": newer, "locked": before.0, "grant": before.1 }).to_string()).unwrap();
    std::fs::set_permissions(&note, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let store = Store::open(&home.join("skynet.db"), Arc::new(Now)).unwrap();
    wait(async {
        store.set_code(&id, &newer, CODE, u64::MAX >> 1).await.unwrap();
        let row = AuditRow {
            kind: "proposal".into(),
            actor: "me".into(),
            subject: CLOCK.into(),
            verdict: "ok".into(),
            detail: json!({ "action": "approve" }),
        };
        let yes = Decision { id: id.clone(), digest: newer.clone(), code: Some(CODE), steps: Vec::new(), row };
        assert_eq!(store.decide(yes).await.unwrap(), Verdict::Taken);
    });
    drop(store);
    keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done();
    assert_eq!(keeper.locked().as_deref(), Some("1.1.0"));
    assert_ne!(grant(), before.1);

    keeper.home.start();
    keeper.home.until("the end of it", |home| {
        let all = home.run(&["--json", "proposals", "list", "--all"]).json();
        all.as_array()?.iter().find(|proposal| proposal["id"] == id.as_str() && proposal["state"] == "failed").map(drop)
    });
    assert_eq!((locked(), keeper.in_folder()), (before.0, before.2));
    assert!(!note.exists());
    keeper.home.run(&["plugin", "enable", CLOCK]).done();
    keeper.serves("1.0.0");
    let grants = keeper.home.run(&["plugin", "grants", CLOCK]).done();
    assert!(grants.contains("time.example.org") && !grants.contains("more.example.org"), "{grants}");
}
