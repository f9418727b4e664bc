//! A whole agent's file, from a stranger.
//!
//! Seeds are archives. Held: what is read is what was listed, has names that were fixed
//! beforehand, and is read again from what it is written as; the look for secrets ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skynet_policy::agent::bundle::{read, write};
use skynet_policy::agent::{AgentManifest, PROMPT_FILES, secretive};
use skynet_policy::sha256_hex;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = AgentManifest::parse(bytes) {
        assert_eq!(AgentManifest::parse(&manifest.to_bytes()).as_ref(), Ok(&manifest));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let lines = text.lines().count();
        assert!(secretive::suspects(text).iter().all(|found| (1..=lines).contains(&found.line)));
    }
    let Ok(bundle) = read(bytes) else { return };
    assert_eq!(bundle.files.len(), bundle.manifest.files.len());
    for listed in &bundle.manifest.files {
        assert!(PROMPT_FILES.contains(&listed.name.as_str()));
        assert_eq!(sha256_hex(bundle.files[&listed.name].as_bytes()), listed.sha256);
    }
    assert_eq!(read(&write(&bundle)), Ok(bundle));
});
