//! What is the owner's stays the owner's: their own plugins, a grant that they took, a file
//! that somebody changed, and word of other registries when one of them is broken.

use crate::household::{Household, guest};
use crate::keeper::{CLOCK, Keeper, NET, key};
use skynet_policy::registry::advisories::AdvisoryKind;

#[test]
fn a_grant_that_was_taken_is_not_brought_back_by_an_update() {
    let mut keeper = Keeper::new();
    keeper.publish("1.0.0", NET);
    keeper.install();
    keeper.home.start();
    keeper.serves("1.0.0");
    keeper.home.run(&["plugin", "revoke", CLOCK]).done();
    keeper.publish("1.1.0", NET);
    let plan = keeper.home.run(&["plugin", "update", "--plan"]).done();
    assert!(plan.contains("revoked or has expired, and this brings none"), "{plan}");
    let said = keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done();
    assert!(said.contains("waits for your word: skynet plugin grant acme/clock"), "{said}");
    assert!(keeper.home.run(&["plugin", "grants", CLOCK]).done().contains("has no grant"));
    keeper.home.run(&["plugin", "grant", CLOCK, "--yes"]).done();
    keeper.serves("1.1.0");
    // What was removed and comes anew was agreed to anew.
    keeper.home.run(&["plugin", "remove", CLOCK, "--yes"]).done();
    keeper.install();
    assert!(keeper.home.run(&["plugin", "grants", CLOCK]).done().contains("time.example.org"));
    keeper.serves("1.1.0");
}

#[test]
fn a_file_that_is_not_the_installed_one_is_put_back_and_one_that_is_is_left_alone() {
    let keeper = Keeper::new();
    keeper.publish("1.0.0", "");
    keeper.install();
    let (good, file) = (keeper.in_folder(), keeper.home.home().join("plugins/acme--clock.wasm"));
    let rows = || keeper.home.run(&["--json", "audit", "tail", "-n", "50", "--kind", "plugin.install"]).done().matches("\"ok\"").count();
    let before = rows();
    assert!(keeper.install().contains("installed already"));
    assert!(keeper.home.run(&["plugin", "install", "--locked", "--yes"]).done().contains("as the lockfile says"));
    assert_eq!(rows(), before, "nothing was done, and nothing tells of it");
    for arguments in [&["plugin", "install", CLOCK, "--yes", "--unseen"][..], &["plugin", "install", "--locked", "--yes"]] {
        std::fs::write(&file, b"\0asm\x0d\0\x01\0").unwrap();
        keeper.home.run(arguments).done();
        assert_eq!(keeper.in_folder(), good);
    }
}

#[test]
fn the_owners_own_plugins_share_no_namespace_with_a_registrys() {
    let mut keeper = Keeper::new();
    keeper.publish("1.0.0", "");
    let (manifest, packed) = (keeper.path("own.toml"), keeper.path("own.wasm"));
    let text = "schema = 1\nid = \"acme/notes\"\nversion = \"1.0.0\"\nsummary = \"Mine.\"\nworld = \"tool-plugin\"\nwit = \"^0.1.0\"\n";
    std::fs::write(&manifest, text).unwrap();
    // Signed with the dev key of this machine, which is trusted for all namespaces.
    keeper.home.pack(&guest("tool-time"), &manifest, &packed);
    keeper.home.drop_file(&packed, "notes.wasm");
    keeper.home.start();
    keeper.home.until_state("acme/notes", "serving");
    let refused = keeper.home.run(&["plugin", "install", CLOCK, "--yes", "--unseen"]);
    refused.refused(4, &["the namespace acme are signed by", "skynet key list"]);
    assert_eq!(keeper.in_folder(), None);
    assert!(!keeper.home.run(&["key", "list"]).done().contains(key(1).public().key_id().as_str()));
}

#[test]
fn a_registry_with_a_broken_index_does_not_keep_the_host_from_hearing_another() {
    let mut keeper = Keeper::new();
    let bad = keeper.publish("1.0.0", "");
    keeper.install();
    // One that is asked first, from which something came as far as the lockfile says.
    let broken = Keeper::new();
    broken.publish("1.0.0", "");
    let home: &Household = &keeper.home;
    home.run(&["registry", "add", &broken.server.url(), "--name", "broken", "--root", &broken.root(), "--namespace", "bob"]).done();
    let path = home.home().join("registries/registries.toml");
    let places = std::fs::read_to_string(&path).unwrap();
    let at = places.rfind("[[registry]]").unwrap();
    std::fs::write(&path, format!("{}\n{}", &places[at..], &places[..at])).unwrap();
    let lock = home.home().join("registries/plugins.lock");
    let text = std::fs::read_to_string(&lock).unwrap();
    let entry = &text[text.find("[[plugin]]").unwrap()..];
    let bobs = entry.replace("acme/clock", "bob/clock").replace("registry = \"main\"", "registry = \"broken\"");
    std::fs::write(&lock, format!("{text}\n{bobs}")).unwrap();
    broken.server.act("index.json", crate::server::Act::Say(b"{}".to_vec()));

    keeper.advise(AdvisoryKind::Revoked, &bad);
    keeper.home.run(&["config", "set", "registries.check", "true"]).done();
    keeper.home.start();
    let line = keeper.home.until_state(CLOCK, "refused");
    assert!(line["reason"].as_str().unwrap().contains("sends mail to strangers"), "{line}");
}
