//! The upgrade path: file dropped → new version serves, without a restart.

use crate::household::{Household, guest};
use serde_json::Value;

const MANIFEST: &str = "schema = 1\nid = \"skynet/tool-time\"\nversion = \"VERSION\"\nsummary = \"Tells the time.\"\nworld = \"tool-plugin\"\nwit = \"^0.1.0\"\n";

fn version(home: &Household, version: &str) -> std::path::PathBuf {
    let folder = home.home().join("..");
    let manifest = folder.join(format!("{version}.toml"));
    std::fs::write(&manifest, MANIFEST.replace("VERSION", version)).unwrap();
    let out = folder.join(format!("{version}.wasm"));
    home.pack(&guest("tool-time"), &manifest, &out);
    out
}

fn serves(home: &Household, version: &str) -> Option<Value> {
    home.plugin("skynet/tool-time").filter(|line| line["serving"]["version"] == version)
}

#[test]
fn a_dropped_file_is_served_swapped_refused_removed_and_rolled_back() {
    let mut home = Household::compiling();
    home.install("provider-offline");
    home.drop_file(&version(&home, "0.1.0"), "time.wasm");
    home.start();
    home.until("0.1.0", |home| serves(home, "0.1.0"));

    home.drop_file(&version(&home, "0.2.0"), "time.wasm");
    home.until("0.2.0", |home| serves(home, "0.2.0"));
    home.until_model();
    assert!(home.run(&["chat", "what time is it?"]).done().starts_with("It is "));

    // An older one is refused and named; the newer serves on.
    home.drop_file(&version(&home, "0.1.5"), "old.wasm");
    let refused = home.until_state("old.wasm", "refused");
    assert!(refused["reason"].as_str().unwrap().contains("0.2.0"), "{refused}");
    assert!(serves(&home, "0.2.0").is_some());

    // A damaged one is refused; what serves is untouched.
    let mut bytes = std::fs::read(version(&home, "0.3.0")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let bad = home.home().join("../bad");
    std::fs::write(&bad, bytes).unwrap();
    home.drop_file(&bad, "bad.wasm");
    home.until_state("bad.wasm", "refused");
    assert!(serves(&home, "0.2.0").is_some());

    home.run(&["plugin", "rollback", "skynet/tool-time"]).done();
    home.until("0.1.0 again", |home| serves(home, "0.1.0"));

    std::fs::remove_file(home.home().join("plugins/time.wasm")).unwrap();
    home.until_state("skynet/tool-time", "disabled");
}
