use super::*;
use serde_json::json;

const JSON: &[u8] = br#"{"id":"acme/tool-x"}"#;
const ADDED: &str = "2026-01-01T00:00:00Z";

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn id(text: &str) -> PluginId {
    PluginId::new(text).unwrap()
}

fn trusting(seeds: &[u8]) -> TrustStore {
    let entry = |seed: &u8| TrustedKey::new(&key(*seed).public(), "someone", vec!["acme".into()], Tier::Local, ADDED);
    TrustStore { keys: seeds.iter().map(entry).collect() }
}

fn envelope(seeds: &[u8]) -> Signatures {
    Signatures { schema: 1, signatures: seeds.iter().flat_map(|seed| sign_release(&key(*seed), JSON).signatures).collect() }
}

fn verify(signatures: &Signatures, trust: &TrustStore) -> Result<Vec<Verified>, SignatureError> {
    verify_release(JSON, &signatures.to_bytes(), trust, &id("acme/tool-x"))
}

#[test]
fn a_good_signature_of_a_trusted_key_is_enough() {
    let signer = |seed: u8| Verified { keyid: key(seed).public().key_id(), tier: Tier::Local };
    assert_eq!(verify(&envelope(&[1]), &trusting(&[1])), Ok(vec![signer(1)]));
    assert_eq!(verify(&envelope(&[1, 2, 3]), &trusting(&[2, 3])), Ok(vec![signer(2), signer(3)]));
    let mut all = trusting(&[1]);
    all.keys[0].namespaces = vec!["*".into()];
    assert!(verify_release(JSON, &envelope(&[1]).to_bytes(), &all, &id("bob/y")).is_ok());
}

#[test]
fn each_way_to_fail_has_its_own_error_and_remedy() {
    let check = |found: Result<Vec<Verified>, SignatureError>, words: &[&str]| {
        let error = found.unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    let one = key(1).public();
    check(verify(&envelope(&[]), &trusting(&[1])), &["no signature", "skynet plugin sign"]);
    let mut shouted = envelope(&[1]);
    shouted.signatures[0].sig.make_ascii_uppercase();
    check(verify(&shouted, &trusting(&[1])), &["does not fit"]);
    check(verify(&envelope(&[1]), &trusting(&[2])), &[one.key_id().as_str(), "does not trust", "skynet key trust"]);
    let mut revoked = trusting(&[1]);
    revoked.revoke(&one.key_id(), "laptop stolen").unwrap();
    check(verify(&envelope(&[1]), &revoked), &["revoked: laptop stolen", one.key_id().as_str()]);
    check(verify(&envelope(&[1, 2]), &revoked), &["revoked"]);
    check(
        verify_release(JSON, &envelope(&[1]).to_bytes(), &trusting(&[1]), &id("bob/x")),
        &["trusted for acme", "--namespace bob", &one.text()],
    );
    check(verify_release(b"{}", &envelope(&[1]).to_bytes(), &trusting(&[1]), &id("acme/x")), &["does not fit", one.key_id().as_str()]);
    let mut swapped = trusting(&[1]);
    swapped.keys[0].public = key(2).public().text();
    check(verify(&envelope(&[1]), &swapped), &["unusable"]);
}

#[test]
fn a_revoked_key_does_not_spoil_a_good_signature() {
    let mut trust = trusting(&[1, 2]);
    trust.revoke(&key(1).public().key_id(), "rotated").unwrap();
    let signers = verify(&envelope(&[1, 2]), &trust).unwrap();
    assert_eq!(signers.len(), 1);
    assert_eq!(signers[0].keyid, key(2).public().key_id());
}

#[test]
fn one_bad_signature_condemns_the_file() {
    let mut mixed = envelope(&[1, 2]);
    mixed.signatures[1].sig = envelope(&[1]).signatures[0].sig.clone();
    assert_eq!(verify(&mixed, &trusting(&[1, 2])), Err(SignatureError::BadSignature { keyid: key(2).public().key_id() }));
}

#[test]
fn a_signature_under_another_key_id_is_bad() {
    let mut forged = envelope(&[9]);
    forged.signatures[0].keyid = key(1).public().key_id();
    assert!(matches!(verify(&forged, &trusting(&[1])), Err(SignatureError::BadSignature { .. })));
}

#[test]
fn a_signature_made_for_anything_else_does_not_pass() {
    let length = u64::try_from(JSON.len()).unwrap();
    let others = [
        JSON.to_vec(),
        [DOMAIN, JSON].concat(),
        [b"skynet-release-v2\0", &length.to_be_bytes()[..], JSON].concat(),
        [DOMAIN, &length.to_le_bytes(), JSON].concat(),
        [DOMAIN, &(length + 1).to_be_bytes(), JSON, b" "].concat(),
    ];
    for other in others {
        let mut forged = envelope(&[1]);
        forged.signatures[0].sig = hex::encode(key(1).0.sign(&other).to_bytes());
        assert!(matches!(verify(&forged, &trusting(&[1])), Err(SignatureError::BadSignature { .. })));
    }
}

#[test]
fn a_second_spelling_of_a_signature_is_refused() {
    // s + L is the same number to a lax verifier.
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut forged = envelope(&[1]);
    let mut bytes = hex::decode(&forged.signatures[0].sig).unwrap();
    let mut carry = 0u16;
    for (byte, add) in bytes[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    forged.signatures[0].sig = hex::encode(bytes);
    assert!(matches!(verify(&forged, &trusting(&[1])), Err(SignatureError::BadSignature { .. })));
}

#[test]
fn a_signature_that_only_a_lax_verifier_takes_is_refused() {
    // Its first half is the identity point, which an honest signer never makes.
    let lax =
        "01000000000000000000000000000000000000000000000000000000000000007f46b0ca5c4413a35287d4a6052efc3ccd1c40dd719b9ab2b5081a4a7c44b50b";
    let bytes: [u8; 64] = hex::decode(lax).unwrap().try_into().unwrap();
    let signature = ed25519_dalek::Signature::from_bytes(&bytes);
    assert!(ed25519_dalek::Verifier::verify(&key(1).public().0, &message(JSON), &signature).is_ok(), "else this shows nothing");
    let mut forged = envelope(&[1]);
    forged.signatures[0].sig = lax.into();
    assert!(matches!(verify(&forged, &trusting(&[1])), Err(SignatureError::BadSignature { .. })));
}

#[test]
fn every_changed_bit_of_a_signature_is_noticed() {
    let good = hex::decode(&envelope(&[1]).signatures[0].sig).unwrap();
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let mut forged = envelope(&[1]);
        forged.signatures[0].sig = hex::encode(bytes);
        assert!(verify(&forged, &trusting(&[1])).is_err(), "bit {bit}");
    }
}

#[test]
fn weak_public_keys_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    for weak in [[0; 32], identity] {
        assert!(PublicKey::from_bytes(&weak).is_err());
    }
}

