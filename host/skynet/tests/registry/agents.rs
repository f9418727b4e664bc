//! Whole agents from a registry, and the plugins that an agent names, in one approval.

use crate::household::{Household, Said};
use crate::keeper::{CLOCK, Keeper, NET};
use crate::server::Act;
use serde_json::{Value, json};
use std::path::PathBuf;

/// An agent with a soul and the clock, exported by its publisher; listed where that is wanted.
fn butler(keeper: &mut Keeper, listed: bool) -> PathBuf {
    keeper.publish("1.0.0", NET);
    keeper.install();
    keeper.home.start();
    keeper.serves("1.0.0");
    std::fs::write(keeper.home.home().join("SOUL.md"), "# Soul\nYou are a butler.\n").unwrap();
    let (file, key) = (keeper.path("butler.agent"), keeper.path("acme.key"));
    std::fs::write(&key, format!("{}\n", "01".repeat(32))).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (text, key) = (file.to_str().unwrap(), key.to_str().unwrap());
    keeper.home.run(&["agent", "export", "acme/butler", "--as", "1.0.0", "--plugin", CLOCK, "--key", key, "-o", text]).done();
    if listed {
        publish(keeper, &file, &["--yes"]).done();
    }
    file
}

fn publish(keeper: &Keeper, file: &std::path::Path, more: &[&str]) -> Said {
    let (folder, keys) = (keeper.path("registry"), keeper.path("keys"));
    let words = ["--json", "registry", "publish", folder.to_str().unwrap(), file.to_str().unwrap(), "--keys", keys.to_str().unwrap()];
    keeper.home.run(&[&words[..], more].concat())
}

/// Somebody else, who knows the registry and nothing else.
fn user(keeper: &Keeper) -> Household {
    let user = Household::new();
    user.run(&["registry", "add", &keeper.server.url(), "--name", "main", "--root", &keeper.root(), "--namespace", "acme"]).done();
    user
}

fn install(user: &Household, what: &str, more: &[&str]) -> Said {
    user.run(&[&["--json", "agent", "install", what], more].concat())
}

#[test]
fn an_agent_is_installed_by_name_with_its_plugins_in_one_approval() {
    let mut keeper = Keeper::new();
    butler(&mut keeper, true);
    let mut user = user(&keeper);
    let found = user.run(&["--json", "agent", "search", "BUTLER"]).json();
    assert_eq!((&found[0]["id"], &found[0]["version"], &found[0]["plugins"]), (&json!("acme/butler"), &json!("1.0.0"), &json!([CLOCK])));
    assert!(user.run(&["agent", "search", "an", "agent"]).done().contains("acme/butler"), "its summary is looked at too");
    assert!(user.run(&["agent", "search", "gardener"]).done().contains("no agent fits"));
    Household::new().run(&["agent", "search"]).refused(5, &["registry add"]);
    let shown = user.run(&["agent", "inspect", "acme/butler"]).done();
    assert!(shown.contains("You are a butler.") && shown.contains("listed by registry main"), "{shown}");

    let dry: Value = install(&user, "acme/butler", &["--dry-run"]).json();
    let plugin = &dry["plugins"][0];
    assert_eq!((&plugin["id"], &plugin["state"]), (&json!(CLOCK), &json!("listed")));
    assert!(plugin["asks"][0].as_str().unwrap().contains("time.example.org"), "{dry}");
    assert!(plugin["findings"]["findings"].as_array().is_some_and(|findings| !findings.is_empty()), "{dry}");
    let release = plugin["release"].as_str().unwrap().to_owned();
    assert!(!user.home().join("plugins/acme--clock.wasm").exists());

    install(&user, "acme/butler", &[]).refused(4, &["nobody is here to agree", &release]);
    install(&user, "acme/butler", &["--yes"]).refused(4, &["nobody is here to agree", &release]);
    install(&user, "acme/butler", &["--yes", "--release", &"a".repeat(64)]).refused(4, &["not among those that you agree to"]);
    install(&user, "acme/butler", &["--yes", "--block-from", "medium"]).refused(4, &["does not pass the review"]);
    let soul = || std::fs::read_to_string(user.home().join("SOUL.md")).unwrap();
    assert!(!soul().contains("butler") && !user.home().join("plugins/acme--clock.wasm").exists(), "nothing was done without a yes");

    let done = install(&user, "acme/butler@1.0.0", &["--yes", "--release", &release]).json();
    assert_eq!((&done["plugins"][0]["state"], done["dry_run"].as_bool()), (&json!("installed"), Some(false)));
    assert!(soul().contains("You are a butler."));
    let lock = std::fs::read_to_string(user.home().join("registries/plugins.lock")).unwrap();
    assert!(lock.contains(&release), "{lock}");
    let again = install(&user, "acme/butler", &["--yes"]).json();
    assert_eq!((&again["plugins"][0]["state"], &again["files"][0]["fate"]), (&json!("here"), &json!("the same already")));
    user.start();
    user.until_state(CLOCK, "serving");
    assert!(user.run(&["plugin", "grants", CLOCK]).done().contains("time.example.org"));
    assert!(user.run(&["audit", "tail", "-n", "50", "--kind", "agent"]).done().contains("acme/butler 1.0.0"));
}

