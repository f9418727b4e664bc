//! What a plugin may do: what was asked for and granted, and nothing beside it.

use crate::support::package::{Package, id, second_author};
use crate::support::stubs::SlowCompiler;
use crate::support::{World, Worldly};
use crate::zoo::{Guest, zoo};
use serde_json::{Value, json};
use skynet_core::PluginError;
use skynet_core::ToolError;
use skynet_core::admin::{AdminError, PluginAdmin as _};
use skynet_core::plugin::PluginState;
use skynet_plugins::Root;
use std::collections::BTreeMap;
use std::sync::Arc;

fn kv(version: &str, asking: Value) -> Package {
    Package::new("tool", version, &Guest::tool(zoo!("kv"))).asking(asking)
}

fn some_kv() -> Value {
    json!({"kv": {"bytes": 1000, "keys": 3}})
}

async fn asks(world: &World) -> String {
    match world.state("acme/tool").await {
        PluginState::Pending { asks } => asks.join("\n"),
        other => panic!("it does not wait: {other:?}"),
    }
}

fn failure(result: Result<String, PluginError>) -> String {
    match result {
        Err(PluginError::Tool(ToolError::Failed(text))) => text,
        other => panic!("no failure: {other:?}"),
    }
}

#[tokio::test]
async fn a_plugin_waits_until_its_request_is_granted_and_serves_then() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    assert_eq!(world.serving("tool").await, None);
    assert_eq!(asks(&world).await, "Keep up to 3 keys and 1000 bytes in a store of its own.");
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    assert_eq!(world.state("acme/tool").await, PluginState::Serving);
    assert_eq!(world.call_with("tool", &json!("sa")).await.unwrap(), "said");
    let row = &world.audited("grant", "ok").await[0];
    assert_eq!((row.actor.as_str(), row.subject.as_str()), ("owner", "acme/tool"));
    assert_eq!(row.detail["permissions"], some_kv());
}

#[tokio::test]
async fn a_plugin_that_asks_for_nothing_needs_no_grant() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &Package::new("tool", "1.0.0", &Guest::saying("free")).file()).await;
    assert_eq!(world.call("tool").await.unwrap(), "free");
}

#[tokio::test]
async fn a_revoked_grant_ends_service_until_it_is_granted_again() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    world.call_with("tool", &json!("sa")).await.unwrap();
    world.host.revoke(&id("tool"), "owner").await.unwrap();
    assert_eq!(world.serving("tool").await, None);
    assert!(asks(&world).await.contains("store of its own"));
    let world = world.restart(|_| {}).await;
    world.host.settled().await;
    assert_eq!(world.serving("tool").await, None, "a restart does not bring it back");
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    assert_eq!(world.call_with("tool", &json!("ga")).await.unwrap(), "said");
    assert!(matches!(world.host.revoke(&id("nobody"), "owner").await, Err(AdminError::Refused(_) | AdminError::NotFound(_))));
}

#[tokio::test]
async fn a_grown_request_waits_while_the_old_version_serves_on() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    let grown = json!({"kv": {"bytes": 1000, "keys": 3}, "net": [{"url": "https://api.example.com"}]});
    world.drop_file("tool.wasm", &kv("1.1.0", grown).file()).await;
    assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "1.0.0");
    assert_eq!(world.call_with("tool", &json!("sa")).await.unwrap(), "said");
    assert_eq!(asks(&world).await, "Send any request to https://api.example.com.", "only what is new");
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "1.1.0");
    assert_eq!(world.call_with("tool", &json!("ga")).await.unwrap(), "said", "values outlive the version");
}

#[tokio::test]
async fn the_same_or_a_smaller_request_carries_the_grant_over() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    world.drop_file("tool.wasm", &kv("1.0.1", some_kv()).file()).await;
    assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "1.0.1");
    world.drop_file("tool.wasm", &kv("1.0.2", json!({"kv": {"bytes": 500, "keys": 1}})).file()).await;
    assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "1.0.2");
    assert_eq!(world.call_with("tool", &json!("sa")).await.unwrap(), "said");
    assert!(failure(world.call_with("tool", &json!("sb")).await).contains("1 keys"), "the smaller of the two holds");
}

#[tokio::test]
async fn another_signer_waits_for_the_owner_and_leaves_no_gap_when_granted() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    world.drop_file("tool.wasm", &kv("1.0.1", some_kv()).signed_by(&second_author()).file()).await;
    assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "1.0.0");
    assert!(asks(&world).await.starts_with("it is signed by another key"));
    let mut events = world.host.events();
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    assert_eq!(world.serving("tool").await.unwrap().version.to_string(), "1.0.1");
    while let Ok(event) = events.try_recv() {
        assert!(!format!("{event:?}").contains("Withdrawn"), "{event:?}");
    }
}

