//! Files that must not be taken: each is refused by name, with the reason and what to
//! do, and what served before serves on.

use crate::support::package::{bob, id, saying, second_author, trust};
use crate::support::{Package, World, Worldly};
use crate::zoo::{Guest, zoo};
use skynet_core::admin::PluginAdmin as _;
use skynet_core::plugin::{PluginEvent, PluginState};
use skynet_core::ports::PluginStore as _;
use skynet_policy::signature::SecretKey;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A world in which `tool.wasm` holds a good plugin that says "good".
async fn world() -> World {
    world_with(Worldly::default()).await
}

/// Where a plugin may be called as often as one likes.
async fn unlimited() -> World {
    let mut worldly = Worldly::default();
    worldly.rates.plugin_calls_per_minute = 0;
    world_with(worldly).await
}

async fn world_with(worldly: Worldly) -> World {
    let world = World::with(worldly).await;
    world.drop_file("tool.wasm", &saying("tool", "1.0.0", "good")).await;
    world
}

/// Puts `bytes` in the place of the good plugin's file.
async fn refused(world: &World, bytes: &[u8]) -> String {
    let (before, audited) = (world.serving("tool").await, world.audited("admission", "refused").await.len());
    world.drop_file("tool.wasm", bytes).await;
    let refusal = world.refusal("tool.wasm").await;
    assert!(refusal.starts_with("tool.wasm was refused ("), "{refusal}");
    assert!(!refusal.contains('\n') && refusal.len() < 1300, "{refusal}");
    assert!(before.is_some() && world.serving("tool").await == before, "the good one serves on");
    assert_eq!(world.call("tool").await.unwrap(), "good");
    let rows = world.audited("admission", "refused").await;
    assert_eq!(rows.len(), audited + 1);
    assert_eq!((rows[0].subject.as_str(), rows[0].detail["reason"].as_str().unwrap()), ("tool.wasm", refusal.as_str()));
    assert_eq!(world.store.serving().await.unwrap().len(), 1, "a restart would serve it too");
    refusal
}

async fn check(bytes: &[u8], words: &[&str]) {
    let refusal = refused(&world().await, bytes).await;
    for word in words {
        assert!(refusal.contains(word), "no `{word}` in: {refusal}");
    }
}

/// The next version of the good plugin.
fn next() -> Package {
    Package::new("tool", "1.0.1", &Guest::saying("next"))
}

#[tokio::test]
async fn a_file_cut_off_anywhere_is_refused() {
    let world = world().await;
    let whole = Package::new("tool", "1.0.1", &Guest::saying("next").padded(40 * 1024)).file();
    for length in (0..whole.len()).step_by(1024).chain([whole.len() - 1]) {
        refused(&world, &whole[..length]).await;
    }
    world.drop_file("tool.wasm", &whole).await;
    assert_eq!(world.call("tool").await.unwrap(), "next", "the whole file is good");
}

#[tokio::test]
async fn a_file_with_any_bit_turned_is_refused() {
    let world = world().await;
    let whole = Package::new("tool", "1.0.1", &Guest::saying("next").padded(8 * 1024)).file();
    // All over the file, and closer together in the signed section at its end.
    let (far, near) = (whole.len() / 120, 1500 / 80);
    let positions = (0..120).map(|step| step * far).chain((0..80).map(|step| whole.len() - 1 - step * near));
    for (count, position) in positions.enumerate() {
        let mut turned = whole.clone();
        turned[position] ^= 1 << (count % 8);
        refused(&world, &turned).await;
    }
}

#[tokio::test]
async fn an_unsigned_component_is_refused_with_the_command_that_signs_it() {
    check(&next().component, &["not signed", "skynet plugin sign"]).await;
}

#[tokio::test]
async fn a_key_that_nobody_trusts_is_refused_with_the_command_that_trusts_it() {
    let stranger = SecretKey::from_seed(&[9; 32]);
    let keyid = stranger.public().key_id();
    check(&next().signed_by(&stranger).file(), &["does not trust", keyid.as_str(), "skynet key trust"]).await;
}

#[tokio::test]
async fn a_revoked_key_is_refused_with_the_reason_of_its_revocation() {
    let worldly = Worldly::default();
    let mut keys = trust();
    keys.revoke(&second_author().public().key_id(), "laptop stolen").unwrap();
    *worldly.trust.lock().unwrap() = Ok(keys);
    let refusal = refused(&world_with(worldly).await, &next().signed_by(&second_author()).file()).await;
    assert!(refusal.contains("revoked: laptop stolen") && refusal.contains("new key"), "{refusal}");
}

