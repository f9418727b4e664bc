use super::*;
use crate::open::{OpenError, open};
use crate::sampling;
use crate::signature::{SecretKey, sign_release};
use crate::trust::{Tier, TrustStore, TrustedKey};
use proptest::prelude::*;
use serde_json::json;

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0\x00\x05\x04name\x02\x03abc";

fn document() -> Value {
    json!({
        "schema": 1,
        "id": "acme/tool-x",
        "version": "1.2.3",
        "component": { "sha256": sha256_hex(COMPONENT), "size": COMPONENT.len() },
        "wit": { "world": "tool-plugin", "range": "^0.1.0", "imports": ["skynet:plugin/log@0.1.0"], "exports": ["skynet:plugin/tool@0.1.0"] },
        "permissions": { "net": [{ "url": "https://x.com" }] },
        "summary": "One line.",
        "prev": null,
        "created": "2026-01-02T03:04:05Z",
        "files": [{ "name": "README.md", "sha256": sha256_hex(b""), "size": 0 }],
        "config_schema": { "type": "object" },
        "tools": [{ "name": "now", "annotations": { "read_only": true } }],
    })
}

fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut document = document();
    change(&mut document);
    Release::parse(document.to_string().as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_release_is_read_back_as_it_was_written() {
    let release = Release::parse(document().to_string().as_bytes()).unwrap();
    assert_eq!(release.id.as_str(), "acme/tool-x");
    assert!(release.tools[0].annotations.read_only);
    assert_eq!(Release::parse(&release.to_bytes()), Ok(release.clone()));
    assert_eq!(release.check_component(COMPONENT), Ok(()));
    assert!(release.check_component(b"other").unwrap_err().to_string().contains("were signed"));
}

#[test]
fn a_release_with_a_fault_names_its_key() {
    let check = |word: &str, change: fn(&mut Value)| {
        let error = refused(change);
        assert!(error.contains(word), "{word}: {error}");
    };
    check("schema 2; this host reads schema 1", |d| {
        d["schema"] = json!(2);
        d["later"] = json!(true);
    });
    check("unknown field `extra`", |d| d["extra"] = json!(1));
    check("unknown field `md5`", |d| d["component"]["md5"] = json!(""));
    check("missing field `wit`", |d| drop(d.as_object_mut().unwrap().remove("wit")));
    check("not a legal plugin id", |d| d["id"] = json!("../x"));
    check("component.sha256", |d| d["component"]["sha256"] = json!("AB".repeat(32)));
    check("component.size", |d| d["component"]["size"] = json!(0));
    check("wit.world", |d| d["wit"]["world"] = json!("everything"));
    check("wit.range", |d| d["wit"]["range"] = json!("new"));
    check("wit.imports", |d| d["wit"]["imports"] = json!(["a\nb"]));
    check("summary", |d| d["summary"] = json!("a\u{202e}b"));
    check("prev", |d| d["prev"] = json!("1"));
    check("created", |d| d["created"] = json!("yesterday"));
    check("files", |d| d["files"][0]["name"] = json!("../x"));
    check("tools", |d| d["tools"][0]["name"] = json!("Now"));
    check("config_schema", |d| d["config_schema"] = json!(7));
    check("permissions.net", |d| d["permissions"]["net"][0]["private"] = json!(true));
    check("unknown field `root`", |d| d["permissions"]["root"] = json!(true));
}

#[test]
fn two_readings_of_one_document_are_refused() {
    let text = document().to_string();
    let check = |text: String, word: &str| {
        let error = Release::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    check(text.replacen('{', "{\"schema\":1,", 1), "`schema` stands twice");
    check(text.replace("\"type\":\"object\"", "\"type\":\"object\",\"type\":\"array\""), "`type` stands twice");
    check(format!("{text}{{}}"), "trailing characters");
    check(text.replace("One line.", &"x".repeat(RELEASE_JSON_BYTES)), "at most");
    check("[".repeat(1000), "recursion limit");
}

#[test]
fn a_file_is_taken_apart_into_what_was_joined() {
    let file = join(COMPONENT, b"{}", b"[]");
    assert_eq!(split(&file), Ok(Split { component: COMPONENT, release_json: b"{}", signatures_json: b"[]" }));
    assert_eq!(strip(&file), COMPONENT);
    assert_eq!(strip(COMPONENT), COMPONENT);
    assert_eq!(join(strip(&file), b"{}", b"[]"), file);
}

#[test]
fn each_wrong_file_is_refused_by_its_own_error() {
    let file = join(COMPONENT, b"{}", b"[]");
    let check = |bytes: &[u8], expected: fn(&ReleaseError) -> bool| {
        let error = split(bytes).unwrap_err();
        assert!(expected(&error), "{error:?}");
    };
    check(b"", |e| *e == ReleaseError::NotWasm);
    check(b"#!/bin/sh\n", |e| *e == ReleaseError::NotWasm);
    check(b"\x7fELF\x02\x01\x01", |e| *e == ReleaseError::Precompiled);
    check(b"\0asm\x01\0\0\0", |e| *e == ReleaseError::CoreModule);
    check(b"\0asm\x0d\0", |e| matches!(e, ReleaseError::Truncated { .. }));
    check(b"\0asm\x0e\0\x01\0", |e| matches!(e, ReleaseError::Malformed(_)));
    check(COMPONENT, |e| *e == ReleaseError::Unsigned);
    check(&file[..file.len() - 1], |e| matches!(e, ReleaseError::Truncated { .. }));
    check(&[&file[..], &[0, 1, 0]].concat(), |e| *e == ReleaseError::Trailing);
    check(&[&file[..], &[0]].concat(), |e| *e == ReleaseError::Trailing);
    check(&join(&file, b"{}", b"[]"), |e| *e == ReleaseError::Trailing);
    check(&[COMPONENT, &[1, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat(), |e| matches!(e, ReleaseError::Malformed(_)));
    check(&[COMPONENT, &[1, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat(), |e| matches!(e, ReleaseError::Truncated { .. }));
    check(&[COMPONENT, &[1, 0x80]].concat(), |e| matches!(e, ReleaseError::Truncated { .. }));
    check(&join(COMPONENT, &[b' '; 256 * 1024 + 1], b"[]"), |e| matches!(e, ReleaseError::TooLarge { what: "release.json", .. }));
    check(&join(COMPONENT, b"{}", &[b' '; 64 * 1024 + 1]), |e| matches!(e, ReleaseError::TooLarge { what: "signatures.json", .. }));
    let mut many = COMPONENT[..8].to_vec();
    many.extend([1, 0].repeat(crate::limits::SECTIONS + 1));
    check(&many, |e| matches!(e, ReleaseError::TooManySections(_)));
}

fn section_with(payload: &[u8]) -> Vec<u8> {
    let name = RELEASE_SECTION.as_bytes();
    let size = u8::try_from(1 + name.len() + payload.len()).unwrap();
    [COMPONENT, &[0, size, u8::try_from(name.len()).unwrap()], name, payload].concat()
}

#[test]
fn a_section_holds_two_documents_and_nothing_else() {
    assert!(split(&section_with(b"\x02\0\0\0{}\x02\0\0\0[]")).is_ok());
    assert_eq!(split(&section_with(b"\x02\0\0\0{}\x02\0\0\0[]x")), Err(ReleaseError::TrailingInSection));
    for cut in [&b""[..], b"\x02", b"\x02\0\0\0{", b"\x02\0\0\0{}", b"\xff\xff\xff\xff{}", b"\x02\0\0\0{}\xff\xff\xff\x7f[]"] {
        let error = split(&section_with(cut)).unwrap_err().to_string();
        assert!(error.contains("cut off"), "{error}");
    }
    // The same section with its size in five bytes where one is enough.
    let good = section_with(b"\x02\0\0\0{}\x02\0\0\0[]");
    let at = COMPONENT.len() + 1;
    let long = [&good[..at], &[good[at] | 0x80, 0x80, 0x80, 0x80, 0], &good[at + 1..]].concat();
    assert!(split(&long).unwrap_err().to_string().contains("longer than needed"));
}

fn signed() -> (Vec<u8>, TrustStore) {
    let key = SecretKey::from_seed(&[7; 32]);
    let json = document().to_string().into_bytes();
    let file = join(COMPONENT, &json, &sign_release(&key, &json).to_bytes());
    let trusted = TrustedKey::new(&key.public(), "me", vec!["acme".into()], Tier::Local, "2026-01-01T00:00:00Z");
    (file, TrustStore { keys: vec![trusted] })
}

#[test]
fn a_signed_file_opens_and_one_changed_bit_closes_it() {
    let (file, trust) = signed();
    let opened = open(&file, &trust).unwrap();
    assert_eq!(opened.parts.component, COMPONENT);
    assert_eq!(opened.release_digest, sha256_hex(opened.parts.release_json));
    assert_eq!(opened.signers.len(), 1);
    for at in 0..file.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut forged = file.clone();
            forged[at] ^= bit;
            // Hex digits of a signature have an upper-case spelling of the same bytes.
            let same_bytes = forged[at].eq_ignore_ascii_case(&file[at])
                && open(&forged, &trust).is_ok_and(|o| o.parts.release_json == opened.parts.release_json);
            assert!(same_bytes || open(&forged, &trust).is_err(), "byte {at} bit {bit:#x}");
        }
    }
}

#[test]
fn a_component_under_another_release_does_not_open() {
    let (file, trust) = signed();
    let parts = split(&file).unwrap();
    let other = [COMPONENT, &[0, 2, 1, b'z']].concat();
    let forged = join(&other, parts.release_json, parts.signatures_json);
    assert!(matches!(open(&forged, &trust), Err(OpenError::Release(ReleaseError::WrongComponent { .. }))));
    let unread = join(COMPONENT, b"not json", parts.signatures_json);
    assert!(matches!(open(&unread, &trust), Err(OpenError::Signature(_))), "the signature is checked before anything is parsed");
}

fn section() -> impl Strategy<Value = Vec<u8>> {
    (1..12u8, proptest::collection::vec(any::<u8>(), 0..100))
        .prop_map(|(id, body)| [vec![id, u8::try_from(body.len()).unwrap()], body].concat())
}

fn component() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(section(), 0..6).prop_map(|sections| [COMPONENT.to_vec(), sections.concat()].concat())
}

fn document_bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..300)
}

proptest! {
    #![proptest_config(sampling::config(800))]

    #[test]
    fn any_component_and_documents_survive_joining(c in component(), r in document_bytes(), s in document_bytes()) {
        let file = join(&c, &r, &s);
        prop_assert_eq!(split(&file), Ok(Split { component: &c, release_json: &r, signatures_json: &s }));
        prop_assert_eq!(strip(&file), &c[..]);
        prop_assert_eq!(strip(&c), &c[..]);
    }

    #[test]
    fn a_damaged_file_never_panics_and_has_one_form(c in component(), r in document_bytes(), edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), cut in any::<prop::sample::Index>(), keep in any::<bool>()) {
        let mut file = join(&c, &r, b"{}");
        for (at, byte) in edits {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if !keep {
            file.truncate(cut.index(file.len()));
        }
        prop_assert!(file.starts_with(strip(&file)));
        if let Ok(parts) = split(&file) {
            prop_assert_eq!(join(parts.component, parts.release_json, parts.signatures_json), file);
        }
    }

    #[test]
    fn random_bytes_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..200), head in any::<bool>()) {
        let file = if head { [&COMPONENT[..8], &tail].concat() } else { tail };
        let _ = (split(&file).is_ok(), strip(&file).len(), Release::parse(&file).is_ok(), open(&file, &TrustStore::default()).is_ok());
    }
}