#[tokio::test]
async fn a_grant_without_what_the_component_imports_is_refused_by_the_interfaces_name() {
    let world = World::start().await;
    let both = json!({"kv": {"bytes": 1000, "keys": 3}, "net": [{"url": "https://api.example.com"}]});
    world.drop_file("tool.wasm", &kv("1.0.0", both).file()).await;
    let only_net = json!({"net": [{"url": "https://api.example.com"}]});
    world.host.grant(&id("tool"), Some(only_net.clone()), "owner").await.unwrap();
    let refusal = world.refusal("tool.wasm").await;
    assert!(refusal.contains("(link)") && refusal.contains("skynet:plugin/kv@0.1.0"), "{refusal}");
    // The same for one that serves already: it ends with that reason, not with a bug.
    world.host.grant(&id("tool"), Some(some_kv()), "owner").await.unwrap();
    assert_eq!(world.call_with("tool", &json!("sa")).await.unwrap(), "said");
    world.host.grant(&id("tool"), Some(only_net), "owner").await.unwrap();
    assert_eq!(world.serving("tool").await, None);
    let refusal = world.refusal("tool.wasm").await;
    assert!(refusal.contains("(link)") && refusal.contains("skynet:plugin/kv@0.1.0"), "{refusal}");
}

#[tokio::test]
async fn nobody_grants_more_than_was_asked_for() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    for beyond in [json!({"kv": {"bytes": 1001, "keys": 3}}), json!({"schedule": true}), json!({"net": [{"url": "https://*"}]})] {
        let refused = world.host.grant(&id("tool"), Some(beyond), "owner").await.unwrap_err();
        assert!(refused.to_string().contains("does not ask for this"), "{refused}");
    }
    for nonsense in [json!({"root": true}), json!(7), json!({"fs": [{"root": "../..", "access": "read"}]})] {
        assert!(matches!(world.host.grant(&id("tool"), Some(nonsense), "owner").await, Err(AdminError::Refused(_))));
    }
    assert!(matches!(world.host.grant(&id("nobody"), None, "owner").await, Err(AdminError::NotFound(_))));
    assert_eq!(world.serving("tool").await, None);
    assert!(world.audited("grant", "ok").await.is_empty());
}

#[tokio::test]
async fn a_grant_revoked_while_the_plugin_compiles_does_not_come_into_force() {
    let slow = Arc::new(SlowCompiler::new());
    let world = World::with(Worldly { compiler: slow.clone(), ..Worldly::default() }).await;
    world.drop_file("tool.wasm", &kv("1.0.0", some_kv()).file()).await;
    let tool = id("tool");
    let (granting, revoking) = (world.host.grant(&tool, None, "owner"), world.host.revoke(&tool, "owner"));
    let (granted, revoked) = tokio::join!(granting, async {
        slow.arrived.acquire().await.unwrap().forget();
        // Whoever waits for the folder to settle waits for the compiler too.
        tokio::join!(revoking, async {
            while skynet_core::ports::PluginStore::grant(&world.store, &id("tool")).await.unwrap().is_some() {
                tokio::task::yield_now().await;
            }
            slow.go.add_permits(10);
        })
        .0
    });
    granted.unwrap();
    revoked.unwrap();
    assert_eq!(world.serving("tool").await, None);
    assert!(asks(&world).await.contains("store of its own"));
}

