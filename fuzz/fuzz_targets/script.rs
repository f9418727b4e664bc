//! `tool.toml` from a stranger: what is accepted can be held to, and leads nowhere.
//!
//! An accepted file gives a tool with a legal name and a schema that is an object, a script inside of its
//! folder or a program with its digest and no network, a request without faults, and a release that is read
//! again as it was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skynet_core::PluginId;
use skynet_policy::Release;
use skynet_policy::digest::is_sha256_hex;
use skynet_policy::naming::is_tool_name;
use skynet_policy::script::{MANIFEST_FILE, ScriptManifest};
use skynet_policy::tree::{self, Files};

fuzz_target!(|text: &str| {
    let Ok(manifest) = ScriptManifest::parse(text.as_bytes()) else { return };
    assert!(is_tool_name(&manifest.tool), "{:?}", manifest.tool);
    assert!(manifest.parameters.is_object());
    assert!(!manifest.program.is_empty());
    match &manifest.kept {
        None => {
            assert!(!manifest.program.contains('/'), "{:?}", manifest.program);
            assert_eq!(tree::path_fault(&manifest.script), None);
            assert!(manifest.script.split('/').all(|part| !part.is_empty() && part != ".."), "{:?}", manifest.script);
        }
        Some(kept) => {
            assert!(is_sha256_hex(&kept.sha256) && manifest.script.is_empty());
            assert!(kept.inside().is_none_or(|inside| !inside.split('/').any(|part| part.is_empty() || part == "..")), "{kept:?}");
            let words = kept.arguments.iter().chain(kept.environment.values()).chain([&kept.program]);
            assert!(!words.into_iter().any(|word| word.chars().any(char::is_control)), "{kept:?}");
            assert!(manifest.permissions.net.is_empty() && manifest.permissions.secrets.is_empty());
        }
    }
    assert_eq!(manifest.permissions.request_faults(), Vec::<String>::new(), "accepted with faults");
    assert_eq!(manifest.permissions.script, [manifest.tool.clone()]);
    for line in manifest.permissions.sentences() {
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{2028}' || c == '\u{2029}'), "a sentence of several lines: {line:?}");
    }
    let files = Files::from([(MANIFEST_FILE.to_owned(), text.as_bytes().to_vec())]);
    let id = PluginId::new("local/x").expect("an id");
    let release = manifest.release(id, &files, "1970-01-01T00:00:00Z");
    assert_eq!(Release::parse(&release.to_bytes()).as_ref(), Ok(&release));
});
