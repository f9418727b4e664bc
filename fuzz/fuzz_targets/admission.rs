//! A file from the drop folder, up to the door of the compiler.
//!
//! Seeds are components as text; the mutator makes bytes of them first, then works
//! on the bytes. Held: a file has one form; what opens is what was signed, and not
//! with one bit changed; looking into a component ends, says the same twice, and
//! lists what it lists in order.
#![no_main]

#[path = "../../host/plugins/src/inspect.rs"]
#[allow(dead_code, reason = "the host's own file: it uses all of it")]
mod inspect;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use skynet_policy::{
    ComponentDigest, Permissions, Release, SecretKey, Tier, TrustStore, TrustedKey, WitDeclaration, imports, join, open, sha256_hex,
    sign_release, split, strip, version,
};
use std::sync::LazyLock;

static KEY: LazyLock<SecretKey> = LazyLock::new(|| SecretKey::from_seed(&[7; 32]));
static TRUST: LazyLock<TrustStore> = LazyLock::new(|| {
    let mut trust = TrustStore::default();
    let key = TrustedKey::new(&KEY.public(), "fuzz", vec!["acme".into()], Tier::Local, "2026-01-01T00:00:00Z");
    trust.trust(key).expect("a fresh store takes a key");
    trust
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, _seed: u32| {
    let size = match component_of(data.get(..size).unwrap_or_default()) {
        Some(component) if component.len() <= max_size => {
            data[..component.len()].copy_from_slice(&component);
            component.len()
        }
        _ => size,
    };
    fuzzer_mutate(data, size, max_size)
});

fuzz_target!(|bytes: &[u8]| {
    let made = component_of(bytes);
    let bytes = made.as_deref().unwrap_or(bytes);
    as_it_is(bytes);
    look_into(strip(bytes));
    signed(strip(bytes));
});

/// A seed is text.
fn component_of(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.trim_start().starts_with('('))?;
    wat::parse_str(text).ok()
}

/// Nobody vouches for these bytes.
fn as_it_is(file: &[u8]) {
    let Ok(parts) = split(file) else {
        assert!(open(file, &TRUST).is_err());
        return;
    };
    assert_eq!(join(parts.component, parts.release_json, parts.signatures_json), file, "a file has one form");
    assert_eq!(strip(file), parts.component);
    if let Ok(release) = Release::parse(parts.release_json) {
        assert_eq!(release.faults(), Vec::<String>::new());
        let again = Release::parse(&release.to_bytes()).expect("its own text");
        assert_eq!(again, release);
    }
}

fn look_into(component: &[u8]) {
    let Ok(contents) = inspect::inspect(component) else { return };
    assert_eq!(inspect::inspect(component).ok().as_ref(), Some(&contents), "it says the same twice");
    assert!(contents.imports.is_sorted() && contents.exports.is_sorted());
    assert!(contents.kinds().is_empty() || !contents.exports.is_empty());
    for name in contents.imports.iter().chain(&contents.exports) {
        let _ = version::check_interface(name);
    }
    let all = contents.imports.iter().filter(|name| imports::required_permission(name).is_some()).count();
    assert!(imports::undeclared(&contents.imports, &Permissions::default()).len() <= all, "a fault without an import");
}

/// The same bytes with somebody's word for them.
fn signed(component: &[u8]) {
    let release = Release {
        schema: 1,
        id: skynet_core::PluginId::new("acme/tool-x").expect("a legal id"),
        version: semver::Version::new(1, 0, 0),
        component: ComponentDigest { sha256: sha256_hex(component), size: component.len() as u64 },
        wit: WitDeclaration { world: "tool-plugin".into(), range: "^0.1.0".into(), imports: Vec::new(), exports: Vec::new() },
        permissions: Permissions::default(),
        summary: "A tool.".into(),
        prev: None,
        created: "2026-01-01T00:00:00Z".into(),
        files: Vec::new(),
        config_schema: None,
        tools: Vec::new(),
    };
    let json = release.to_bytes();
    let mut file = join(component, &json, &sign_release(&KEY, &json).to_bytes());
    let Ok(opened) = open(&file, &TRUST) else { return };
    assert_eq!(opened.parts.component, component);
    assert_eq!(opened.release, release);
    // One bit anywhere, chosen by the file itself.
    let at = usize::from_str_radix(&release.component.sha256[..8], 16).unwrap_or_default() % file.len();
    file[at] ^= 1 << (at % 8);
    assert!(open(&file, &TRUST).is_err(), "it opens with a changed bit in byte {at} of {}", file.len());
}
