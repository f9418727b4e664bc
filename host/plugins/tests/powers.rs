//! Each permission there is, walked in one table: without it the effect is refused at its
//! door, with it the effect is there, and after a revocation the next step is refused.
//!
//! The table is complete or the first test fails: it is compared with the type.

use crate::support::package::{Package, id};
use crate::support::server::{Answer, Server};
use crate::support::stubs::{Gate, SetSecrets};
use crate::support::{World, Worldly};
use crate::zoo::{Guest, zoo};
use serde_json::{Value, json};
use skynet_core::admin::PluginAdmin as _;
use skynet_core::{Denial, PluginError};
use skynet_plugins::Root;
use skynet_policy::permission::Permissions;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where the effect is refused without the permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// The interface is not there: the component is not admitted, and its name is said.
    Admission(&'static str),
    /// The call is denied, with a row of this kind in the audit log.
    Call(&'static str),
    /// There is nothing to refuse: the host does not add what it would add. The call says this.
    Absent(&'static str),
    /// The call ends in a fault that says this.
    Limit(&'static str),
}

/// One permission.
struct Power {
    /// Its key in a manifest.
    permission: &'static str,
    guest: Guest,
    /// What the manifest asks for, and what the owner grants to allow the effect.
    asks: Value,
    grants: Value,
    /// A grant without it.
    lacks: Value,
    call: String,
    door: Door,
    /// What the call says when it is allowed.
    says: &'static str,
}

const STREAMS: &str = "import wasi:io/poll@0.2.12; import wasi:io/streams@0.2.12;";

/// Takes 80 MiB of memory.
const HOARD: &str = r#"(func $run (param i32 i32) (result i32)
    (drop (memory.grow (i32.const 1280)))
    (call $say))"#;

/// The guest of the zoo answers "refused" as a success; this one says that it failed.
pub(crate) fn failing_files() -> String {
    let success = "(func $refused (result i32) (call $answer (i32.const 60016) (i32.const 7)))";
    let failure = "(func $refused (result i32) (call $refuse (i32.const 3) (i32.const 60016) (i32.const 7)))";
    assert!(zoo!("files").contains(success), "the guest of the zoo was written anew");
    zoo!("files").replacen(success, failure, 1)
}

fn power(permission: &'static str, body: &str, asks: Value, lacks: Value, call: &str, door: Door, says: &'static str) -> Power {
    Power { permission, guest: Guest::tool(body), grants: asks.clone(), asks, lacks, call: call.into(), door, says }
}

fn networked(mut power: Power, grants: Value) -> Power {
    power.guest = power.guest.importing(STREAMS);
    Power { grants, ..power }
}

/// All of them. `url` is a server on this machine that says `hi`, or what it was sent.
fn powers(url: &str) -> Vec<Power> {
    let server = url.strip_prefix("http://").unwrap();
    let open = json!([{"url": url, "private": true}]);
    let secret = json!({"name": "key", "header": "x-key", "format": "{}", "url": url});
    let nothing = || json!({});
    vec![
        networked(
            power("net", zoo!("fetch"), json!({"net": [{"url": url}]}), nothing(), &format!("1h{server}/x"), Door::Call("egress"), "hi"),
            json!({"net": open}),
        ),
        power(
            "fs",
            &failing_files(),
            json!({"fs": [{"root": "work", "access": "write"}]}),
            json!({"fs": [{"root": "work", "access": "read"}]}),
            "wnew",
            Door::Call("fs"),
            "said",
        ),
        power("kv", zoo!("kv"), json!({"kv": {"bytes": 1000, "keys": 3}}), nothing(), "sa", Door::Admission("kv"), "said"),
        networked(
            power(
                "secrets",
                zoo!("fetch"),
                json!({"net": [{"url": url}], "secrets": [secret]}),
                json!({"net": open}),
                &format!("1h{server}/x"),
                Door::Absent("hi"),
                "hi",
            ),
            json!({"net": open, "secrets": [secret]}),
        ),
        power(
            "reveal",
            zoo!("reveal"),
            json!({"reveal": ["key", "other"]}),
            json!({"reveal": ["other"]}),
            "key",
            Door::Call("secret"),
            "hunter2",
        ),
        power(
            "script",
            zoo!("script"),
            json!({"script": ["backup", "other"]}),
            json!({"script": ["other"]}),
            "backup",
            Door::Call("script"),
            "backed up",
        ),
        power(
            "agent",
            zoo!("agent"),
            json!({"agent": {"turns": 2}}),
            json!({"agent": {"turns": 1}}),
            "2hello",
            Door::Call("agent"),
            "you said hello",
        ),
        power(
            "messages",
            zoo!("messages"),
            json!({"messages": ["webchat", "discord"]}),
            json!({"messages": ["discord"]}),
            "w1hello",
            Door::Call("messages"),
            "said",
        ),
        power("schedule", zoo!("schedule"), json!({"schedule": true}), nothing(), "atea", Door::Admission("schedule"), "job-0"),
        power("memory", zoo!("memory"), json!({"memory": "write"}), json!({"memory": "read"}), "ltea", Door::Call("memory"), "said"),
        power("propose", zoo!("propose"), json!({"propose": true}), nothing(), "iacme/weather", Door::Admission("propose"), "p1"),
        power("terminal", zoo!("terminal"), json!({"terminal": true}), nothing(), "ls", Door::Admission("terminal"), "ran ls"),
        power("limits", HOARD, json!({"limits": {"memory_bytes": 128 << 20}}), nothing(), "", Door::Limit("may have 64 MiB"), "said"),
    ]
}

/// The same for interfaces that come with a permission of another name, and for grants
/// that hold nothing of the permission at all.
fn whole_interfaces() -> Vec<Power> {
    let nothing = || json!({});
    vec![
        power("reveal", zoo!("reveal"), json!({"reveal": ["key"]}), nothing(), "key", Door::Admission("secret-reveal"), "hunter2"),
        power("script", zoo!("script"), json!({"script": ["backup"]}), nothing(), "backup", Door::Admission("script"), "backed up"),
        power("agent", zoo!("agent"), json!({"agent": {"turns": 1}}), nothing(), "1hello", Door::Admission("agent"), "you said hello"),
        power("messages", zoo!("messages"), json!({"messages": ["webchat"]}), nothing(), "w1hello", Door::Admission("messages"), "said"),
        power("memory", zoo!("memory"), json!({"memory": "write"}), nothing(), "ltea", Door::Admission("memory"), "said"),
        power("memory", zoo!("knowledge"), json!({"memory": "write"}), nothing(), "wtea", Door::Admission("knowledge"), "said"),
        power("memory", zoo!("knowledge"), json!({"memory": "write"}), json!({"memory": "read"}), "wtea", Door::Call("knowledge"), "said"),
        power(
            "fs",
            zoo!("files"),
            json!({"fs": [{"root": "work", "access": "read"}]}),
            nothing(),
            "rold",
            Door::Absent("no folder"),
            "old text",
        ),
    ]
}

/// A host beside a server, with one secret, one folder and all services.
struct Place {
    world: World,
    server: Server,
    gate: Arc<Gate>,
    folder: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let (server, gate) = (Server::start(Answer::Hello).await, Gate::closed());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("old"), "old text").unwrap();
        let roots = BTreeMap::from([("work".to_owned(), Root { path: folder.path().to_owned(), writable: true })]);
        let secrets = SetSecrets { gate: Some(Arc::clone(&gate)), ..SetSecrets::one(&id("tool"), "key", "hunter2") };
        let world = World::with(Worldly { roots, secrets: Arc::new(secrets), ..Worldly::default() }).await;
        Self { world, server, gate, folder }
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    async fn install(&self, guest: &Guest, asks: Value) {
        self.world.drop_file("tool.wasm", &Package::new("tool", "1.0.0", guest).asking(asks).file()).await;
    }

    async fn grant(&self, granted: Value) {
        self.world.host.grant(&id("tool"), Some(granted), "owner").await.unwrap();
    }

    async fn call(&self, power: &Power) -> Result<String, PluginError> {
        self.world.call_with("tool", &json!(power.call)).await
    }

    async fn refused_without(&self, power: &Power) {
        let name = power.permission;
        self.install(&power.guest, power.asks.clone()).await;
        self.grant(power.lacks.clone()).await;
        match power.door {
            Door::Admission(interface) => {
                let refusal = self.world.refusal("tool.wasm").await;
                assert!(refusal.contains(&format!("skynet:plugin/{interface}@")), "{name}: {refusal}");
                let row = self.world.audited("admission", "refused").await.remove(0);
                assert!(row.detail["reason"].as_str().unwrap().contains(interface), "{name}: {row:?}");
            }
            Door::Call(kind) => {
                let denial = denied(self.call(power).await);
                assert!(denial.who.starts_with("acme/tool@1.0.0#") && denial.remedy.contains("skynet plugin"), "{name}: {denial}");
                let rows = self.world.audited(kind, "denied").await;
                assert_eq!(rows.len(), 1, "{name}: {rows:?}");
                assert!(rows[0].actor.starts_with("acme/tool@1.0.0#") && rows[0].detail["why"].is_string(), "{name}: {rows:?}");
            }
            Door::Limit(words) => match self.call(power).await {
                Err(PluginError::Fault(fault)) => assert!(fault.to_string().contains(words), "{fault}"),
                other => panic!("{name}: {other:?}"),
            },
            Door::Absent(words) => assert_eq!(self.call(power).await.unwrap(), words, "{name}"),
        }
        self.nothing_happened(power).await;
    }

    async fn nothing_happened(&self, power: &Power) {
        let name = power.permission;
        let neighbours = self.world.neighbours();
        let first_of_two = usize::from(power.door == Door::Call("agent"));
        assert_eq!(neighbours.heard().len(), first_of_two, "{name}: {:?}", neighbours.heard());
        assert!(neighbours.planned().is_empty() && self.world.sources().await.is_empty(), "{name}");
        assert!(!self.folder.path().join("new").exists(), "{name}");
        assert!(!self.server.requests().iter().any(|request| request.contains("x-key")), "{name}");
    }

    async fn works_with(&self, power: &Power) {
        self.grant(power.grants.clone()).await;
        assert_eq!(self.call(power).await.unwrap(), power.says, "{}", power.permission);
    }

    /// Revokes while the call waits ahead of its effect.
    async fn refused_after_revocation(&self, power: &Power) {
        let pausing = |mut permissions: Value| {
            let mut names: BTreeSet<String> = serde_json::from_value(permissions["reveal"].take()).unwrap_or_default();
            names.insert("pause".into());
            permissions["reveal"] = json!(names);
            permissions
        };
        self.install(&power.guest.clone().pausing(), pausing(power.asks.clone())).await;
        self.grant(pausing(power.grants.clone())).await;
        let revoked = async {
            self.gate.arrived().await;
            self.world.host.revoke(&id("tool"), "owner").await.unwrap();
            self.gate.open();
        };
        let before = self.traces().await;
        let (outcome, ()) = tokio::join!(self.call(power), revoked);
        let (name, denial) = (power.permission, denied(outcome));
        assert_eq!(denial.why, "the owner took its grant back while it ran", "{name}");
        let row = self.world.audited("permission", "denied").await.remove(0);
        assert_eq!(row.detail["why"], denial.why, "{name}");
        assert_eq!(self.traces().await, before, "{}", power.permission);
    }

    /// How much of what leaves a trace beside files and requests has happened.
    async fn traces(&self) -> usize {
        let neighbours = self.world.neighbours();
        neighbours.heard().len() + neighbours.planned().len() + self.world.sources().await.len()
    }
}

pub(crate) fn denied(outcome: Result<String, PluginError>) -> Denial {
    match outcome {
        Err(PluginError::Denied(denial)) => denial,
        other => panic!("not denied: {other:?}"),
    }
}

#[test]
fn the_table_holds_every_permission_there_is() {
    let rule = json!({"name": "key", "header": "x-key", "format": "{}", "url": "https://example.com"});
    let all: Permissions = serde_json::from_value(json!({
        "net": [{"url": "https://example.com"}], "fs": [{"root": "a", "access": "read"}], "kv": {"bytes": 1, "keys": 1},
        "secrets": [rule], "reveal": ["a"], "script": ["a"], "agent": {"turns": 1}, "messages": ["a"], "schedule": true,
        "memory": "read", "propose": true, "terminal": true, "limits": {"cpu_ms": 1},
    }))
    .unwrap();
    // A field that is not named here does not compile.
    let Permissions {
        net: _,
        fs: _,
        kv: _,
        secrets: _,
        reveal: _,
        script: _,
        agent: _,
        messages: _,
        schedule: _,
        memory: _,
        propose: _,
        terminal: _,
        limits: _,
    } = &all;
    let keys: BTreeSet<String> = serde_json::to_value(&all).unwrap().as_object().unwrap().keys().cloned().collect();
    let walked: BTreeSet<String> = powers("http://127.0.0.1:1").iter().map(|power| power.permission.to_owned()).collect();
    assert_eq!(walked, keys);
}

#[tokio::test]
async fn every_permission_is_needed_is_enough_and_ends_with_its_grant() {
    let url = Place::new().await.url();
    for at in 0..powers(&url).len() {
        walk(|url| powers(url).remove(at)).await;
    }
}

#[tokio::test]
async fn no_interface_is_there_without_its_permission() {
    for at in 0..whole_interfaces().len() {
        walk(|_| whole_interfaces().remove(at)).await;
    }
}

async fn walk(power: impl FnOnce(&str) -> Power) {
    let place = Place::new().await;
    let power = power(&place.url());
    place.refused_without(&power).await;
    place.works_with(&power).await;
    place.refused_after_revocation(&power).await;
}