#[test]
fn the_envelope_is_read_strictly() {
    let signature = json!(envelope(&[1]).signatures[0]);
    let keyid = signature["keyid"].as_str().unwrap().to_owned();
    let check = |text: String, word: &str| {
        let error = Signatures::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    check("".into(), "signatures.json is refused");
    check(json!({ "schema": 2, "signatures": [] }).to_string(), "schema 2");
    check(json!({ "schema": 1, "signatures": [], "x": 1 }).to_string(), "unknown field");
    check(json!({ "schema": 1, "signatures": [signature, signature] }).to_string(), "signed twice");
    check(r#"{"schema":1,"schema":1,"signatures":[]}"#.into(), "stands twice");
    check(json!({ "schema": 1, "signatures": vec![signature.clone(); 17] }).to_string(), "at most 16");
    check(json!({ "schema": 1, "signatures": [signature] }).to_string().replace(&keyid, &keyid.to_uppercase()), "not a key id");
    check(json!({ "schema": 1, "signatures": [] }).to_string() + "{}", "trailing");
    check(" ".repeat(70_000), "at most");
    for bad in ["", "00", &"zz".repeat(64), &"00".repeat(65)] {
        let mut forged = envelope(&[1]);
        forged.signatures[0].sig = bad.into();
        assert!(matches!(verify(&forged, &trusting(&[1])), Err(SignatureError::BadSignature { .. })), "{bad}");
    }
}

#[test]
fn keys_are_written_and_read_back() {
    let made = SecretKey::generate().unwrap();
    assert_ne!(made.seed(), SecretKey::generate().unwrap().seed());
    let public = made.public();
    assert_eq!(PublicKey::parse(&public.text()), Ok(public));
    assert_eq!(PublicKey::parse(&public.hex()), Ok(public));
    assert_eq!(SecretKey::from_seed(&made.seed()).public(), public);
    assert_eq!(public.key_id().as_str(), &sha256_hex(&public.to_bytes())[..16]);
    for evil in ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA", &"0".repeat(63)] {
        assert!(PublicKey::parse(evil).is_err(), "{evil}");
    }
}

#[test]
fn a_secret_key_is_not_shown() {
    let shown = format!("{:?}", key(1));
    assert!(!shown.contains(&hex::encode(key(1).seed().as_slice())) && shown.contains(key(1).public().key_id().as_str()), "{shown}");
}

#[test]
fn a_second_signature_joins_the_first_and_a_new_one_replaces_its_own() {
    let mut all = envelope(&[1]);
    all.merge(envelope(&[2]));
    all.merge(envelope(&[1]));
    assert_eq!(verify(&all, &trusting(&[1, 2])).unwrap().len(), 2);
    assert_eq!(all.signatures.len(), 2);
}
