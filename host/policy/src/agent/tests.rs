use super::bundle::{Bundle, read, write};
use super::*;
use crate::digest::sha256_hex;
use crate::registry::archive::{BLOCK, write_header};
use crate::signature::{SecretKey, sign_release};
use crate::trust::{Tier, TrustStore, TrustedKey};
use std::collections::BTreeMap;

fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

fn manifest(soul: &str) -> AgentManifest {
    AgentManifest {
        schema: 1,
        id: PluginId::new("acme/butler").unwrap(),
        version: semver::Version::new(1, 0, 0),
        summary: "Keeps house.".into(),
        created: "2026-03-02T16:00:00Z".into(),
        files: vec![AgentFile { name: "SOUL.md".into(), sha256: sha256_hex(soul.as_bytes()), size: soul.len() as u64 }],
        plugins: vec![AgentPlugin {
            id: PluginId::new("acme/weather").unwrap(),
            version: semver::Version::new(2, 0, 0),
            release: "ab".repeat(32),
            publisher: key().public().key_id(),
        }],
        config_schema: serde_json::Map::new(),
    }
}

fn bundle(manifest: AgentManifest, soul: &str) -> Bundle {
    let manifest_json = manifest.to_bytes();
    let signatures_json = seal::sign(&key(), &manifest_json).to_bytes();
    let files = BTreeMap::from([("SOUL.md".to_owned(), soul.to_owned())]);
    Bundle { manifest, manifest_json, signatures_json, files, plugins: BTreeMap::new() }
}

fn whole() -> Vec<u8> {
    write(&bundle(manifest("Be kind."), "Be kind."))
}

fn entry(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut entry = write_header(name, bytes.len() as u64);
    entry.extend(bytes);
    entry.resize(entry.len().next_multiple_of(BLOCK), 0);
    entry
}

/// The whole bundle with these blocks in front of its end.
fn with(more: &[u8]) -> Vec<u8> {
    let mut archive = whole();
    let end = archive.len() - 2 * BLOCK;
    archive.splice(end..end, more.iter().copied());
    archive
}

#[track_caller]
fn refused(archive: &[u8], fault: &str) {
    let said = read(archive).unwrap_err().to_string();
    assert!(said.contains(fault), "{said}");
}

fn trusting(namespaces: &[&str]) -> TrustStore {
    let namespaces = namespaces.iter().map(ToString::to_string).collect();
    TrustStore { keys: vec![TrustedKey::new(&key().public(), "k", namespaces, Tier::Local, "2026-03-02T16:00:00Z")] }
}

#[test]
fn a_bundle_is_read_back_as_it_was_written_and_its_signature_holds() {
    let bundle = read(&whole()).unwrap();
    assert_eq!(bundle.files["SOUL.md"], "Be kind.");
    assert_eq!(write(&bundle), whole());
    let verify = |trust: &TrustStore| seal::verify(&bundle.manifest_json, &bundle.signatures_json, trust, &bundle.manifest.id);
    assert_eq!(verify(&trusting(&["acme"])).unwrap()[0].keyid, key().public().key_id());
    let said = verify(&TrustStore::default()).unwrap_err().to_string();
    assert!(said.contains("does not trust") && said.contains("--namespace acme"), "{said}");
    assert!(verify(&trusting(&["other"])).unwrap_err().to_string().contains("not for agents of acme"));
}

#[test]
fn a_signature_over_a_release_is_none_over_an_agent() {
    let bundle = bundle(manifest("x"), "x");
    let other = sign_release(&key(), &bundle.manifest_json).to_bytes();
    let said = seal::verify(&bundle.manifest_json, &other, &trusting(&["*"]), &bundle.manifest.id).unwrap_err().to_string();
    assert!(said.contains("does not fit"), "{said}");
    let mut changed = bundle.manifest_json.clone();
    changed[20] ^= 1;
    assert!(seal::verify(&changed, &bundle.signatures_json, &trusting(&["*"]), &bundle.manifest.id).is_err());
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in [
        "../SOUL.md",
        "/etc/passwd",
        "files/../SOUL.md",
        "files/USER.md",
        "files/MEMORY.md",
        "files/soul.md",
        "SOUL.md",
        "files/a/SOUL.md",
        "plugins/x.wasm",
    ] {
        refused(&with(&entry(name, b"x")), "is no file of an agent");
    }
}