#[tokio::test]
async fn a_key_of_another_namespace_is_refused() {
    check(&next().signed_by(&bob()).file(), &["trusted for bob", "acme/tool", "--namespace acme"]).await;
}

#[tokio::test]
async fn trusted_keys_that_cannot_be_read_refuse_every_file() {
    let worldly = Worldly::default();
    let keys = Arc::clone(&worldly.trust);
    let world = world_with(worldly).await;
    *keys.lock().unwrap() = Err("trust.toml is damaged; restore it from a backup".into());
    let refusal = refused(&world, &next().file()).await;
    assert!(refusal.contains("(trusted keys)") && refusal.contains("restore it"), "{refusal}");
    *keys.lock().unwrap() = Ok(trust());
    world.host.rescan().await.unwrap();
    assert_eq!(world.call("tool").await.unwrap(), "next", "looking again is enough");
}

#[tokio::test]
async fn a_plugin_whose_only_key_was_revoked_serves_no_longer_once_the_host_looks() {
    let worldly = Worldly::default();
    let keys = Arc::clone(&worldly.trust);
    let world = world_with(worldly).await;
    assert_eq!(world.call("tool").await.unwrap(), "good");
    let mut revoked = trust();
    let ids: Vec<_> = revoked.keys.iter().map(|key| key.keyid.clone()).collect();
    ids.iter().for_each(|id| revoked.revoke(id, "it was stolen").unwrap());
    // A file that cannot be read is no revocation.
    *keys.lock().unwrap() = Err("damaged".into());
    world.host.rescan().await.unwrap();
    assert_eq!(world.call("tool").await.unwrap(), "good");
    *keys.lock().unwrap() = Ok(revoked);
    world.host.rescan().await.unwrap();
    world.call("tool").await.unwrap_err();
    *keys.lock().unwrap() = Ok(trust());
    world.host.rescan().await.unwrap();
    assert_eq!(world.call("tool").await.unwrap(), "good", "it is read again when the key counts again");
}

#[tokio::test]
async fn what_cannot_be_audited_is_not_admitted() {
    let world = world().await;
    world.fuse().refuse_rows();
    world.drop_file("tool.wasm", &next().file()).await;
    assert!(world.refusal("tool.wasm").await.contains("the disk is full"));
    assert_eq!(world.call("tool").await.unwrap(), "good");
}

#[tokio::test]
async fn core_modules_and_native_code_are_refused_with_the_way_to_a_component() {
    let module = wat::parse_str("(module)").unwrap();
    check(&module, &["core WebAssembly module", "wasm32-wasip2"]).await;
    check(b"\x7fELF\x02\x01\x01", &["native code", ".wasm"]).await;
    check(b"#!/bin/sh\nrm -rf /\n", &["not WebAssembly"]).await;
    // Signed by a trusted key or not: what is in it counts.
    let wit = next().release.wit;
    check(&Package::of(module, "tool", "1.0.1", wit).file(), &["core WebAssembly module"]).await;
    let world = world().await;
    let native = skynet_plugins::compile::compile(&next().component).unwrap();
    world.drop_file("tool.cwasm", &native).await;
    let refusal = world.refusal("tool.cwasm").await;
    assert!(refusal.contains("precompiled native code"), "{refusal}");
    assert_eq!(world.call("tool").await.unwrap(), "good");
}

#[tokio::test]
async fn a_file_over_the_size_cap_is_refused_without_being_read() {
    let world = world().await;
    let sparse = std::fs::File::create(world.inbox("big.wasm")).unwrap();
    sparse.set_len(200 * 1024 * 1024).unwrap();
    world.host.settled().await;
    let refusal = world.refusal("big.wasm").await;
    assert!(refusal.contains("209715200 bytes") && refusal.contains("plugins.max_component_bytes allows 67108864"), "{refusal}");
    assert!(refusal.contains("raise it in skynet.toml"), "{refusal}");
    assert_eq!(world.call("tool").await.unwrap(), "good");
}