#[tokio::test]
async fn the_store_of_a_plugin_ends_at_its_quota() {
    let world = World::start().await;
    world.drop_file("tool.wasm", &kv("1.0.0", json!({"kv": {"bytes": 350, "keys": 100}})).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    for key in ["sa", "sb", "sc"] {
        assert_eq!(world.call_with("tool", &json!(key)).await.unwrap(), "said");
    }
    let full = failure(world.call_with("tool", &json!("sd")).await);
    assert!(full.contains("350 bytes"), "{full}");
    assert_eq!(world.call_with("tool", &json!("gd")).await.unwrap(), "absent");
    assert_eq!(world.call_with("tool", &json!("sa")).await.unwrap(), "said", "replacing a value needs no more room");
    let bad = failure(world.call_with("tool", &json!(format!("s{}", "k".repeat(300)))).await);
    assert!(bad.contains("1 to 256 bytes"), "{bad}");
}

#[tokio::test]
async fn each_plugin_has_a_store_of_its_own() {
    let world = World::start().await;
    for name in ["tool", "other"] {
        let file = Package::new(name, "1.0.0", &Guest::tool(zoo!("kv"))).asking(some_kv()).file();
        world.drop_file(&format!("{name}.wasm"), &file).await;
        world.host.grant(&id(name), None, "owner").await.unwrap();
    }
    world.call_with("tool", &json!("sa")).await.unwrap();
    assert_eq!(world.call_with("other", &json!("ga")).await.unwrap(), "absent");
}

#[tokio::test]
async fn a_plugin_reads_its_own_settings_and_no_others() {
    let setting = |text: &str| json!({"city": text}).as_object().unwrap().clone();
    let settings = BTreeMap::from([(id("tool"), setting("Rome")), (id("other"), setting("Oslo"))]);
    let world = World::with(Worldly { settings, ..Worldly::default() }).await;
    world.drop_file("tool.wasm", &Package::new("tool", "1.0.0", &Guest::tool(zoo!("config")).says("unset")).file()).await;
    assert_eq!(world.call_with("tool", &json!("city")).await.unwrap(), "\"Rome\"");
    assert_eq!(world.call_with("tool", &json!("town")).await.unwrap(), "unset");
}

#[tokio::test]
async fn a_secret_exists_only_for_the_plugin_that_was_granted_it() {
    let rule = |name: &str| json!({"name": name, "header": "authorization", "format": "Bearer {}", "url": "https://api.example.com"});
    let net = json!([{"url": "https://api.example.com"}]);
    let mut worldly = Worldly::default();
    let set = ["set", "not-asked-for"].map(|name| ((id("tool"), name.to_owned()), ("hunter2".to_owned(), Vec::new())));
    worldly.secrets = Arc::new(crate::support::stubs::SetSecrets { set: BTreeMap::from(set), gate: None });
    let world = World::with(worldly).await;
    let package = Package::new("tool", "1.0.0", &Guest::tool(zoo!("secrets")).says("no"));
    world.drop_file("tool.wasm", &package.asking(json!({"net": net, "secrets": [rule("set"), rule("unset")]})).file()).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    for (name, said) in [("set", "true"), ("unset", "no"), ("not-asked-for", "no")] {
        assert_eq!(world.call_with("tool", &json!(name)).await.unwrap(), said, "{name}");
    }
}

struct Folders {
    world: World,
    folder: tempfile::TempDir,
}

impl Folders {
    /// A plugin that was granted `access` to the root `notes`, beside a file `secret`.
    async fn with(access: &str, writable: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("notes")).unwrap();
        std::fs::write(folder.path().join("notes/old"), "old text").unwrap();
        std::fs::write(folder.path().join("secret"), "hunter2").unwrap();
        std::os::unix::fs::symlink("../secret", folder.path().join("notes/link")).unwrap();
        let roots = BTreeMap::from([("notes".to_owned(), Root { path: folder.path().join("notes"), writable })]);
        let world = World::with(Worldly { roots, ..Worldly::default() }).await;
        let package = Package::new("tool", "1.0.0", &Guest::tool(zoo!("files")).says("new text"));
        let file = package.asking(json!({"fs": [{"root": "notes", "access": access}]})).file();
        world.drop_file("tool.wasm", &file).await;
        world.host.grant(&id("tool"), None, "owner").await.unwrap();
        Self { world, folder }
    }

    async fn check(&self, command: &str, said: &str) {
        assert_eq!(self.world.call_with("tool", &json!(command)).await.unwrap(), said, "{command}");
    }
}

#[tokio::test]
async fn a_folder_granted_for_reading_cannot_be_written_nor_left() {
    for folders in [Folders::with("read", true).await, Folders::with("write", false).await] {
        folders.check("rold", "old text").await;
        for refused in ["wnew", "wold", "r../secret", "rlink", "r/etc/hostname", "rnone"] {
            folders.check(refused, "refused").await;
        }
        assert!(!folders.folder.path().join("notes/new").exists());
        assert_eq!(std::fs::read_to_string(folders.folder.path().join("notes/old")).unwrap(), "old text");
    }
}

#[tokio::test]
async fn a_folder_granted_for_writing_can_be_written_and_not_left() {
    let folders = Folders::with("write", true).await;
    folders.check("wnew", "new text").await;
    folders.check("rnew", "new text").await;
    for refused in ["w../secret", "wlink", "w/tmp/x"] {
        folders.check(refused, "refused").await;
    }
    assert_eq!(std::fs::read_to_string(folders.folder.path().join("secret")).unwrap(), "hunter2");
}

