//! A whole agent goes from one data folder to another: its words and its plugins, and
//! nothing of its owner.

use crate::household::Household;
use serde_json::json;
use std::path::{Path, PathBuf};

/// An agent of somebody else's, with a soul, a plugin, and things that stay at home.
fn abroad() -> (Household, PathBuf) {
    let mut home = Household::new();
    let root = home.home();
    std::fs::write(root.join("SOUL.md"), "# Soul\nYou are a butler.\u{202e}\n").unwrap();
    std::fs::write(root.join("USER.md"), "The owner lives at 4 Elm Street.\n").unwrap();
    std::fs::write(root.join("MEMORY.md"), "The safe is behind the clock.\n").unwrap();
    home.install("tool-reminder");
    home.start();
    home.until_state("skynet/tool-reminder", "pending");
    home.run(&["plugin", "grant", "skynet/tool-reminder", "--yes"]).done();
    home.until_state("skynet/tool-reminder", "serving");
    let file = root.join("butler.agent");
    (home, file)
}

fn export(home: &Household, file: &Path, more: &[&str]) -> serde_json::Value {
    let file = file.to_str().unwrap();
    home.run(&[&["--json", "agent", "export", "me/butler", "-o", file], more].concat()).json()
}

fn install(home: &Household, file: &Path, more: &[&str]) -> crate::household::Said {
    home.run(&[&["--json", "agent", "install", file.to_str().unwrap()], more].concat())
}

#[test]
fn an_agent_is_inspected_tried_and_installed_elsewhere_and_again_changes_nothing() {
    let (away, file) = abroad();
    let made = export(&away, &file, &["--with-plugins"]);
    let bytes = std::fs::read(&file).unwrap();
    for private in ["Elm Street", "behind the clock", "owner.token"] {
        assert!(!bytes.windows(private.len()).any(|part| part == private.as_bytes()), "{private} went along");
    }
    let mut home = Household::new();
    home.start();
    let shown = home.run(&["agent", "inspect", file.to_str().unwrap()]).done();
    assert!(shown.contains("You are a butler.<U+202E>") && shown.contains("asks: Plan work"), "{shown}");
    assert!(shown.contains("cannot be installed") && shown.contains("skynet key trust"), "{shown}");
    install(&home, &file, &["--yes", "--mine", "replace"]).refused(4, &["does not trust", "--namespace me"]);
    let public = made["public"].as_str().unwrap();
    home.run(&["key", "trust", public, "--namespace", "me", "--namespace", "skynet"]).done();
    std::fs::write(home.home().join("SOUL.md"), "My own soul.\n").unwrap();
    let dry = install(&home, &file, &["--dry-run"]).json();
    assert_eq!((&dry["files"][0]["fate"], &dry["plugins"][0]["state"]), (&json!("differs from yours"), &json!("at-hand")));
    assert!(dry["plugins"][0]["asks"][0].as_str().unwrap().contains("Plan work"));
    install(&home, &file, &["--yes"]).refused(4, &["--mine keep or --mine replace"]);
    assert_eq!(std::fs::read_to_string(home.home().join("SOUL.md")).unwrap(), "My own soul.\n");
    assert!(home.plugin("skynet/tool-reminder").is_none(), "nothing was done before everything was answered");
    let release = made["agent"]["plugins"][0]["release"].as_str().unwrap();
    install(&home, &file, &["--yes", "--mine", "replace"]).refused(4, &["nobody is here to agree", release]);
    assert_eq!(std::fs::read_to_string(home.home().join("SOUL.md")).unwrap(), "My own soul.\n");
    assert!(home.plugin("skynet/tool-reminder").is_none(), "a yes alone is a yes to nothing that was seen");
    let done = install(&home, &file, &["--yes", "--release", release, "--mine", "replace"]).json();
    let kept = done["kept"][0].as_str().unwrap();
    assert_eq!(std::fs::read_to_string(home.home().join(kept)).unwrap(), "My own soul.\n");
    assert!(std::fs::read_to_string(home.home().join("SOUL.md")).unwrap().contains("a butler"));
    home.until_state("skynet/tool-reminder", "serving");
    let again = install(&home, &file, &["--yes", "--mine", "replace"]).json();
    assert_eq!(
        (&again["kept"], &again["files"][0]["fate"], &again["plugins"][0]["state"]),
        (&json!([]), &json!("the same already"), &json!("here"))
    );
    assert!(home.run(&["audit", "tail", "-n", "100", "--kind", "agent"]).done().contains("me/butler"));
}