fn leb(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

#[tokio::test]
async fn a_signed_component_of_a_million_functions_is_refused_before_it_is_compiled() {
    let functions = [leb(1_000_000), vec![0; 1_000_000]].concat();
    let types = b"\x01\x04\x01\x60\0\0\x03".to_vec();
    let module = [b"\0asm\x01\0\0\0".to_vec(), types, leb(functions.len()), functions].concat();
    let component = [b"\0asm\x0d\0\x01\0\x01".to_vec(), leb(module.len()), module].concat();
    check(&Package::of(component, "tool", "1.0.1", next().release.wit).file(), &["more than 50000 functions"]).await;
}

#[tokio::test]
async fn a_signed_component_of_components_in_components_is_refused() {
    let deep = wat::parse_str(format!("{}{}", "(component ".repeat(30), ")".repeat(30))).unwrap();
    check(&Package::of(deep, "tool", "1.0.1", next().release.wit).file(), &["more than 8 components inside one another"]).await;
}

#[tokio::test]
async fn another_version_of_the_contract_is_refused_with_both_versions() {
    let mut package = next();
    package.release.wit.range = "^0.2.0".into();
    check(&package.file(), &["(interface version)", "asks for skynet:plugin ^0.2.0", "this host speaks 0.1.0", "Get a release"]).await;
}

#[tokio::test]
async fn a_component_that_is_not_what_its_release_says_is_refused_with_both_named() {
    let mut package = next();
    package.release.wit.world = "channel-plugin".into();
    check(&package.file(), &["(exports)", "world = \"channel-plugin\"", "exports is tool", "write world = \"tool-plugin\""]).await;
}

#[tokio::test]
async fn what_a_host_before_that_rule_admitted_is_not_served_after_a_start() {
    let world = world().await;
    let mut receipt = world.store.serving().await.unwrap().remove(0);
    receipt.release_json = receipt.release_json.replace("tool-plugin", "channel-plugin");
    world.store.publish(receipt).await.unwrap();
    let world = world.restart_around(|_| {}).await;
    assert!(world.call("tool").await.is_err());
    assert_eq!(world.serving("tool").await, None);
}

#[tokio::test]
async fn an_import_that_the_signed_release_does_not_declare_is_refused() {
    let mut package = Package::new("tool", "1.0.1", &Guest::tool(zoo!("log")));
    package.release.wit.imports.retain(|name| !name.contains("/log@"));
    check(&package.file(), &["(imports)", "skynet:plugin/log@0.1.0", "skynet plugin pack"]).await;
}

#[tokio::test]
async fn an_import_of_a_power_that_is_not_asked_for_is_refused() {
    let package = Package::new("tool", "1.0.1", &Guest::tool(zoo!("kv")));
    check(&package.file(), &["skynet:plugin/kv@0.1.0", "permission `kv`", "plugin.toml"]).await;
}

#[tokio::test]
async fn a_component_that_is_no_plugin_is_refused() {
    let nothing = wat::parse_str("(component)").unwrap();
    check(&Package::of(nothing, "tool", "1.0.1", next().release.wit).file(), &["(exports)", "skynet:plugin/tool"]).await;
}

#[tokio::test]
async fn a_component_with_exports_of_the_wrong_shape_is_refused() {
    let shape = wat::parse_str(
        r#"(component (instance $i)
            (export "skynet:plugin/tool@0.1.0" (instance $i)) (export "skynet:plugin/lifecycle@0.1.0" (instance $i)))"#,
    );
    check(&Package::of(shape.unwrap(), "tool", "1.0.1", next().release.wit).file(), &["(link)"]).await;
}