#[tokio::test]
async fn a_root_to_be_read_is_not_changed_through_one_around_it() {
    for (access, writable, inside) in [("read", true, "ws/sub"), ("write", false, "ws/sub"), ("read", true, "ws"), ("read", true, "link")] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("ws/sub")).unwrap();
        std::fs::write(folder.path().join("ws/sub/old"), "old text").unwrap();
        std::os::unix::fs::symlink("ws/sub", folder.path().join("link")).unwrap();
        let root = |path: &str, writable| Root { path: folder.path().join(path), writable };
        let roots = BTreeMap::from([("around".to_owned(), root("ws", true)), ("inside".to_owned(), root(inside, writable))]);
        let world = World::with(Worldly { roots, ..Worldly::default() }).await;
        let asks = json!({"fs": [{"root": "around", "access": "write"}, {"root": "inside", "access": access}]});
        let package = Package::new("tool", "1.0.0", &Guest::tool(zoo!("files")).says("new text"));
        world.drop_file("tool.wasm", &package.asking(asks).file()).await;
        world.host.grant(&id("tool"), None, "owner").await.unwrap();
        for (command, said) in [("rsub/old", "old text"), ("wsub/old", "refused"), ("wsub/new", "refused")] {
            assert_eq!(world.call_with("tool", &json!(command)).await.unwrap(), said, "{command} {inside}");
        }
        // Whose grant says nothing narrower has what it was granted.
        let asks = json!({"fs": [{"root": "around", "access": "write"}]});
        let package = Package::new("other", "1.0.0", &Guest::tool(zoo!("files")).says("new text"));
        world.drop_file("other.wasm", &package.asking(asks).file()).await;
        world.host.grant(&id("other"), None, "owner").await.unwrap();
        assert_eq!(world.call_with("other", &json!("wnew")).await.unwrap(), "new text");
    }
}

#[tokio::test]
async fn without_a_grant_there_is_no_folder_no_environment_no_input_and_no_socket() {
    let world = World::start().await;
    world.drop_file("files.wasm", &Package::new("files", "1.0.0", &Guest::tool(zoo!("files"))).file()).await;
    assert_eq!(world.call_with("files", &json!("rold")).await.unwrap(), "no folder");
    let surroundings = Guest::tool(zoo!("surroundings"))
        .says("bare")
        .importing("import wasi:cli/environment@0.2.12; import wasi:cli/stdin@0.2.12; import wasi:io/streams@0.2.12;");
    world.drop_file("surroundings.wasm", &Package::new("surroundings", "1.0.0", &surroundings).file()).await;
    assert_eq!(world.call("surroundings").await.unwrap(), "bare");
    let sockets = Guest::tool(zoo!("sockets")).says("no way out").importing(
        "import wasi:sockets/instance-network@0.2.12; import wasi:sockets/tcp@0.2.12;
         import wasi:sockets/tcp-create-socket@0.2.12; import wasi:sockets/ip-name-lookup@0.2.12;",
    );
    world.drop_file("sockets.wasm", &Package::new("sockets", "1.0.0", &sockets).file()).await;
    assert_eq!(world.call("sockets").await.unwrap(), "no way out");
}

#[tokio::test]
async fn the_owner_can_grant_look_and_switch_right_after_a_start_that_has_not_looked_yet() {
    let world = World::start().await;
    let world = world.restart_around(|world| world.put("tool.wasm", &kv("1.0.0", some_kv()).file())).await;
    assert!(world.host.list().await.is_empty(), "nobody looked");
    let world = world.restart(|_| {}).await;
    world.host.grant(&id("tool"), None, "owner").await.unwrap();
    assert_eq!(world.state("acme/tool").await, PluginState::Serving);
    let world = world.restart(|_| {}).await;
    assert_eq!(world.host.info(&id("tool")).await.unwrap()["status"]["name"], "acme/tool");
    let world = world.restart(|_| {}).await;
    world.host.set_enabled(&id("tool"), false, "owner").await.unwrap();
    assert!(matches!(world.host.grant(&id("nobody"), None, "owner").await, Err(AdminError::NotFound(_))));
}

#[tokio::test]
async fn a_file_that_takes_the_place_of_another_has_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let folders = Folders::with("write", true).await;
    let at = |name: &str| folders.folder.path().join("notes").join(name);
    let mode = |name: &str| std::fs::metadata(at(name)).unwrap().permissions().mode() & 0o7777;
    // What the guest says is also the name that it renames to.
    for (had, has) in [(0o600, 0o600), (0o755, 0o755), (0o640, 0o640), (0o4755, 0o755)] {
        std::fs::write(at("new text"), "before").unwrap();
        std::fs::set_permissions(at("new text"), std::fs::Permissions::from_mode(had)).unwrap();
        folders.check("wfresh", "new text").await;
        std::fs::set_permissions(at("fresh"), std::fs::Permissions::from_mode(0o644)).unwrap();
        folders.check("nfresh", "new text").await;
        assert_eq!((mode("new text"), std::fs::read_to_string(at("new text")).unwrap()), (has, "new text".into()), "{had:o}");
    }
    // Where nothing is replaced, nothing is changed.
    std::fs::remove_file(at("new text")).unwrap();
    folders.check("wfresh", "new text").await;
    std::fs::set_permissions(at("fresh"), std::fs::Permissions::from_mode(0o604)).unwrap();
    folders.check("nfresh", "new text").await;
    assert_eq!(mode("new text"), 0o604);
}