#[test]
fn links_folders_and_second_files_are_refused() {
    for (kind, fault) in [(b'1', "not a plain file"), (b'2', "not a plain file"), (b'5', "not a plain file"), (b'x', "not a plain file")] {
        let mut link = entry("files/AGENTS.md", b"");
        link[156] = kind;
        let sum: u32 =
            link[..BLOCK].iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
        link[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        refused(&with(&link), fault);
    }
    refused(&with(&entry("files/SOUL.md", b"Be cruel.")), "`files/SOUL.md` twice");
    refused(&with(&entry("agent.json", b"{}")), "`agent.json` twice");
}

#[test]
fn sizes_that_lie_and_ends_that_are_none_are_refused() {
    refused(&with(&write_header("files/AGENTS.md", 1 << 32)), "larger than the bundle");
    refused(&with(&write_header("files/AGENTS.md", 100_000)), "larger than the bundle");
    let whole = whole();
    refused(&whole[..whole.len() - BLOCK], "end is not whole");
    refused(&whole[..700], "larger than the bundle");
    refused(b"", "ends in the middle");
    refused(&[whole.clone(), vec![0; BLOCK]].concat(), "something follows its end");
    refused(&[whole, entry("files/AGENTS.md", b"x")].concat(), "something follows its end");
}

#[test]
fn what_is_listed_is_what_is_there() {
    refused(&with(&entry("files/AGENTS.md", b"x")), "came along and is not listed");
    refused(&write(&bundle(manifest("Be kind."), "Be cruel.")), "not the file that was signed");
    let mut missing = bundle(manifest("x"), "x");
    missing.files.clear();
    refused(&write(&missing), "listed and not there");
    let digest = "cd".repeat(32);
    refused(&with(&entry(&format!("plugins/{digest}.wasm"), b"x")), "came along and is not listed");
    let digest = "ab".repeat(32);
    refused(&with(&entry(&format!("plugins/{digest}.wasm"), b"\0asm")), &digest);
}

#[test]
fn a_manifest_says_nothing_that_is_not_known() {
    let faulty = |change: &dyn Fn(&mut serde_json::Value), fault: &str| {
        let mut value: serde_json::Value = serde_json::from_slice(&manifest("x").to_bytes()).unwrap();
        change(&mut value);
        let said = AgentManifest::parse(&serde_json::to_vec(&value).unwrap()).unwrap_err().to_string();
        assert!(said.contains(fault), "{said}");
    };
    faulty(&|value| value["grants"] = serde_json::json!({}), "unknown field `grants`");
    faulty(&|value| value["schema"] = 2.into(), "schema 1");
    faulty(&|value| value["files"][0]["name"] = "../x".into(), "may not bring");
    faulty(&|value| value["files"][0]["name"] = "USER.md".into(), "may not bring");
    faulty(&|value| value["summary"] = "a\u{202e}b".into(), "one plain line");
    faulty(&|value| value["plugins"][0]["release"] = "x".into(), "64 lower-case hex digits");
    faulty(&|value| value["config_schema"] = serde_json::json!({"acme/other": {}}), "that it does not have");
    assert!(AgentManifest::parse(br#"{"schema":1,"schema":1}"#).unwrap_err().to_string().contains("schema"));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2048), at in 0usize..3000, byte: u8) {
        let _ = read(&bytes);
        let mut changed = whole();
        let at = at % changed.len();
        changed[at] = byte;
        // What is read of a changed bundle still has the listed digests, or the signature breaks.
        if let Ok(read) = read(&changed) {
            for file in &read.manifest.files {
                proptest::prop_assert_eq!(&sha256_hex(read.files[&file.name].as_bytes()), &file.sha256);
            }
        }
    }
}