#[tokio::test]
async fn tools_with_bad_names_or_schemas_are_refused_by_name() {
    let good = r#"{"type":"object"}"#;
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("Bad Name", good)], "`Bad Name` is ill-named"),
        (&[("a\nb", good)], "ill-named"),
        (&[("go", good), ("go", good)], "two tools named `go`"),
        (&[("go", "[]")], "no JSON Schema object"),
        (&[("go", "{")], "no JSON Schema object"),
        (&[("", good)], "ill-named"),
    ];
    for (tools, word) in cases {
        let file = Package::new("tool", "1.0.1", &Guest::saying("next").tools(tools)).file();
        check(&file, &["(probe)", "acme/tool@1.0.1", word]).await;
    }
    let many: Vec<String> = (0..257).map(|number| format!("t{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "{}")).collect();
    let file = Package::new("tool", "1.0.1", &Guest::saying("next").tools(&many)).file();
    check(&file, &["257 tools", "may offer 256"]).await;
}

#[tokio::test]
async fn two_plugins_cannot_offer_the_same_tool_name() {
    let world = world().await;
    // Both would be `tool__go` to a model.
    world.drop_file("second.wasm", &saying("tool-tool", "1.0.0", "other")).await;
    let refusal = world.refusal("second.wasm").await;
    assert!(refusal.contains("`tool__go`") && refusal.contains("taken by acme/tool:") && refusal.contains("Remove one"), "{refusal}");
    assert_eq!(world.call("tool").await.unwrap(), "good");
    // It is taken once the other one is gone.
    world.remove("tool.wasm").await;
    world.host.rescan().await.unwrap();
    assert_eq!(world.call("tool-tool").await.unwrap(), "other");
}

#[tokio::test]
async fn links_and_folders_are_refused_by_kind() {
    let world = world().await;
    let elsewhere = world.inbox("elsewhere");
    std::fs::write(&elsewhere, next().file()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, world.inbox("link.wasm")).unwrap();
    std::fs::create_dir(world.inbox("dir.wasm")).unwrap();
    world.host.settled().await;
    assert!(world.refusal("link.wasm").await.contains("a link, not a plain file; copy the file itself"));
    assert!(world.refusal("dir.wasm").await.contains("a folder"));
    assert_eq!(world.call("tool").await.unwrap(), "good");
}

#[tokio::test]
async fn a_file_under_an_unfinished_name_is_not_looked_at_until_it_is_renamed() {
    let world = world().await;
    let whole = next().file();
    std::fs::write(world.inbox("tool.wasm.part"), &whole[..whole.len() / 2]).unwrap();
    world.host.settled().await;
    std::fs::write(world.inbox("tool.wasm.part"), &whole).unwrap();
    std::fs::rename(world.inbox("tool.wasm.part"), world.inbox("tool.wasm")).unwrap();
    world.host.settled().await;
    assert_eq!(world.call("tool").await.unwrap(), "next");
    assert!(world.audited("admission", "refused").await.is_empty());
}

#[tokio::test]
async fn a_file_that_stays_half_written_is_refused_until_the_rest_comes() {
    let world = world().await;
    let whole = next().file();
    let refusal = refused(&world, &whole[..whole.len() / 2]).await;
    assert!(refusal.contains("the copy is incomplete"), "{refusal}");
    std::fs::write(world.inbox("tool.wasm"), &whole).unwrap();
    world.host.settled().await;
    assert_eq!(world.call("tool").await.unwrap(), "next");
    assert_eq!(world.state("acme/tool").await, PluginState::Serving);
}

#[tokio::test]
async fn of_two_names_that_differ_only_in_case_the_second_is_refused() {
    let world = world().await;
    world.drop_file("Tool.wasm", &saying("other", "1.0.0", "other")).await;
    let refusal = world.refusal("Tool.wasm").await;
    assert!(refusal.contains("tool.wasm") && refusal.contains("rename one"), "{refusal}");
    assert_eq!(world.call("tool").await.unwrap(), "good");
    assert_eq!(world.audited("admission", "refused").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_replaced_over_and_over_ends_as_one_of_its_good_versions() {
    let world = Arc::new(unlimited().await);
    let mut events = world.host.events();
    let files = [saying("tool", "1.0.0", "this"), saying("tool", "1.0.0", "that")];
    let done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (world, done) = (Arc::clone(&world), Arc::clone(&done));
        tokio::task::spawn_blocking(move || {
            for number in 0..400 {
                // Renamed over, as installers do.
                world.put("tool.wasm", &files[number % 2]);
                world.host.look_now();
                std::thread::yield_now();
            }
            done.store(true, Ordering::SeqCst);
        })
    };
    while !done.load(Ordering::SeqCst) {
        assert!(["good", "this", "that"].contains(&world.call("tool").await.unwrap().as_str()));
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    world.host.settled().await;
    assert_eq!(world.call("tool").await.unwrap(), "that", "the last one written");
    while let Ok(event) = events.try_recv() {
        assert!(!matches!(event, PluginEvent::Refused { .. } | PluginEvent::Withdrawn { .. }), "{event:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_rewritten_in_place_never_serves_half_and_ends_well() {
    let world = Arc::new(unlimited().await);
    let whole = Package::new("tool", "1.0.1", &Guest::saying("next").padded(40 * 1024)).file();
    let (writing, bytes) = (Arc::clone(&world), whole.clone());
    let writer = tokio::task::spawn_blocking(move || {
        use std::io::Write as _;
        for _ in 0..40 {
            let mut file = std::fs::File::create(writing.inbox("tool.wasm")).unwrap();
            for piece in bytes.chunks(4096) {
                file.write_all(piece).unwrap();
                writing.host.look_now();
                std::thread::yield_now();
            }
        }
    });
    while !writer.is_finished() {
        assert!(["good", "next"].contains(&world.call("tool").await.unwrap().as_str()));
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    world.host.settled().await;
    assert_eq!(world.call("tool").await.unwrap(), "next");
    assert_eq!(world.state("acme/tool").await, PluginState::Serving);
}

#[tokio::test]
async fn a_refused_file_under_a_new_name_is_listed_and_gone_when_it_is_removed() {
    let world = world().await;
    world.drop_file("evil.wasm", b"evil").await;
    assert!(world.refusal("evil.wasm").await.contains("not WebAssembly"));
    world.remove("evil.wasm").await;
    assert_eq!(world.host.list().await.len(), 1);
    assert_eq!(world.serving("tool").await.unwrap().id, id("tool"));
}