#[test]
fn a_soul_that_is_kept_stays_and_a_plugin_that_is_not_here_is_named_with_its_digest() {
    let (away, file) = abroad();
    let made = export(&away, &file, &[]);
    let home = Household::new();
    let public = made["public"].as_str().unwrap();
    home.run(&["key", "trust", public, "--namespace", "me", "--namespace", "skynet"]).done();
    std::fs::write(home.home().join("SOUL.md"), "My own soul.\n").unwrap();
    let release = made["agent"]["plugins"][0]["release"].as_str().unwrap();
    install(&home, &file, &["--yes", "--mine", "keep"]).refused(5, &[release, "skynet plugin install skynet/tool-reminder@0.1.0"]);
    assert_eq!(std::fs::read_to_string(home.home().join("SOUL.md")).unwrap(), "My own soul.\n");
    // From a folder with the very release it goes on, without a host that runs.
    let plugins = away.home().join("plugins");
    let from = ["--mine", "keep", "--from", plugins.to_str().unwrap()];
    install(&home, &file, &[&from[..], &["--yes"]].concat()).refused(4, &["nobody is here to agree"]);
    let done = install(&home, &file, &[&from[..], &["--yes", "--unseen"]].concat()).json();
    assert_eq!(done["plugins"][0]["state"], "installed");
    assert!(home.home().join("plugins/skynet--tool-reminder.wasm").exists());
}

#[test]
fn what_looks_like_a_secret_stops_an_export_with_its_place() {
    let (away, file) = abroad();
    std::fs::write(away.home().join("TOOLS.md"), "Use the tool.\nThe key is k9-4fGh29KdLm38QwErTy56UiOp12As.\n").unwrap();
    let path = file.to_str().unwrap();
    away.run(&["agent", "export", "me/butler", "-o", path]).refused(4, &["TOOLS.md line 2", "a token or key", "nothing was written"]);
    assert!(!file.exists());
    away.run(&["agent", "export", "me/butler", "-o", path, "--plugin", "acme/none"]).refused(4, &["TOOLS.md"]);
    // Too short and too plain to be told from a word by itself, but of a shape that is known.
    let cloud = format!("For the files:\n\nuse AKIA{} there.\n", "IOSFODNN7EXAMPLE");
    std::fs::write(away.home().join("TOOLS.md"), cloud).unwrap();
    away.run(&["agent", "export", "me/butler", "-o", path]).refused(4, &["TOOLS.md line 3", "access key", "nothing was written"]);
    std::fs::write(away.home().join("TOOLS.md"), format!("Use sk-{} for it.\n", "ant-api03-".to_owned() + &"A".repeat(40))).unwrap();
    away.run(&["agent", "export", "me/butler", "-o", path]).refused(4, &["TOOLS.md line 1", "nothing was written"]);
    std::fs::remove_file(away.home().join("TOOLS.md")).unwrap();
    away.run(&["agent", "export", "me/butler", "-o", path, "--plugin", "acme/none"]).refused(5, &["does not serve here"]);
}

#[test]
fn a_file_that_was_changed_or_is_none_is_refused_whole() {
    let (away, file) = abroad();
    let made = export(&away, &file, &[]);
    let home = Household::new();
    home.run(&["key", "trust", made["public"].as_str().unwrap(), "--namespace", "me"]).done();
    let whole = std::fs::read(&file).unwrap();
    let at = whole.windows(6).position(|part| part == b"butler").unwrap();
    let changed = home.home().join("changed.agent");
    let mut bytes = whole.clone();
    bytes[at] = b'c';
    std::fs::write(&changed, bytes).unwrap();
    install(&home, &changed, &["--dry-run"]).refused(4, &["does not fit"]);
    std::fs::write(&changed, &whole[..whole.len() - 100]).unwrap();
    install(&home, &changed, &["--dry-run"]).refused(4, &["is refused"]);
    std::fs::write(&changed, "no bundle").unwrap();
    home.run(&["agent", "inspect", changed.to_str().unwrap()]).refused(4, &["ends in the middle"]);
    home.run(&["agent", "inspect", "/no/such/file"]).refused(5, &["/no/such/file"]);
}