#[test]
fn what_cannot_be_fetched_is_named_and_the_rest_is_installed() {
    let mut keeper = Keeper::new();
    let file = butler(&mut keeper, false);
    let user = user(&keeper);
    let key = crate::keeper::key(1).public().text();
    let file = file.to_str().unwrap();
    install(&user, file, &["--yes"]).refused(4, &["does not trust"]);
    user.run(&["key", "trust", &key, "--namespace", "acme"]).done();
    keeper.server.act("timestamp.json", Act::Say(b"{}".to_vec()));
    install(&user, file, &["--yes"]).refused(5, &["still to come: acme/clock 1.0.0", "refused"]);
    assert!(std::fs::read_to_string(user.home().join("SOUL.md")).unwrap().contains("butler"));
    assert!(!user.home().join("plugins/acme--clock.wasm").exists());
}

#[test]
fn an_agent_is_listed_once_signed_by_its_publisher_and_without_plugin_files() {
    let mut keeper = Keeper::new();
    let file = butler(&mut keeper, false);
    assert_eq!(publish(&keeper, &file, &["--plan"]).json()["published"], false);
    publish(&keeper, &file, &[]).refused(4, &["was not listed"]);
    let said = publish(&keeper, &file, &["--yes"]).json();
    assert_eq!((&said["published"], &said["elsewhere"]), (&json!(true), &json!([])));
    assert_eq!(publish(&keeper, &file, &["--yes"]).json()["published"], false, "the same again is no news");

    let other = keeper.path("other.agent");
    let text = other.to_str().unwrap().to_owned();
    let export =
        |more: &[&str]| keeper.home.run(&[&["agent", "export", "acme/butler", "--plugin", CLOCK, "-o", &text], more].concat()).done();
    // The dev key of this machine is not the publisher's.
    export(&["--as", "1.1.0"]);
    publish(&keeper, &other, &["--yes"]).refused(4, &["acme", "sign"]);
    let key = keeper.path("acme.key");
    let key = key.to_str().unwrap();
    export(&["--as", "1.0.0", "--key", key, "--summary", "Another."]);
    publish(&keeper, &other, &["--yes"]).refused(4, &["listed with other bytes"]);
    export(&["--as", "0.9.0", "--key", key]);
    publish(&keeper, &other, &["--yes"]).refused(4, &["version 1.0.0 is listed"]);
    export(&["--as", "1.1.0", "--key", key, "--with-plugins"]);
    publish(&keeper, &other, &["--yes"]).refused(4, &["--with-plugins"]);

    // It is copied and looked through like all else.
    let (registry, copy) = (keeper.path("registry"), keeper.path("copy"));
    keeper.home.run(&["registry", "mirror", registry.to_str().unwrap(), copy.to_str().unwrap(), "--root", &keeper.root()]).done();
    keeper.home.run(&["registry", "verify", copy.to_str().unwrap()]).done();
    let user = Household::new();
    let add = ["registry", "add", copy.to_str().unwrap(), "--name", "main", "--root", &keeper.root(), "--namespace", "acme"];
    user.run(&add).done();
    user.run(&["agent", "inspect", "acme/butler@2"]).refused(5, &["an agent acme/butler"]);
    assert!(user.run(&["agent", "inspect", "acme/butler"]).done().contains("a butler"));
}

#[test]
fn a_file_that_comes_with_an_agent_is_not_put_over_what_a_registry_installed() {
    let mut keeper = Keeper::new();
    butler(&mut keeper, false);
    keeper.publish("1.1.0", NET);
    keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done();
    keeper.serves("1.1.0");
    let (file, key) = (keeper.path("newer.agent"), keeper.path("acme.key"));
    let (file, key) = (file.to_str().unwrap(), key.to_str().unwrap());
    keeper
        .home
        .run(&["agent", "export", "acme/butler", "--as", "1.1.0", "--plugin", CLOCK, "--with-plugins", "--key", key, "-o", file])
        .done();
    let user = user(&keeper);
    user.run(&["key", "trust", &crate::keeper::key(1).public().text(), "--namespace", "acme"]).done();
    user.run(&["plugin", "install", "acme/clock@1.0.0", "--yes", "--unseen"]).done();
    let lock = || std::fs::read_to_string(user.home().join("registries/plugins.lock")).unwrap();
    let in_folder = || skynet_policy::sha256_hex(&std::fs::read(user.home().join("plugins/acme--clock.wasm")).unwrap());
    let (before, bytes) = (lock(), in_folder());

    // Nobody answers for it any more: the lockfile would be left behind.
    user.run(&["registry", "remove", "main"]).done();
    install(&user, file, &["--yes", "--mine", "keep"]).refused(5, &["1.0.0 of it came from registry main", "skynet plugin remove"]);
    assert_eq!((lock(), in_folder()), (before, bytes));
    user.run(&["registry", "add", &keeper.server.url(), "--name", "main", "--root", &keeper.root(), "--namespace", "acme"]).done();
    let done = install(&user, file, &["--yes", "--mine", "keep"]).json();
    assert_eq!(done["plugins"][0]["state"], "installed");
    assert!(lock().contains("version = \"1.1.0\"") && lock().contains(&in_folder()), "{}", lock());
}
